import Foundation
import Stint
import StintCore

extension JobDetails {
    /// The stable fields of `--json`.
    var jsonLine: JSONLine { line(isBrief: false) }

    /// The same in a listing, which has no payload, result, log and attempts.
    var briefLine: JSONLine { line(isBrief: true) }

    private func line(isBrief: Bool) -> JSONLine {
        var line = JSONLine()
        line.add("id", id.description)
        line.add("type", type)
        line.add("state", state.name)
        line.add("priority", priority)
        line.add("attempt", attempt)
        line.add("attempts_max", attemptsMax)
        if !isBrief { line.add("payload", json: payload) }
        line.add("progress", json: progress)
        if !isBrief { line.add("result", json: result) }
        line.add("error", error)
        line.add("outcome", outcome)
        line.add("worker", worker)
        line.add("cancel_requested", cancelRequested)
        line.add("created", created)
        line.add("run_at", runAt)
        line.add("started", started)
        line.add("finished", finished)
        guard !isBrief else { return line }
        line.add("log", log)
        line.add(
            "attempts",
            attempts.map { attempt in
                var line = JSONLine()
                line.add("number", attempt.number)
                line.add("outcome", attempt.outcome)
                line.add("error", attempt.error)
                line.add("worker", attempt.worker)
                line.add("started", attempt.started)
                line.add("finished", attempt.finished)
                line.add("fence", attempt.fence)
                return line
            })
        if !trace.isEmpty {
            var headers = JSONLine()
            for header in trace.headers { headers.add(header.key, header.value) }
            line.add("trace", headers)
        }
        return line
    }

    /// Everything, for people.
    var page: String {
        var lines = ["job       \(id)", "type      \(type)", "state     \(state.name)"]
        if cancelRequested, !state.isFinal { lines[2] += " (cancel requested)" }
        lines.append("attempt   \(attempt) of \(attemptsMax)   priority \(priority)")
        lines.append("created   \(created.rfc3339)  (\(created.relative))")
        if state == .scheduled { lines.append("run at    \(runAt.rfc3339)  (\(runAt.relative))") }
        if let started { lines.append("started   \(started.rfc3339)") }
        if let finished { lines.append("finished  \(finished.rfc3339)") }
        if let worker { lines.append("worker    \(worker)") }
        if let error { lines.append("error     \(error.printable)") }
        if let payload { lines.append("payload   \(Self.shortened(payload))") }
        if let progress { lines.append("progress  \(Self.shortened(progress))") }
        if let result { lines.append("result    \(Self.shortened(result))") }
        if !attempts.isEmpty {
            lines.append("attempts")
            for attempt in attempts {
                var line = "  \(attempt.number)  \(attempt.outcome ?? "running")"
                if let worker = attempt.worker { line += "  on \(worker)" }
                if let started = attempt.started { line += "  \(started.rfc3339)" }
                if let error = attempt.error { line += "  \(error.printable)" }
                lines.append(line)
            }
        }
        if let log {
            lines.append("log")
            lines += log.split(separator: "\n").map { "  \(String($0).printable)" }
        }
        return lines.joined(separator: "\n")
    }

    private static func shortened(_ json: Data) -> String {
        let text = String(decoding: json, as: UTF8.self).printable
        return text.count > 400 ? "\(text.prefix(400))… (\(json.count) bytes; --json prints all)" : text
    }
}

extension [JobDetails] {
    var table: Table {
        var table = Table("ID", "TYPE", "STATE", "PRIO", "ATTEMPT", "CREATED", "INFO")
        for job in self {
            let info: String =
                switch job.state {
                case .scheduled: "runs \(job.runAt.relative)" + (job.error.map { ": \($0)" } ?? "")
                case .leased: "on \(job.worker ?? "?")"
                case .dead: job.error ?? ""
                case .completed, .cancelled: job.finished?.relative ?? ""
                case .ready, .waiting: ""
                }
            table.add(
                job.id.description, job.type, job.state.name, "\(job.priority)", "\(job.attempt)/\(job.attemptsMax)",
                job.created.relative, info.cut(to: 100))
        }
        return table
    }
}
