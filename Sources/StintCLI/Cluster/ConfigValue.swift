import StintCore

/// One kind of value: how it is read, what the message says that was expected, and what the schema
/// and the reference page say about it. The kinds that any configuration needs; those that only Stint
/// has stand below the keys, in `ClusterConfig+Kinds.swift`.
struct ConfigValue<Value: Sendable>: Sendable {
    /// What to write: the column "unit" of the tables.
    var unit: String
    /// Markdown; empty when anything goes.
    var range: String
    var schema: SchemaJSON
    /// A value as it would stand in the file; nil when there is nothing to show.
    var show: @Sendable (Value) -> SchemaJSON?
    var sections: [SectionPage] = []
    /// The value, or nil after reporting why not. `onto` is what stands there so far: objects change
    /// parts of it, all others replace it.
    var read: @Sendable (PositionedJSON, _ path: String, _ onto: Value, inout [ConfigProblem]) -> Value?

    init(
        unit: String, range: String, schema: SchemaJSON,
        show: @escaping @Sendable (Value) -> SchemaJSON? = { _ in nil },
        sections: [SectionPage] = [],
        read: @escaping @Sendable (PositionedJSON, _ path: String, _ onto: Value, inout [ConfigProblem]) -> Value?
    ) {
        self.unit = unit
        self.range = range
        self.schema = schema
        self.show = show
        self.sections = sections
        self.read = read
    }

    /// A value without parts, described by one phrase after "expected".
    init(
        unit: String, range: String, expected: String, schema: SchemaJSON,
        show: @escaping @Sendable (Value) -> SchemaJSON?, parse: @escaping @Sendable (PositionedJSON.Value) -> Value?
    ) {
        self.init(unit: unit, range: range, schema: schema, show: show) { node, path, _, problems in
            if let value = parse(node.value) { return value }
            problems.append(ConfigProblem(node.place, path: path, "expected \(expected), got \(node)"))
            return nil
        }
    }
}

/// What a field that may be nil can hold: something to read onto when nothing stands there yet.
protocol Defaulted { init() }
extension String: Defaulted {}
extension Int: Defaulted {}

extension ConfigValue where Value: Defaulted {
    /// The same, for a field that holds nil when the key is absent.
    var optional: ConfigValue<Value?> {
        ConfigValue<Value?>(
            unit: unit, range: range, schema: schema, show: { $0.flatMap(show) }, sections: sections,
            read: { node, path, onto, problems in read(node, path, onto ?? Value(), &problems) })
    }
}

// MARK: Plain values

extension ConfigValue where Value == String {
    /// Text by a rule. NUL is never accepted: no path, argument or variable can carry it.
    static func text(
        unit: String, range: String, expected: String, pattern: String? = nil,
        isValid: @escaping @Sendable (String) -> Bool
    ) -> Self {
        var schema: [(String, SchemaJSON)] = [("type", "string")]
        if let pattern { schema.append(("pattern", .text(pattern))) }
        return ConfigValue(
            unit: unit, range: range, expected: expected, schema: .object(schema), show: { .text($0) },
            parse: { value in
                guard case .text(let text) = value, !text.utf8.contains(0), isValid(text) else { return nil }
                return text
            })
    }

    static var name: Self {
        .text(
            unit: "name", range: TypeName.rule, expected: "a name of \(TypeName.rule)",
            pattern: #"^[A-Za-z0-9._-]{1,128}$"#,
            isValid: { TypeName.isValid($0) })
    }

    static var folder: Self {
        .text(unit: "path", range: "", expected: "the path of a folder", pattern: "^.", isValid: { !$0.isEmpty })
    }
}

extension ConfigValue where Value == Bool {
    static var flag: Self {
        ConfigValue(
            unit: "true or false", range: "", expected: "true or false", schema: ["type": "boolean"],
            show: { .flag($0) },
            parse: { value in if case .flag(let flag) = value { flag } else { nil } })
    }
}

extension ConfigValue where Value == Int {
    static func wholeNumber(_ allowed: ClosedRange<Int>) -> Self {
        ConfigValue(
            unit: "whole number", range: "\(allowed.lowerBound) to \(allowed.upperBound)",
            expected: "a whole number from \(allowed.lowerBound) to \(allowed.upperBound)",
            schema: [
                "type": "integer", "minimum": .number(allowed.lowerBound), "maximum": .number(allowed.upperBound),
            ],
            show: { .number($0) },
            parse: { value in
                guard case .number(let digits) = value, let number = Int(digits), allowed.contains(number) else {
                    return nil
                }
                return number
            })
    }

    static func size(_ allowed: ClosedRange<Int>) -> Self {
        let least = HumanUnits.string(bytes: allowed.lowerBound), most = HumanUnits.string(bytes: allowed.upperBound)
        return ConfigValue(
            unit: "size", range: "`\(least)` to `\(most)`",
            expected: "a size from \(least) to \(most) (such as \(HumanUnits.sizeExamples))",
            schema: ["type": "string", "pattern": #"^[0-9]+([KMGT]i?)?B$"#],
            show: { .text(HumanUnits.string(bytes: $0)) },
            parse: { value in
                guard case .text(let text) = value, let bytes = try? HumanUnits.size(text), allowed.contains(bytes)
                else {
                    return nil
                }
                return bytes
            })
    }
}

extension ConfigValue where Value == Double {
    static func number(_ allowed: ClosedRange<Int>) -> Self {
        ConfigValue(
            unit: "number", range: "\(allowed.lowerBound) to \(allowed.upperBound)",
            expected: "a number from \(allowed.lowerBound) to \(allowed.upperBound)",
            schema: ["type": "number", "minimum": .number(allowed.lowerBound), "maximum": .number(allowed.upperBound)],
            show: { Int(exactly: $0).map(SchemaJSON.number) },
            parse: { value in
                guard case .number(let digits) = value, let number = Double(digits),
                    (Double(allowed.lowerBound)...Double(allowed.upperBound)).contains(number)
                else { return nil }
                return number
            })
    }
}

extension ConfigValue where Value == Duration {
    static func duration(_ allowed: ClosedRange<Duration>) -> Self {
        let least = HumanUnits.string(allowed.lowerBound), most = HumanUnits.string(allowed.upperBound)
        return ConfigValue(
            unit: "duration", range: "`\(least)` to `\(most)`",
            expected: "a duration from \(least) to \(most) (such as \(HumanUnits.durationExamples))",
            schema: [
                "type": "string",
                "pattern": #"^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"#,
            ],
            show: { .text(HumanUnits.string($0)) },
            parse: { value in
                guard case .text(let text) = value, let duration = try? HumanUnits.duration(text),
                    allowed.contains(duration)
                else { return nil }
                return duration
            })
    }
}

extension ConfigValue where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: Self {
        let words = Value.allCases.map(\.rawValue)
        return ConfigValue(
            unit: "word", range: words.map { "`\"\($0)\"`" }.joined(separator: " or "),
            expected: words.map { "\"\($0)\"" }.joined(separator: " or "),
            schema: ["enum": .list(words.map { .text($0) })], show: { .text($0.rawValue) },
            parse: { value in if case .text(let text) = value { Value(rawValue: text) } else { nil } })
    }
}

// MARK: Values with parts

extension ConfigValue {
    static func object(_ section: ConfigSection<Value>) -> Self {
        ConfigValue(unit: "object", range: "", schema: section.schema, sections: section.pages) {
            section.read($0, $1, onto: $2, &$3)
        }
    }

    /// An object whose keys are names chosen by the user; all values follow one section. Here keys
    /// that begin with `x-` are names like any other: a job type may be called that.
    ///
    /// - Parameter named: What the names are, for the page: `<type>`.
    static func named<Element>(_ named: String, _ section: ConfigSection<Element>, countMax: Int) -> Self
    where Value == [String: Element] {
        ConfigValue(
            unit: "object: `\(named)` → object", range: "",
            schema: .namedObjects(pattern: #"^[A-Za-z0-9._-]{1,128}$"#, section.schema),
            sections: section.pages.map { $0.below(named) }
        ) { node, path, _, problems in
            guard let members = node.members else {
                problems.append(ConfigProblem(node.place, path: path, "expected an object, {…}, got \(node)"))
                return nil
            }
            if members.count > countMax {
                problems.append(
                    ConfigProblem(node.place, path: path, "expected at most \(countMax) names, got \(members.count)"))
            }
            var elements: [String: Element] = [:]
            for member in members {
                let memberPath = "\(path).\(member.key.asPathPart)"
                member.checkName(memberPath, &problems)
                elements[member.key] = section.read(member.value, memberPath, onto: section.start, &problems)
            }
            return elements
        }
    }
}

extension PositionedJSON.Member {
    func checkName(_ path: String, _ problems: inout [ConfigProblem]) {
        guard !TypeName.isValid(key) else { return }
        problems.append(
            ConfigProblem(
                keyPlace, path: path,
                "expected a name of \(TypeName.rule), got \("\"\(key.prefix(140))\"".escapedControls)"))
    }
}
