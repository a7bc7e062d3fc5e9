import StintCore

// The kinds of values that only Stint has: endpoints, the store's address, rules of keeping,
// commands, environments, policies by type.

enum EndpointUse: Sendable { case connect, bind }

extension ConfigValue where Value == String {
    /// `tcp://HOST:PORT` or `ipc://PATH`. Addresses of other hosts are accepted here; the transport
    /// refuses to bind one without keys.
    static func endpoint(_ use: EndpointUse) -> Self {
        let host = use == .bind ? "HOST or *" : "HOST"
        let ports = ports(for: use)
        return .text(
            unit: "endpoint", range: "`tcp://HOST:PORT`, `ipc://PATH`" + (use == .bind ? ", `tcp://*:PORT`" : ""),
            expected:
                "an endpoint, tcp://HOST:PORT or ipc://PATH (\(host) without spaces, PORT from \(ports.lowerBound) to 65535)",
            pattern: use == .bind ? #"^(tcp://.+:[0-9]+|ipc://.+)$"# : #"^(tcp://[^*]+:[0-9]+|ipc://.+)$"#,
            isValid: { isEndpoint($0, for: use) })
    }

    /// Port 0 can only be bound: it stands for any free one.
    private static func ports(for use: EndpointUse) -> ClosedRange<Int> { (use == .bind ? 0 : 1)...65_535 }

    private static func isEndpoint(_ text: String, for use: EndpointUse) -> Bool {
        if text.hasPrefix("ipc://") { return text.dropFirst(6).contains { $0 != "/" && $0 != "@" } }
        guard text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":") else { return false }
        let digits = text[colon...].dropFirst()
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits), ports(for: use).contains(port)
        else { return false }
        let host = text[text.index(text.startIndex, offsetBy: 6)..<max(colon, text.index(text.startIndex, offsetBy: 6))]
        if host == "*" { return use == .bind }
        if host.hasPrefix("[") {
            let address = host.dropFirst().dropLast()
            return host.hasSuffix("]") && !address.isEmpty
                && address.allSatisfy {
                    $0.isHexDigit || $0 == ":" || $0 == "." || $0 == "%" || $0.isASCII && $0.isLetter
                }
        }
        return !host.isEmpty && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
    }
}

extension ConfigValue where Value == ClusterConfig.Store.Location {
    static var storeLocation: Self {
        ConfigValue(
            unit: "URL", range: "`sqlite:PATH`",
            expected:
                "sqlite:PATH (such as \"sqlite:.stint/stint.db\" or \"sqlite:/var/lib/stint/stint.db\")",
            schema: ["type": "string", "pattern": #"^sqlite:(?!//).+$"#],
            show: { location in
                switch location {
                case .sqlite(let path): .text("sqlite:\(path)")
                }
            },
            parse: { value in
                guard case .text(let text) = value, !text.utf8.contains(0) else { return nil }
                // "sqlite://stint.db" is meant to be a relative path and would be one at the root.
                guard text.hasPrefix("sqlite:"), !text.hasPrefix("sqlite://"), !text.hasSuffix("/") else { return nil }
                let path = String(text.dropFirst(7))
                return path.isEmpty ? nil : .sqlite(path: path)
            })
    }
}

extension ConfigValue where Value == ClusterConfig.Store.KeepRule {
    /// A time, or an object with a time and a number.
    static var keepRule: Self {
        let time: ConfigValue<Duration> = .duration(Value.timeAllowed)
        let both = Value.keys
        return ConfigValue(
            unit: "duration or object", range: time.range,
            schema: ["anyOf": [time.schema, both.schema]],
            show: { time.show($0.time) },
            sections: both.pages,
            read: { node, path, onto, problems in
                if node.members != nil { return both.read(node, path, onto: onto, &problems) }
                return time.read(node, path, onto.time, &problems).map { Value(time: $0, count: onto.count) }
            })
    }
}

extension ConfigValue where Value == [String] {
    /// The words of a command. The program is fixed by the file: a payload may choose arguments, never
    /// what is run.
    static var command: Self { command { _ in nil } }

    /// - Parameter mistake: What is wrong with one argument behind the program; nil: nothing.
    static func command(argumentMistake mistake: @escaping @Sendable (String) -> String?) -> Self {
        ConfigValue(
            unit: "list of texts", range: "1 or more",
            schema: ["type": "array", "items": ["type": "string"], "minItems": .number(1)]
        ) { node, path, _, problems in
            guard case .list(let elements) = node.value, !elements.isEmpty else {
                problems.append(
                    ConfigProblem(
                        node.place, path: path,
                        "expected a list of texts, the program first (such as [\"./resize.py\", \"--fast\"]), "
                            + (node.isEmptyList ? "got an empty list" : "got \(node)")))
                return nil
            }
            let problemsBefore = problems.count
            let words = elements.enumerated().compactMap { index, element -> String? in
                var sentence = "expected text without NUL, got \(element)"
                if case .text(let word) = element.value, !word.utf8.contains(0) {
                    guard let wrong = index == 0 ? programMistake(word) : mistake(word) else { return word }
                    sentence = wrong
                }
                problems.append(ConfigProblem(element.place, path: "\(path)[\(index)]", sentence))
                return nil
            }
            return problems.count == problemsBefore ? words : nil
        }
    }
}

private func programMistake(_ name: String) -> String? {
    if name.isEmpty { return "expected the name or path of a program, got an empty text" }
    if name.hasSuffix("/") { return "expected the path of a program, got that of a folder, \"\(name)\"" }
    if name.contains("{{") {
        return "expected the name or path of a program, got \"\(name)\"; {{…}} can stand in arguments only"
    }
    return nil
}

extension PositionedJSON {
    fileprivate var isEmptyList: Bool { if case .list(let elements) = value { elements.isEmpty } else { false } }
}

extension ConfigValue where Value == [String: String] {
    /// Variables for a process: NAME → text.
    static var environment: Self {
        ConfigValue(
            unit: "object: `NAME` → text", range: "`NAME`: letters, digits and _, not a digit first",
            schema: [
                "type": "object", "patternProperties": ["^[A-Za-z_][A-Za-z0-9_]*$": ["type": "string"]],
                "additionalProperties": false,
            ]
        ) { node, path, _, problems in
            guard let members = node.members else {
                problems.append(ConfigProblem(node.place, path: path, "expected an object, NAME → text, got \(node)"))
                return nil
            }
            var variables: [String: String] = [:]
            for member in members {
                let memberPath = "\(path).\(member.key.asPathPart)"
                if member.key.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) == nil {
                    problems.append(
                        ConfigProblem(
                            member.keyPlace, path: memberPath,
                            "expected the name of a variable, of A-Z a-z 0-9 _ and not a digit first"))
                }
                if case .text(let text) = member.value.value, !text.utf8.contains(0) {
                    variables[member.key] = text
                } else {
                    problems.append(
                        ConfigProblem(
                            member.value.place, path: memberPath, "expected text without NUL, got \(member.value)"))
                }
            }
            return variables
        }
    }
}

extension ConfigValue where Value == ClusterConfig.Jobs {
    /// type → policy. `*` is read first, wherever it stands, because the others start from it.
    static var policies: Self {
        let section = Policy.keys
        return ConfigValue(
            unit: "object: `<type>` → object", range: "",
            schema: .namedObjects(pattern: #"^(\*|[A-Za-z0-9._-]{1,128})$"#, section.schema),
            sections: section.pages.map { $0.below("<type>") }
        ) { node, path, onto, problems in
            guard let members = node.members else {
                problems.append(ConfigProblem(node.place, path: path, "expected an object, {…}, got \(node)"))
                return nil
            }
            let typesMax = StintCore.Limits.typesMax
            if members.count > typesMax {
                problems.append(
                    ConfigProblem(node.place, path: path, "expected at most \(typesMax) types, got \(members.count)"))
            }
            var jobs = onto
            if let all = node.member("*") {
                jobs.base = section.read(all.value, "\(path).*", onto: jobs.base, &problems) ?? jobs.base
            }
            for member in members where member.key != "*" {
                let memberPath = "\(path).\(member.key.asPathPart)"
                member.checkName(memberPath, &problems)
                jobs.types[member.key] = section.read(member.value, memberPath, onto: jobs.base, &problems)
            }
            return jobs
        }
    }
}
