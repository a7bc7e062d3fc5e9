/// One source, three outputs: the keys of `cluster.json` are listed once (`ClusterConfig+Keys.swift`),
/// and from that list come the reading with all its messages, the JSON Schema for editors, and the
/// tables of `docs/CONFIGURATION.md`. A key that is not in the list does not exist.
///
/// A section is an object with fixed keys; a key says what it means, what kind of value it takes
/// (`ConfigValue`) and where the value goes. The default is what the owner holds when it is made.
struct ConfigSection<Owner: Sendable>: Sendable {
    /// One sentence above the table.
    let summary: String
    /// The owner with all defaults.
    let start: Owner
    let keys: [ConfigKey<Owner>]
    /// Of these keys exactly one must be given.
    var exactlyOneOf: [String] = []
    var rules: [ConfigRule<Owner>] = []
    /// Keys that are looked for here and stand somewhere else: key → where.
    var elsewhere: [String: String] = [:]
}

/// A rule over several keys of one section, on the values that count in the end, with defaults.
struct ConfigRule<Owner: Sendable>: Sendable {
    /// The keys it reads. Checked when at least one of them was given and all could be read; the
    /// first of them that was given is the one that is blamed.
    let keys: [String]
    /// What is wrong, or nil.
    let violation: @Sendable (Owner) -> String?
}

struct ConfigKey<Owner: Sendable>: Sendable {
    let name: String
    let meaning: String
    let isRequired: Bool
    /// The variable of the environment that overrides the file.
    let variable: String?
    let unit: String
    let range: String
    let valueSchema: SchemaJSON
    /// The default, as it would stand in the file.
    let defaultValue: @Sendable (Owner) -> SchemaJSON?
    /// What the table says instead of the default.
    let defaultNote: String?
    /// The sections inside the value, for the page.
    let sections: [SectionPage]
    let read: @Sendable (PositionedJSON, _ path: String, inout Owner, inout [ConfigProblem]) -> Void

    /// - Parameter pageName: The name of the value's sections on the page, where several keys share them.
    init<Value>(
        _ name: String, _ value: ConfigValue<Value>, _ field: any WritableKeyPath<Owner, Value> & Sendable,
        _ meaning: String, defaultNote: String? = nil, variable: String? = nil, isRequired: Bool = false,
        pageName: String? = nil
    ) {
        self.name = name
        self.meaning = meaning
        self.isRequired = isRequired
        self.variable = variable
        self.unit = value.unit
        self.range = value.range
        self.valueSchema = value.schema
        self.defaultValue = { isRequired ? nil : value.show($0[keyPath: field]) }
        self.defaultNote = isRequired ? "required" : defaultNote
        self.sections = value.sections.map { $0.below(pageName ?? name) }
        self.read = { node, path, owner, problems in
            if let new = value.read(node, path, owner[keyPath: field], &problems) { owner[keyPath: field] = new }
        }
    }

    /// A key without which the field holds nil.
    init<Value: Defaulted>(
        _ name: String, _ value: ConfigValue<Value>, _ field: any WritableKeyPath<Owner, Value?> & Sendable,
        _ meaning: String, defaultNote: String, variable: String? = nil
    ) {
        self.init(name, value.optional, field, meaning, defaultNote: defaultNote, variable: variable)
    }

    /// A key that is accepted and has no effect here.
    init(ignored name: String, _ meaning: String, unit: String) {
        self.name = name
        self.meaning = meaning
        self.unit = unit
        isRequired = false
        variable = nil
        range = ""
        valueSchema = ["type": "string"]
        defaultValue = { _ in nil }
        defaultNote = nil
        sections = []
        read = { _, _, _, _ in }
    }
}

extension ConfigSection {
    /// Reads an object key by key onto what its owner holds already. Reports everything that is wrong
    /// in it, and returns what could be read: a caller looks at `problems` before it uses any of it.
    func read(
        _ node: PositionedJSON, _ path: String, onto owner: Owner, _ problems: inout [ConfigProblem]
    ) -> Owner? {
        guard let members = node.members else {
            problems.append(ConfigProblem(node.place, path: path, "expected an object, {…}, got \(node)"))
            return nil
        }
        var owner = owner
        var unreadable: Set<String> = []
        var meant: Set<String> = []
        for member in members where !member.key.hasPrefix("x-") {
            let memberPath = path.isEmpty ? member.key.asPathPart : "\(path).\(member.key.asPathPart)"
            guard let key = keys.first(where: { $0.name == member.key }) else {
                let suggestion = Spelling.closest(to: member.key, among: keys.map(\.name))
                if let suggestion { meant.insert(suggestion) }
                problems.append(
                    ConfigProblem(
                        member.keyPlace, path: memberPath, unknown(member.key, suggestion: suggestion)))
                continue
            }
            let problemsBefore = problems.count
            key.read(member.value, memberPath, &owner, &problems)
            if problems.count > problemsBefore { unreadable.insert(key.name) }
        }
        // A mistyped key is one mistake, not two: it is not missing as well.
        let present = meant.union(members.map(\.key))
        reportMissing(present, node, path, &problems)
        for rule in rules where unreadable.isDisjoint(with: rule.keys) {
            guard let blamed = rule.keys.lazy.compactMap({ node.member($0) }).first,
                let violation = rule.violation(owner)
            else { continue }
            let blamedPath = path.isEmpty ? blamed.key : "\(path).\(blamed.key)"
            problems.append(ConfigProblem(blamed.value.place, path: blamedPath, violation))
        }
        return owner
    }

    private func unknown(_ key: String, suggestion: String?) -> String {
        if let place = elsewhere[key] { return "unknown key here; it belongs in \(place)" }
        if let suggestion { return "unknown key (did you mean \"\(suggestion)\"?)" }
        return "unknown key (known here: \(keys.map(\.name).joined(separator: ", ")))"
    }

    private func reportMissing(
        _ present: Set<String>, _ node: PositionedJSON, _ path: String, _ problems: inout [ConfigProblem]
    ) {
        for key in keys where key.isRequired && !present.contains(key.name) {
            problems.append(ConfigProblem(node.place, path: path, "\"\(key.name)\" is missing (\(key.unit))"))
        }
        guard !exactlyOneOf.isEmpty else { return }
        let given = exactlyOneOf.filter(present.contains)
        let names = exactlyOneOf.map { "\"\($0)\"" }.joined(separator: " or ")
        if given.isEmpty {
            problems.append(ConfigProblem(node.place, path: path, "\(names) is missing: give one of the two"))
        } else if given.count > 1 {
            // At the one that stands later, which is the one that was added.
            let last = given.compactMap { node.member($0)?.keyPlace }.max() ?? node.place
            problems.append(ConfigProblem(last, path: path, "expected either \(names), got both"))
        }
    }
}

// MARK: The other two outputs

/// What the reference page says about one section.
struct SectionPage: Hashable, Sendable {
    struct Row: Hashable, Sendable {
        let key: String
        let meaning: String
        let unit: String
        let range: String
        let defaultText: String
        let variable: String?
    }

    /// The keys above it, with `<name>` where any name may stand: `jobs.<type>.backoff`.
    var path: String
    let summary: String
    let rows: [Row]

    func below(_ key: String) -> SectionPage {
        var page = self
        page.path = path.isEmpty ? key : "\(key).\(path)"
        return page
    }
}

extension ConfigSection {
    /// This section, then the ones inside it, in the order of the keys.
    var pages: [SectionPage] {
        let rows = keys.map { key in
            SectionPage.Row(
                key: key.name, meaning: key.meaning, unit: key.unit, range: key.range,
                defaultText: key.defaultNote ?? key.defaultValue(start).map { "`\($0.inline)`" } ?? "",
                variable: key.variable)
        }
        return [SectionPage(path: "", summary: summary, rows: rows)] + keys.flatMap(\.sections)
    }

    var schema: SchemaJSON {
        var properties: [(String, SchemaJSON)] = []
        for key in keys {
            let range = key.range.isEmpty ? "" : " (\(key.range.replacing("`", with: "")))"
            var facts: [(String, SchemaJSON)] = [("description", .text(key.meaning.replacing("`", with: "") + range))]
            if let value = key.defaultValue(start) { facts.append(("default", value)) }
            properties.append((key.name, key.valueSchema.adding(facts)))
        }
        var parts: [(String, SchemaJSON)] = [
            ("type", "object"), ("properties", .object(properties)), ("patternProperties", ["^x-": [:]]),
            ("additionalProperties", false),
        ]
        let required = keys.filter(\.isRequired)
        if !required.isEmpty { parts.append(("required", .list(required.map { .text($0.name) }))) }
        if !exactlyOneOf.isEmpty {
            parts.append(("oneOf", .list(exactlyOneOf.map { ["required": [.text($0)]] })))
        }
        return .object(parts)
    }
}
