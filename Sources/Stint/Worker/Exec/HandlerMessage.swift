import Foundation
import Logging
import StintCore

/// What a handler can say on its standard output: a line that starts with `{"stint":`. Every other line is a line of
/// the job's log, so a stray print never breaks a job.
///
/// | message | fields | meaning |
/// |---|---|---|
/// | `progress` | `fraction` 0…1, or `done` and `total`; `message`, `step`, `steps`; any others | how far it is |
/// | `log` | `message`, `level` (`info`) | a log line with a level |
/// | `checkpoint` | `state` | saved durably, given to the next attempt |
/// | `enqueue` | `jobs`: `type`, `payload`, `id`, `priority`, `delay_ms`, `attempts` | children, with the result |
/// | `result` | `value` | once; without it the result is `null` |
/// | `fail` | `message`, `permanent` (false), `retry_after_ms` | failed; overrides the exit code |
/// | `snooze` | `for_ms` | again later, no attempt used; overrides the exit code |
/// | `heartbeat` | – | ignored: the worker keeps the lease |
///
/// Fields that are not listed are ignored, but one that is listed and does not fit makes the message malformed. A
/// malformed message is a mistake in the handler, and hiding it would lose a result: the attempt ends as *errored*.
enum HandlerMessage: Sendable {
    case progress(Data)
    case log(Logger.Level, String)
    case checkpoint(Data)
    case enqueue([NewJob])
    case result(Data)
    case fail(message: String, permanent: Bool, retryAfter: Duration?)
    case snooze(Duration)
    case heartbeat

    struct Malformed: Error, Equatable {
        let sentence: String
    }

    private static let mark = Array(#"{"stint":"#.utf8)
    /// 30 days, for a wait between two attempts.
    private static let millisecondsMax = 30 * 24 * 3_600_000
    /// Ten years, as for any job.
    private static let delayMillisecondsMax = 3_650 * 24 * 3_600_000

    static func isMessage(_ line: [UInt8]) -> Bool { line.starts(with: mark) }

    init(_ line: [UInt8]) throws(Malformed) {
        guard let object = JSONText(validating: line) else {
            throw Malformed(sentence: #"a line starts with {"stint": but is not JSON in UTF-8."#)
        }
        guard let kind = object.member("stint")?.string else {
            throw Malformed(sentence: #"the field "stint" of a message is not a string: it names the message."#)
        }
        let fields = Fields(object: object, name: kind)
        switch kind {
        case "progress": self = .progress(try Self.progress(fields))
        case "log":
            let text = try fields.required(fields.string("message"), "message")
            self = .log(try fields.level("level") ?? .info, text)
        case "checkpoint": self = .checkpoint(try fields.required(fields.any("state"), "state").data)
        case "enqueue": self = .enqueue(try Self.children(fields))
        case "result": self = .result(try fields.required(fields.any("value"), "value").data)
        case "fail":
            self = .fail(
                message: try fields.string("message") ?? "the handler reported a failure without a message",
                permanent: try fields.boolean("permanent") ?? false,
                retryAfter: try fields.integer("retry_after_ms", in: 0...Self.millisecondsMax)
                    .map { .milliseconds($0) })
        case "snooze":
            let wait = try fields.integer("for_ms", in: 0...Self.millisecondsMax)
            self = .snooze(.milliseconds(try fields.required(wait, "for_ms")))
        case "heartbeat": self = .heartbeat
        default:
            throw Malformed(
                sentence: """
                    "\(kind.prefix(64))" is no message: known are progress, log, checkpoint, enqueue, result, fail, \
                    snooze and heartbeat.
                    """)
        }
    }

    /// The report as the rest of the system knows it: `{fraction?, message?, step?, steps?, fields?}`.
    private static func progress(_ fields: Fields) throws(Malformed) -> Data {
        let known: Set = ["stint", "fraction", "message", "step", "steps", "done", "total", "fields"]
        let done = try fields.number("done")
        let total = try fields.number("total")
        var fraction = try fields.number("fraction")
        if fraction == nil, let done, let total, total > 0 { fraction = done / total }
        // Sums of floating-point steps end at 1.0000000000000002: that is no reason to fail a job.
        fraction = fraction.map { min(max($0, 0), 1) }
        let step = try fields.integer("step", in: 0...Int.max) ?? fields.object.member("done")?.integer
        let steps = try fields.integer("steps", in: 0...Int.max) ?? fields.object.member("total")?.integer

        var own: [(name: String, value: JSONText)] = []
        if let given = fields.any("fields") {
            guard given.kind == .object else { throw fields.misfit("fields", given, "an object") }
            own = given.members
        }
        own += fields.object.members.filter { !known.contains($0.name) }

        var members: [(String, Data)] = []
        if let fraction { members.append(("fraction", Data("\(fraction)".utf8))) }
        if let message = try fields.string("message") { members.append(("message", JSONText.quoted(message))) }
        if let step { members.append(("step", Data("\(step)".utf8))) }
        if let steps { members.append(("steps", Data("\(steps)".utf8))) }
        if !own.isEmpty { members.append(("fields", object(own.map { ($0.name, $0.value.data) }))) }
        return object(members)
    }

    private static func object(_ members: [(String, Data)]) -> Data {
        var text = Data("{".utf8)
        for (index, (name, value)) in members.enumerated() {
            if index > 0 { text += Data(",".utf8) }
            text += JSONText.quoted(name) + Data(":".utf8) + value
        }
        return text + Data("}".utf8)
    }

    private static func children(_ fields: Fields) throws(Malformed) -> [NewJob] {
        let jobs = try fields.required(fields.any("jobs"), "jobs")
        guard jobs.kind == .array else { throw fields.misfit("jobs", jobs, "an array") }
        var children: [NewJob] = []
        for (index, object) in jobs.elements.enumerated() {
            guard object.kind == .object else { throw fields.misfit("jobs.\(index)", object, "an object") }
            let child = Fields(object: object, name: fields.name, prefix: "jobs.\(index).")
            let type = try child.required(child.string("type"), "type")
            guard TypeName.isValid(type) else {
                throw child.misfit("type", nil, "a type name (\(TypeName.rule))")
            }
            var id: JobID?
            if let text = try child.string("id") {
                guard let parsed = JobID(text) else { throw child.misfit("id", nil, "the 36 characters of a UUID") }
                id = parsed
            }
            let delay = try child.integer("delay_ms", in: 0...delayMillisecondsMax)
            children.append(
                NewJob(
                    type: type, json: try child.required(child.any("payload"), "payload").data, id: id,
                    options: JobOptions(
                        priority: try child.integer("priority", in: -100...100) ?? 0,
                        start: delay.map { .after(.milliseconds($0)) } ?? .atOnce,
                        attempts: try child.integer("attempts", in: 1...1_000))))
        }
        return children
    }
}

/// The fields of one message, read with an error that names the message and the field, never the value.
private struct Fields {
    let object: JSONText
    let name: String
    var prefix = ""

    typealias Malformed = HandlerMessage.Malformed

    /// `null` counts as absent, as most writers mean it; except for a value that is handed on as it is.
    func any(_ field: String) -> JSONText? { object.member(field) }

    private func present(_ field: String) -> JSONText? {
        object.member(field).flatMap { $0.kind == .null ? nil : $0 }
    }

    func required<Value>(_ value: Value?, _ field: String) throws(Malformed) -> Value {
        guard let value else {
            throw Malformed(sentence: "the message \"\(name)\" lacks the field \"\(prefix)\(field)\".")
        }
        return value
    }

    func misfit(_ field: String, _ found: JSONText?, _ expected: String) -> Malformed {
        let found = found.map { "\($0.kind.name)" } ?? "something else"
        return Malformed(
            sentence: "the field \"\(prefix)\(field)\" of the message \"\(name)\" is \(found); expected \(expected).")
    }

    func string(_ field: String) throws(Malformed) -> String? {
        guard let value = present(field) else { return nil }
        guard let string = value.string else { throw misfit(field, value, "a string") }
        return string
    }

    func boolean(_ field: String) throws(Malformed) -> Bool? {
        guard let value = present(field) else { return nil }
        guard let boolean = value.boolean else { throw misfit(field, value, "true or false") }
        return boolean
    }

    func number(_ field: String) throws(Malformed) -> Double? {
        guard let value = present(field) else { return nil }
        guard let number = value.double, number.isFinite else { throw misfit(field, value, "a number") }
        return number
    }

    func integer(_ field: String, in allowed: ClosedRange<Int>) throws(Malformed) -> Int? {
        guard let value = present(field) else { return nil }
        let expected =
            allowed.upperBound == .max
            ? "a whole number from \(allowed.lowerBound)"
            : "a whole number from \(allowed.lowerBound) to \(allowed.upperBound)"
        guard let integer = value.integer, allowed.contains(integer) else { throw misfit(field, value, expected) }
        return integer
    }

    func level(_ field: String) throws(Malformed) -> Logger.Level? {
        guard let text = try string(field) else { return nil }
        if text == "warn" { return .warning }
        guard let level = Logger.Level(rawValue: text) else {
            throw misfit(field, nil, "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }
}
