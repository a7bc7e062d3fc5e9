/// JSON to be written, with its keys in the order given.
indirect enum SchemaJSON: Sendable {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([SchemaJSON])
    case object([(String, SchemaJSON)])

    /// An object with more members at its end.
    func adding(_ members: [(String, SchemaJSON)]) -> SchemaJSON {
        guard case .object(let own) = self else { preconditionFailure("only an object can take members") }
        return .object(own + members)
    }

    /// An object whose keys match a pattern and whose values all follow one schema.
    static func namedObjects(pattern: String, _ schema: SchemaJSON) -> SchemaJSON {
        ["type": "object", "patternProperties": .object([(pattern, schema)]), "additionalProperties": false]
    }

    /// On one line.
    var inline: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .list(let elements): "[\(elements.map(\.inline).joined(separator: ", "))]"
        case .object(let members):
            "{\(members.map { "\(Self.quoted($0.0)): \($0.1.inline)" }.joined(separator: ", "))}"
        }
    }

    /// Indented by two spaces; what fits stands on one line.
    func pretty(indent: String = "") -> String {
        let inline = inline
        if indent.count + inline.count <= 100 { return inline }
        let deeper = indent + "  "
        switch self {
        case .text, .number, .flag: return inline
        case .list(let elements):
            return "[\n" + elements.map { deeper + $0.pretty(indent: deeper) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            let lines = members.map { "\(deeper)\(Self.quoted($0.0)): \($0.1.pretty(indent: deeper))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    /// Written by hand for our own descriptions, which hold no control characters.
    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}

extension SchemaJSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    init(stringLiteral text: String) { self = .text(text) }
    init(booleanLiteral flag: Bool) { self = .flag(flag) }
    init(arrayLiteral elements: SchemaJSON...) { self = .list(elements) }
    init(dictionaryLiteral members: (String, SchemaJSON)...) { self = .object(members) }
}

extension ConfigSection {
    /// The variables of the environment with the keys they stand for, in the order of the file.
    var variables: [(variable: String, key: String)] {
        pages.flatMap { page in
            page.rows.compactMap { row in
                row.variable.map { ($0, page.path.isEmpty ? row.key : "\(page.path).\(row.key)") }
            }
        }
    }
}

/// The two documents made from the keys: the schema for editors, and the tables of the reference page.
enum ConfigDocuments {
    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    /// `docs/cluster.schema.json`. Draft 7, which every editor understands.
    static var schema: String {
        let head: SchemaJSON = ["$schema": "http://json-schema.org/draft-07/schema#", "title": "cluster.json of Stint"]
        guard case .object(let members) = ClusterConfig.keys.schema else {
            preconditionFailure("a section is an object")
        }
        return head.adding(members).pretty() + "\n"
    }

    /// The tables of `docs/CONFIGURATION.md`, by the path of their section.
    static var tables: [(name: String, markdown: String)] {
        var tables: [(name: String, markdown: String)] = []
        for page in ClusterConfig.keys.pages {
            let name = page.path.isEmpty ? "cluster.json" : page.path
            // The three ways a job ends share one section; it is printed once.
            if !tables.contains(where: { $0.name == name }) { tables.append((name, table(page))) }
        }
        let variables = ClusterConfig.keys.variables.map { "| `\($0.variable)` | `\($0.key)` |" }
        let head = "| variable | key it overrides |\n|---|---|\n"
        return tables + [("environment", head + variables.joined(separator: "\n"))]
    }

    /// The page with every table between its marks (`<!-- table NAME -->`, `<!-- end -->`) made anew.
    ///
    /// - Throws: When a table has no place on the page, or a place no table.
    static func update(_ page: String) throws(Mistake) -> String {
        var tables = tables
        var lines: [Substring] = []
        var isInside = false
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "<!-- end -->" { isInside = false }
            if !isInside { lines.append(line) }
            guard line.hasPrefix("<!-- table "), line.hasSuffix(" -->") else { continue }
            let name = line.dropFirst("<!-- table ".count).dropLast(" -->".count)
            guard let index = tables.firstIndex(where: { $0.name == name }) else {
                throw Mistake(
                    description: "the page has a place for a table \"\(name)\", which does not exist or stands twice")
            }
            lines.append(Substring(tables.remove(at: index).markdown))
            isInside = true
        }
        guard tables.isEmpty, !isInside else {
            throw Mistake(description: "the page lacks the marks of: \(tables.map(\.name).joined(separator: ", "))")
        }
        return lines.joined(separator: "\n")
    }

    private static func table(_ page: SectionPage) -> String {
        let rows = page.rows.map { row in
            let cells = ["`\(row.key)`", row.meaning, row.unit, row.range, row.defaultText]
            return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        let head = "\(page.summary)\n\n| key | meaning | unit | range | default |\n|---|---|---|---|---|\n"
        return head + rows.joined(separator: "\n")
    }
}
