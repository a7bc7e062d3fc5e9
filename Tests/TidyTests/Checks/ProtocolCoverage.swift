/// Every message of the protocol is described, and every one that travels has its golden bytes.
enum ProtocolCoverage {
    /// The names of the top-level messages of a schema, with their lines.
    static func messages(in schema: SourceFile) -> [(name: String, line: Int)] {
        schema.lines.enumerated().compactMap { index, line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "{" })
            return line.hasPrefix("message ") && words.count > 1 ? (String(words[1]), index + 1) : nil
        }
    }

    /// What can stand in an envelope: `worker_hello` for `WorkerHello worker_hello = 10;`.
    static func members(ofEnvelopeIn schema: SourceFile) -> [(field: String, line: Int)] {
        var inside = false
        return schema.lines.enumerated().compactMap { index, line in
            let words = line.split(separator: " ")
            if words.starts(with: ["oneof"]) { inside = true }
            if words == ["}"] { inside = false }
            guard inside, words.count >= 4, words[2] == "=", !words[0].hasPrefix("//") else { return nil }
            return (String(words[1]), index + 1)
        }
    }

    static func undescribed(in schema: SourceFile, page: SourceFile) -> [Finding] {
        messages(in: schema).filter { message in page.lines(with: message.name, inCode: false).isEmpty }.map {
            Finding(
                schema.path, $0.line,
                "\(page.path) does not mention the message \($0.name); say who sends it, its ranges and its answers")
        }
    }

    /// `Fixtures/worker-hello-v1.hex` for `worker_hello`. A fixture whose message is gone is a finding too:
    /// old bytes must stay readable, so the message was not free to go.
    static func goldenFindings(envelope: SourceFile, fixtures folder: String, paths: some Sequence<String>) -> [Finding]
    {
        let prefix = folder + "/"
        let present = Set(
            paths.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".hex") }.map { String($0.dropFirst(prefix.count)) })
        let expected = members(ofEnvelopeIn: envelope).map { (name: $0.field.replacing("_", with: "-"), line: $0.line) }
        let missing = expected.filter { !present.contains("\($0.name)-v1.hex") }.map {
            Finding(
                envelope.path, $0.line, "has no golden bytes: add \(prefix)\($0.name)-v1.hex and the test that reads it"
            )
        }
        let known = Set(expected.map(\.name))
        let orphans = present.filter { name in !known.contains { name.hasPrefix($0 + "-v") } }.sorted().map {
            Finding(
                prefix + $0, "belongs to no message of \(envelope.path); a message that was ever sent stays readable")
        }
        return missing + orphans
    }
}
