/// Whether a text is JSON, to the letter of RFC 8259. Foundation's reader lets more pass (a comma before a closing
/// bracket, for one), and what is handed on unread must be fit for stricter readers than ours.
package struct JSONGrammar {
    /// Containers in containers, at most: as deep as Foundation goes.
    package static let depthMax = 512

    /// Why a text is not JSON.
    package enum Mistake: Hashable, Sendable {
        case notUTF8
        /// The value is not finished, or there is none.
        case endsEarly
        /// The byte here, counted from 0, cannot stand where it stands.
        case unexpected(at: Int)
        case tooDeep
    }

    private let bytes: [UInt8]
    private var place = 0
    private var isTooDeep = false

    package static func accepts(_ text: [UInt8]) -> Bool { mistake(in: text) == nil }

    /// The first mistake; nil when the text is JSON.
    package static func mistake(in text: [UInt8]) -> Mistake? {
        guard String(validating: text, as: UTF8.self) != nil else { return .notUTF8 }
        var grammar = JSONGrammar(bytes: text)
        grammar.skipSpace()
        if grammar.value(depth: 0) {
            grammar.skipSpace()
            if grammar.place == text.count { return nil }
        }
        if grammar.isTooDeep { return .tooDeep }
        return grammar.place < text.count ? .unexpected(at: grammar.place) : .endsEarly
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        place += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
    }

    private mutating func value(depth: Int) -> Bool {
        guard depth <= Self.depthMax else {
            isTooDeep = true
            return false
        }
        guard let first = next else { return false }
        switch first {
        case UInt8(ascii: "{"): return container(closing: UInt8(ascii: "}"), depth: depth, named: true)
        case UInt8(ascii: "["): return container(closing: UInt8(ascii: "]"), depth: depth, named: false)
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return number()
        }
    }

    private mutating func container(closing: UInt8, depth: Int, named: Bool) -> Bool {
        place += 1
        skipSpace()
        if take(closing) { return true }
        while true {
            if named {
                guard string() else { return false }
                skipSpace()
                guard take(UInt8(ascii: ":")) else { return false }
                skipSpace()
            }
            guard value(depth: depth + 1) else { return false }
            skipSpace()
            if take(closing) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
            skipSpace()
        }
    }

    private mutating func string() -> Bool {
        guard take(UInt8(ascii: "\"")) else { return false }
        while let byte = next {
            guard byte >= 0x20 else { return false }
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"): guard escape() else { return false }
            default: break
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        guard let byte = next else { return false }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            place += 1
            return true
        case UInt8(ascii: "u"):
            place += 1
            for _ in 0..<4 {
                guard let digit = next, Self.isHexadecimal(digit) else { return false }
                place += 1
            }
            return true
        default: return false
        }
    }

    private mutating func number() -> Bool {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { guard digits() else { return false } }
        if take(UInt8(ascii: ".")) { guard digits() else { return false } }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = place
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
        return place > start
    }

    private mutating func word(_ word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { return false }
        }
        return true
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
