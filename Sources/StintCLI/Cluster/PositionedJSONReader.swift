/// Reads JSON as people write it by hand: `//` and `/* */` comments and a comma after the last element
/// are accepted (JSONC). Total: any bytes give a tree or a problem with line and column, in time linear
/// in the size. Keys given twice are refused, because parsers disagree about which one counts.
struct PositionedJSONReader {
    static let depthMax = 64
    static let bytesMax = 4 * 1024 * 1024

    private let bytes: [UInt8]
    private var offset = 0
    private var line = 1
    private var column = 1
    private var path: [String] = []
    /// Keys given twice do not stop the reading; they are reported with whatever else is wrong.
    private var duplicates: [ConfigProblem] = []

    /// The tree, or nil when the syntax is broken.
    ///
    /// - Parameter problems: Receives one problem for broken syntax, and one for each key given twice.
    static func read(_ bytes: [UInt8], problems: inout [ConfigProblem]) -> PositionedJSON? {
        guard bytes.count <= bytesMax else {
            problems.append(ConfigProblem(nil, "the file is larger than 4 MiB, the most that is read"))
            return nil
        }
        var reader = PositionedJSONReader(bytes: bytes)
        defer { problems += reader.duplicates }
        do {
            return try reader.document()
        } catch {
            problems.append(error)
            return nil
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func document() throws(ConfigProblem) -> PositionedJSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }  // the mark some editors put first
        try skipSpace()
        let root = try value(depth: 1)
        try skipSpace()
        guard next == nil else { throw expected("the end of the file") }
        return root
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(ConfigProblem) -> PositionedJSON {
        let start = place
        guard depth <= Self.depthMax else {
            throw ConfigProblem(start, "expected at most \(Self.depthMax) levels of lists and objects, got one more")
        }
        switch next {
        case UInt8(ascii: "{"):
            return PositionedJSON(value: .object(try members(depth: depth)), place: start)
        case UInt8(ascii: "["):
            return PositionedJSON(value: .list(try elements(depth: depth)), place: start)
        case UInt8(ascii: "\""):
            return PositionedJSON(value: .text(try text()), place: start)
        case let byte? where byte == UInt8(ascii: "-") || isDigit(byte):
            return PositionedJSON(value: .number(try number()), place: start)
        default:
            for (word, value) in [("true", PositionedJSON.Value.flag(true)), ("false", .flag(false)), ("null", .null)]
            where wordHere == word {
                for _ in word.utf8 { advance() }
                return PositionedJSON(value: value, place: start)
            }
            throw expected("a value (text in double quotes, a number, true, false, null, \"{\" or \"[\")")
        }
    }

    private mutating func members(depth: Int) throws(ConfigProblem) -> [PositionedJSON.Member] {
        advance()
        var members: [PositionedJSON.Member] = []
        var seen: [String: ConfigPlace] = [:]
        while true {
            try skipSpace()
            if next == UInt8(ascii: "}") { break }
            guard next == UInt8(ascii: "\"") else { throw expected("a key in double quotes or \"}\"") }
            let keyPlace = place
            let key = try text()
            try skipSpace()
            guard next == UInt8(ascii: ":") else { throw expected("\":\" after the key \"\(key)\"") }
            advance()
            try skipSpace()
            path.append(key.asPathPart)
            let value = try value(depth: depth + 1)
            if case .file(let line, let column)? = seen.updateValue(keyPlace, forKey: key) {
                duplicates.append(
                    ConfigProblem(
                        keyPlace, path: path.joined(separator: "."),
                        "given twice; it already stands in line \(line), column \(column). Keep one of the two"))
            } else {
                members.append(PositionedJSON.Member(key: key, keyPlace: keyPlace, value: value))
            }
            path.removeLast()
            try skipSpace()
            if next == UInt8(ascii: "}") { break }
            guard next == UInt8(ascii: ",") else { throw expected("\",\" or \"}\" after the value of \"\(key)\"") }
            advance()
        }
        advance()
        return members
    }

    private mutating func elements(depth: Int) throws(ConfigProblem) -> [PositionedJSON] {
        advance()
        var elements: [PositionedJSON] = []
        while true {
            try skipSpace()
            if next == UInt8(ascii: "]") { break }
            elements.append(try value(depth: depth + 1))
            try skipSpace()
            if next == UInt8(ascii: "]") { break }
            guard next == UInt8(ascii: ",") else { throw expected("\",\" or \"]\" after an element of the list") }
            advance()
        }
        advance()
        return elements
    }

    // MARK: Text and numbers

    private mutating func text() throws(ConfigProblem) -> String {
        let start = place
        advance()
        var utf8: [UInt8] = []
        while let byte = next, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") {
                utf8 += Array(String(try escape()).utf8)
            } else if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                throw ConfigProblem(start, "expected a closing double quote in the line where the text begins")
            } else if byte < 0x20 {
                throw expected("control characters in text as escapes, such as \\t")
            } else {
                utf8.append(byte)
                advance()
            }
        }
        guard next != nil else {
            throw ConfigProblem(start, "expected a closing double quote, got the end of the file")
        }
        advance()
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw ConfigProblem(start, "expected text in UTF-8, got bytes that are not. Save the file as UTF-8")
        }
        return text
    }

    private mutating func escape() throws(ConfigProblem) -> Unicode.Scalar {
        advance()
        let simple: [UInt8: Unicode.Scalar] = [
            UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
            UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
        ]
        if let byte = next, let scalar = simple[byte] {
            advance()
            return scalar
        }
        guard next == UInt8(ascii: "u") else {
            throw expected("one of \" \\ / b f n r t u after a backslash")
        }
        let start = place
        var code = try fourHexadecimalDigits()
        if (0xD800..<0xDC00).contains(code), next == UInt8(ascii: "\\") {
            advance()
            guard next == UInt8(ascii: "u") else { throw expected("u, for the second half of a surrogate pair") }
            let low = try fourHexadecimalDigits()
            // Any other second half leaves `code` out of the range of scalars, and is refused below.
            if (0xDC00..<0xE000).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw ConfigProblem(start, "expected a character, got half of a surrogate pair")
        }
        return scalar
    }

    private mutating func fourHexadecimalDigits() throws(ConfigProblem) -> UInt32 {
        advance()
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw expected("four hexadecimal digits after \\u")
            }
            code = code << 4 | UInt32(digit)
            advance()
        }
        return code
    }

    private mutating func number() throws(ConfigProblem) -> String {
        let start = offset
        if next == UInt8(ascii: "-") { advance() }
        if next == UInt8(ascii: "0") { advance() } else { try digits() }
        if next == UInt8(ascii: ".") {
            advance()
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            advance()
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { advance() }
            try digits()
        }
        let number = String(decoding: bytes[start..<offset], as: UTF8.self)
        if !wordHere.isEmpty {
            throw ConfigProblem(
                place,
                """
                expected the end of the number, got "\(wordHere)". A value with a unit is text: "\(number)\(wordHere)"
                """
            )
        }
        return number
    }

    private mutating func digits() throws(ConfigProblem) {
        guard let first = next, isDigit(first) else { throw expected("a digit") }
        while let byte = next, isDigit(byte) { advance() }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    // MARK: Moving on

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private var place: ConfigPlace { .file(line: line, column: column) }

    /// The letters from here on, at most 20, for keywords and for messages.
    private var wordHere: String {
        let letters = bytes[offset...].prefix(20).prefix { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        return String(decoding: letters, as: UTF8.self)
    }

    private mutating func advance() {
        precondition(offset < bytes.count)
        if bytes[offset] == UInt8(ascii: "\n") {
            line += 1
            column = 0
        }
        offset += 1
        // A column is a scalar: the bytes that continue one do not count.
        if next.map({ $0 & 0xC0 != 0x80 }) ?? true { column += 1 }
    }

    private mutating func skipSpace() throws(ConfigProblem) {
        while let byte = next {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): advance()
            case UInt8(ascii: "/"): try skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() throws(ConfigProblem) {
        let start = place
        advance()
        switch next {
        case UInt8(ascii: "/"):
            while let byte = next, byte != UInt8(ascii: "\n") { advance() }
        case UInt8(ascii: "*"):
            advance()
            var previous: UInt8 = 0
            while let byte = next {
                advance()
                if previous == UInt8(ascii: "*"), byte == UInt8(ascii: "/") { return }
                previous = byte
            }
            throw ConfigProblem(start, "expected */ at the end of this comment, got the end of the file")
        default:
            throw expected("// or /* for a comment")
        }
    }

    private func expected(_ what: String) -> ConfigProblem {
        let word = wordHere
        // Else the first scalar, also when the bytes are no UTF-8.
        let first = String(decoding: bytes[offset...].prefix(4), as: UTF8.self).unicodeScalars.prefix(1)
        let got = next == nil ? "the end of the file" : "\"\(word.isEmpty ? String(first) : word)\"".escapedControls
        return ConfigProblem(place, "expected \(what), got \(got)")
    }
}
