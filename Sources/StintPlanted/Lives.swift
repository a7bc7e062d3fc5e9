import Foundation

/// Simulated lives in a process of their own, watched from outside: what ends the process, or keeps it from ever ending,
/// counts as well as a rule that is broken.
struct Lives {
    enum End: Equatable {
        /// None of them broke anything.
        case passed
        case broken(seed: UInt64, rule: String)
    }

    /// The longest of lives takes some seconds; one that takes so long goes on for ever.
    private static let patience: Duration = .seconds(120)

    let simulator: String
    /// The bug that is awake.
    var bug: PlantedBug?

    /// - Parameter digests: Receives, by seed, a number of everything that happened in the life.
    func run(_ seeds: ClosedRange<UInt64>, digests: inout [UInt64: String]) throws -> End {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: simulator)
        process.arguments = ["--seeds", "\(seeds.lowerBound)..\(seeds.upperBound)", "--brief", "--verbose", "--digest"]
        var environment = ProcessInfo.processInfo.environment
        environment[Planting.variable] = bug?.name
        // A life that traps is told by where it did.
        environment["SWIFT_BACKTRACE"] = "enable=yes,color=no,threads=crashed,limit=6,registers=none,images=none"
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // Ours would keep the pipe open.
        try output.fileHandleForWriting.close()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        return try watch(output.fileHandleForReading.fileDescriptor, seeds, process, &digests)
    }

    private func watch(
        _ descriptor: Int32, _ seeds: ClosedRange<UInt64>, _ process: Process, _ digests: inout [UInt64: String]
    ) throws -> End {
        var lines = LineReader(descriptor)
        var seed = seeds.lowerBound
        var isBroken = false
        var place: String?
        while true {
            switch lines.next(within: Self.patience) {
            case .silence: return .broken(seed: seed, rule: "the life does not end")
            case .end:
                process.waitUntilExit()
                if process.terminationReason == .exit, process.terminationStatus == 0 { return .passed }
                return .broken(seed: seed, rule: Rule.ofTrap(in: place))
            case .line(let line):
                if isBroken { return .broken(seed: seed, rule: Rule.of(line)) }
                let words = line.split(separator: " ")
                if words.count == 2, words[0] == "seed", let begun = UInt64(words[1]) {
                    seed = begun
                } else if words.count == 2, let lived = UInt64(words[0]) {
                    digests[lived] = String(words[1])
                } else if line.hasSuffix("breaks a rule:") {
                    isBroken = true
                } else if place == nil {
                    place = Rule.place(inBacktrace: line)
                }
            }
        }
    }
}

/// What a broken rule is called, whoever broke it.
enum Rule {
    /// The sentence without the names and numbers of one life.
    static func of(_ sentence: String) -> String {
        var rule = sentence.trimmingCharacters(in: .whitespaces)
        rule = rule.replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "a job")
        rule = rule.replacing(/\b[0-9a-f]{32}\b/, with: "a token")
        rule = rule.replacing(/\b(worker|client)-[0-9]+/, with: { "a \($0.output.1)" })
        rule = rule.replacing(/Counts\([^)]*\)/, with: "others")
        rule = rule.replacing(/JobRow\(.*?plan: [0-9]+\)/, with: "a row")
        rule = rule.replacing(/-?[0-9]+(\.[0-9]+)?(e-[0-9]+)?( seconds)?/, with: "n")
        return rule.count > 110 ? rule.prefix(109) + "…" : rule
    }

    /// Our own assertions, which stay in the product.
    static func ofTrap(in place: String?) -> String {
        place.map { "the process ends: a precondition of `\($0)`" } ?? "the process ends"
    }

    /// The function that a line of a backtrace is about, if it is one of ours.
    static func place(inBacktrace line: String) -> String? {
        guard line.contains("/Sources/Stint"), !line.contains("[system]") else { return nil }
        return line.firstMatch(of: /0x[0-9a-f]+ (?:[a-z]+ )*([A-Z][A-Za-z.]+)/).map { String($0.output.1) }
    }
}

/// Lines of a pipe, awaited for no longer than one likes.
private struct LineReader {
    enum Next { case line(String), end, silence }

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isAtEnd = false

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    mutating func next(within patience: Duration) -> Next {
        while true {
            if let newline = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffer.removeSubrange(...newline) }
                return .line(String(decoding: buffer[..<newline], as: UTF8.self))
            }
            if isAtEnd {
                if buffer.isEmpty { return .end }
                defer { buffer.removeAll() }
                return .line(String(decoding: buffer, as: UTF8.self))
            }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&polled, 1, Int32(patience / .milliseconds(1)))
            if count == 0 { return .silence }
            if count < 0 { continue }  // interrupted
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let got = read(descriptor, &chunk, chunk.count)
            if got > 0 { buffer += chunk[..<got] } else if got == 0 || errno != EINTR { isAtEnd = true }
        }
    }
}
