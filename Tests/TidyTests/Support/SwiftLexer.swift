/// Tells the code of a Swift file from its comments and string literals, and nothing more.
///
/// It keeps what stands in an interpolation, which is code. A newline ends a one-line string whatever
/// came before, so that a regular expression with a quotation mark in it costs one line at most.
enum SwiftLexer {
    /// The text with every comment and every string literal replaced by spaces; lines stay where they are.
    static func codeOnly(_ text: String) -> String {
        var lexer = State(input: Array(text.utf8))
        lexer.run()
        return String(decoding: lexer.output, as: UTF8.self)
    }

    private struct Literal {
        let pounds: Int
        let isMultiline: Bool
        /// Parentheses open in the interpolation that is being read; nil while reading the string itself.
        var interpolation: Int?
    }

    private struct State {
        let input: [UInt8]
        var output: [UInt8] = []
        var position = 0
        var literals: [Literal] = []

        mutating func run() {
            output.reserveCapacity(input.count)
            while position < input.count {
                if let literal = literals.last, literal.interpolation == nil {
                    readString(literal)
                } else {
                    readCode()
                }
            }
        }

        private mutating func readCode() {
            if starts(with: "//") { return skipLine() }
            if starts(with: "/*") { return skipBlock() }
            let pounds = input[position...].prefix { $0 == UInt8(ascii: "#") }.count
            if at(position + pounds) == UInt8(ascii: "\"") { return openString(pounds: pounds) }
            if let depth = literals.last?.interpolation {
                switch input[position] {
                case UInt8(ascii: "("): literals[literals.count - 1].interpolation = depth + 1
                case UInt8(ascii: ")") where depth == 0:
                    literals[literals.count - 1].interpolation = nil
                    return blank(1)
                case UInt8(ascii: ")"): literals[literals.count - 1].interpolation = depth - 1
                default: break
                }
            }
            output.append(input[position])
            position += 1
        }

        private mutating func openString(pounds: Int) {
            blank(pounds)
            let isMultiline = starts(with: "\"\"\"")
            blank(isMultiline ? 3 : 1)
            literals.append(Literal(pounds: pounds, isMultiline: isMultiline, interpolation: nil))
        }

        private mutating func readString(_ literal: Literal) {
            let pounds = String(repeating: "#", count: literal.pounds)
            if starts(with: (literal.isMultiline ? "\"\"\"" : "\"") + pounds) {
                literals.removeLast()
                blank((literal.isMultiline ? 3 : 1) + literal.pounds)
            } else if !literal.isMultiline, input[position] == UInt8(ascii: "\n") {
                literals.removeLast()
            } else if starts(with: "\\" + pounds + "(") {
                blank(2 + literal.pounds)
                literals[literals.count - 1].interpolation = 0
            } else if starts(with: "\\" + pounds) {
                blank(2 + literal.pounds)
            } else {
                blank(1)
            }
        }

        private mutating func skipLine() {
            while position < input.count, input[position] != UInt8(ascii: "\n") { blank(1) }
        }

        private mutating func skipBlock() {
            var depth = 0
            repeat {
                if starts(with: "/*") {
                    depth += 1
                    blank(2)
                } else if starts(with: "*/") {
                    depth -= 1
                    blank(2)
                } else {
                    blank(1)
                }
            } while depth > 0 && position < input.count
        }

        private mutating func blank(_ count: Int) {
            for _ in 0..<count where position < input.count {
                output.append(input[position] == UInt8(ascii: "\n") ? UInt8(ascii: "\n") : UInt8(ascii: " "))
                position += 1
            }
        }

        private func at(_ index: Int) -> UInt8? { index < input.count ? input[index] : nil }
        private func starts(with text: String) -> Bool { input[position...].starts(with: text.utf8) }
    }
}
