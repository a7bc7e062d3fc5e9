import Foundation

/// One argument of a command with places that are filled from the job:
///
///     "{{payload.source.path}}"    a field; array elements by index: "{{payload.pages.0}}"
///     "--fence={{job.fence}}"      job.id, job.attempt or job.fence
///     "{{{{.Names}}"               four braces give two: the literal "{{.Names}}"
///
/// Filled without a shell, so a value can never become a second argument. It could become an *option*, though, when
/// it begins with `-` and stands at the beginning of the argument; that is refused unless the specification allows it.
/// Only strings, numbers and booleans are filled in, numbers exactly as the payload spells them.
struct ArgumentTemplate {
    struct Problem: Error, Equatable {
        let sentence: String
    }

    private enum Part: Equatable {
        case literal(String)
        case payload([String])
        case job(JobField)
    }

    private enum JobField: String {
        case id, attempt, fence
    }

    private var parts: [Part] = []

    init(_ text: String) throws(Problem) {
        guard !text.utf8.contains(0) else {
            throw Problem(sentence: "an argument contains a NUL character, which no program can receive.")
        }
        var rest = text[...]
        while let open = rest.firstRange(of: "{{") {
            append(literal: rest[..<open.lowerBound])
            rest = rest[open.upperBound...]
            if rest.hasPrefix("{{") {
                append(literal: "{{")
                rest = rest.dropFirst(2)
                continue
            }
            guard let close = rest.firstRange(of: "}}") else {
                throw Problem(
                    sentence: "\"\(text)\" opens \"{{\" and never closes it; write \"{{{{\" for two literal braces.")
            }
            parts.append(try Self.part(named: String(rest[..<close.lowerBound]), in: text))
            rest = rest[close.upperBound...]
        }
        append(literal: rest)
    }

    var isLiteral: Bool {
        parts.allSatisfy { if case .literal = $0 { true } else { false } }
    }

    /// The argument for one attempt.
    func filled(for attempt: Attempt, payload: JSONText, allowDashValues: Bool) throws(Problem) -> String {
        var argument = ""
        for part in parts {
            switch part {
            case .literal(let text):
                argument += text
            case .job(let field):
                switch field {
                case .id: argument += attempt.id.description
                case .attempt: argument += String(attempt.number)
                case .fence: argument += attempt.token.description
                }
            case .payload(let path):
                let name = (["payload"] + path).joined(separator: ".")
                let value = try Self.value(at: path, in: payload, named: name)
                guard !value.utf8.contains(0) else {
                    throw Problem(
                        sentence: "the field \"\(name)\" contains a NUL character, which no argument can hold.")
                }
                guard !argument.isEmpty || !value.hasPrefix("-") || allowDashValues else {
                    throw Problem(
                        sentence: """
                            the field "\(name)" begins with "-" and would begin an argument, where the program could \
                            take it for an option. Give the argument a beginning of its own, such as "./{{\(name)}}" \
                            for a relative path, or set "allowDashValues": true on the handler in cluster.json.
                            """)
                }
                argument += value
            }
        }
        return argument
    }

    private mutating func append(literal text: some StringProtocol) {
        if !text.isEmpty { parts.append(.literal(String(text))) }
    }

    private static func part(named raw: String, in text: String) throws(Problem) -> Part {
        let path = raw.trimmingCharacters(in: .whitespaces).components(separatedBy: ".")
        if path.first == "payload", !path.contains("") { return .payload(Array(path.dropFirst())) }
        if path.count == 2, path[0] == "job", let field = JobField(rawValue: path[1]) { return .job(field) }
        throw Problem(
            sentence: """
                "\(text)" asks for "\(raw)", which does not exist: use {{payload.field}}, {{job.id}}, {{job.attempt}} \
                or {{job.fence}}, and "{{{{" for two literal braces.
                """)
    }

    private static func value(at path: [String], in payload: JSONText, named name: String) throws(Problem) -> String {
        var place = payload
        for step in path {
            let next = place.kind == .array ? Int(step).flatMap { place.element(at: $0) } : place.member(step)
            guard let next else {
                throw Problem(sentence: "the payload lacks the field \"\(name)\", which an argument needs.")
            }
            place = next
        }
        switch place.kind {
        case .number, .boolean: return place.text
        case .string:
            if let string = place.string { return string }
            throw Problem(sentence: "the field \"\(name)\" is a string that does not decode.")
        case .null, .object, .array:
            throw Problem(
                sentence: """
                    the field "\(name)" is \(place.kind.name); only strings, numbers and booleans can stand in an \
                    argument.
                    """)
        }
    }
}
