/// One mistake that a tired engineer could make, as a change of the sources, to measure how soon the simulator finds it.
///
/// The change is written as a diff. Its added lines hold the word `PLANTED`, which is true in the lives that are run
/// with the bug and false in all others; so one build holds all bugs, and each of them asleep.
struct PlantedBug: Hashable, Sendable {
    static let placeholder = "PLANTED"

    /// Small letters, digits and dashes.
    var name: String
    /// What part of the broker or of its peers it is planted in: the title of its file.
    var room: String
    /// What is broken, and what it breaks.
    var sentence: String
    var changes: [Change] = []
    /// The file of the catalogue, and the line in which the bug begins.
    var file: String
    var line: Int

    /// A diff of one place of one file.
    struct Change: Hashable, Sendable {
        var path: String
        var lines: [Line] = []

        /// Lines that have to stand in the file as they are here, one below the other, just once.
        var original: [String] {
            lines.compactMap { line in
                switch line {
                case .kept(let text), .removed(let text): text
                case .added: nil
                }
            }
        }
    }

    enum Line: Hashable, Sendable {
        case kept(String)
        case removed(String)
        case added(String)
    }
}

/// Something in the catalogue that cannot be used, and where.
struct CatalogueProblem: Error, Hashable, Sendable, CustomStringConvertible {
    var file: String
    var line: Int
    var sentence: String

    init(_ file: String, _ line: Int, _ sentence: String) {
        self.file = file
        self.line = line
        self.sentence = sentence
    }

    init(_ bug: PlantedBug, _ sentence: String) { self.init(bug.file, bug.line, "\"\(bug.name)\" \(sentence)") }

    var description: String { "\(file):\(line): \(sentence)" }
}
