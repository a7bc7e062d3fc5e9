/// A word that may not stand in some part of the code, and what to write in its place.
struct BannedWord: Sendable {
    let word: String
    /// Path prefixes where the ban holds, and those inside them where it does not.
    let places: [String]
    var exceptions: [String] = []
    let instead: String

    func applies(to path: String) -> Bool {
        places.contains(where: path.hasPrefix) && !exceptions.contains(where: path.hasPrefix)
    }

    private static let core = ["Sources/StintCore/"]
    private static let clock = "take the `Moment` that the loop read once for this turn"
    private static let chance = "take a `SeededRandom` as an argument, so that the same seed gives the same trace"
    private static let terminal = "log through swift-log, or return the text to the command that prints it"
    private static let programs = [
        "Sources/StintCLI/", "Sources/StintSim/", "Sources/StintPlanted/", "Sources/StintTorture/",
        "Sources/StintSiege/",
    ]
    private static let sleeping = "await the event itself, or move time by hand in a simulation"

    static let all: [BannedWord] =
        ["Date(", ".now", "ContinuousClock", "SuspendingClock", "DispatchTime", "clock_gettime("].map {
            BannedWord(word: $0, places: core, instead: clock)
        }
        + [".random(", ".randomElement(", ".shuffle(", ".shuffled(", "SystemRandomNumberGenerator", "UUID("].map {
            BannedWord(word: $0, places: core, instead: chance)
        }
        + ["hashValue", "Hasher("].map {
            BannedWord(
                word: $0, places: core, instead: "Swift seeds hashes anew in every process; compare or digest the value"
            )
        }
        + ["print(", "debugPrint(", "dump("].map {
            BannedWord(word: $0, places: ["Sources/"], exceptions: programs, instead: terminal)
        }
        + [
            BannedWord(
                word: "try!", places: ["Sources/", "Examples/"],
                instead: "let the error travel, or handle it and say what it means"),
            BannedWord(
                word: "as!", places: ["Sources/", "Examples/"], instead: "use `as?` and refuse what is of another type"),
        ]
        + [
            BannedWord(
                word: "_read", places: ["Sources/", "Examples/"],
                instead: "use `get`: Swift 6.3, unoptimised, looks at a large value when the coroutine that lent it is "
                    + "gone (swiftlang/swift#89836); optimised, both cost the same")
        ]
        + [".wait(timeout:", "dispatch_semaphore_wait"].map {
            BannedWord(
                word: $0, places: ["Sources/"],
                instead:
                    "wait on a `Waker`: on Linux a timed wait of Dispatch ends by the wall clock, which can be set back"
            )
        }
        + ["sleep(", "usleep(", "nanosleep(", "sleep_until("].map {
            BannedWord(word: $0, places: ["Tests/"], instead: sleeping)
        }
}

enum BannedWords {
    static func findings(in file: SourceFile, words: [BannedWord] = BannedWord.all) -> [Finding] {
        guard file.isSwift, !file.isGenerated else { return [] }
        return words.filter { $0.applies(to: file.path) }.flatMap { banned in
            file.lines(with: banned.word).map {
                Finding(file.path, $0, "\"\(banned.word)\" is banned here: \(banned.instead)")
            }
        }
    }

    // What the compiler is told to believe, and the words of which one belongs into the proof above it.
    private static let promises = ["@unchecked Sendable", "nonisolated(unsafe)"]
    private static let proof = [
        "sendable", "safe", "thread", "lock", "mutex", "race", "immutable", "isolat", "concurren", "atomic",
    ]

    /// A promise to the compiler about threads needs the sentence that proves it, right above.
    static func unprovenFindings(in file: SourceFile) -> [Finding] {
        guard file.isSwift, !file.isGenerated else { return [] }
        return promises.flatMap { promise in
            file.lines(with: promise).compactMap { number in
                let comment = commentAbove(line: number, in: file).lowercased()
                guard !proof.contains(where: comment.contains) else { return nil }
                return Finding(
                    file.path, number,
                    "\"\(promise)\" stands without its proof: say in a comment right above why no two threads can meet here"
                )
            }
        }
    }

    /// The comment lines directly above a line; attributes may stand between.
    private static func commentAbove(line number: Int, in file: SourceFile) -> String {
        var comment: [String] = []
        for line in file.lines[..<(number - 1)].reversed().map({ $0.drop { $0 == " " } }) {
            if line.hasPrefix("//") {
                comment.append(String(line))
            } else if !line.hasPrefix("@") {
                break
            }
        }
        return comment.joined(separator: " ")
    }
}
