/// A JSON value that remembers where each value and each key was written. `JSONDecoder` knows a
/// position only for errors of syntax; a mistake in a configuration is mostly one of meaning, and the
/// reader of the message wants the line all the same.
struct PositionedJSON: Sendable {
    enum Value: Sendable {
        case null
        case flag(Bool)
        /// The digits as written: whether they fit a whole number is for the key to judge.
        case number(String)
        case text(String)
        case list([PositionedJSON])
        /// In the order of the file; no key twice.
        case object([Member])
    }

    struct Member: Sendable {
        let key: String
        let keyPlace: ConfigPlace
        var value: PositionedJSON
    }

    var value: Value
    /// The first character of the value.
    let place: ConfigPlace

    /// The members when this is an object.
    var members: [Member]? {
        if case .object(let members) = value { members } else { nil }
    }

    func member(_ key: String) -> Member? { members?.first { $0.key == key } }

    /// This tree with one more value in it, at the end of the keys; objects on the way are made when
    /// absent. What stands in the way and is no object stays: it is reported when it is read.
    func setting(_ keys: ArraySlice<String>, to text: String, at place: ConfigPlace) -> PositionedJSON {
        guard let key = keys.first else { return PositionedJSON(value: .text(text), place: place) }
        guard var members else { return self }
        let index = members.firstIndex { $0.key == key }
        let old = index.map { members[$0].value } ?? PositionedJSON(value: .object([]), place: place)
        let new = Member(
            key: key, keyPlace: place, value: old.setting(keys.dropFirst(), to: text, at: place))
        if let index { members[index] = new } else { members.append(new) }
        return PositionedJSON(value: .object(members), place: self.place)
    }
}

extension PositionedJSON: CustomStringConvertible {
    /// The value for the end of "expected …, got …": short, on one line, without what lists and
    /// objects hold.
    var description: String {
        switch value {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let digits): digits.count > 40 ? "\(digits.prefix(40))…" : digits
        case .text(let text):
            text.count > 60 ? "\"\(text.prefix(60))…\"".escapedControls : "\"\(text)\"".escapedControls
        case .list: "a list"
        case .object: "an object"
        }
    }
}

extension String {
    /// With control characters written as `\u{7}`, so that a message stays one line and cannot drive a terminal.
    var escapedControls: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            text += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
    }

    /// A key as part of a path: in quotes when it would be mistaken for several.
    var asPathPart: String {
        let isPlain =
            !isEmpty
            && unicodeScalars.allSatisfy { $0.properties.isAlphabetic || "0123456789_-$*".unicodeScalars.contains($0) }
        return isPlain ? self : "\"\(self)\"".escapedControls
    }
}
