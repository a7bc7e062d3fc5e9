import Stint
import StintCore

/// Jobs that wait for nobody.
enum TypeChecks {
    /// Types named one by one; the others are counted.
    private static let named = 10

    static func findings(_ facts: DoctorFacts) -> [Finding] {
        guard let status = facts.broker?.status else { return [] }
        return unserved(status) + withdrawn(status)
    }

    private static func unserved(_ status: ClusterStatus) -> [Finding] {
        let types = status.types.filter { $0.value.workers == 0 && $0.value.counts.unfinished > 0 }
            .sorted { ($1.value.counts.unfinished, $0.key) < ($0.value.counts.unfinished, $1.key) }
        var findings = types.prefix(named).map { name, type in
            let count = type.counts.unfinished
            return Finding(
                .warning, "types.no-worker",
                "\(count) \(count == 1 ? "job" : "jobs") of type \(name) \(count == 1 ? "waits" : "wait") and no worker serves it",
                fix: "start the pool that does (`stint up --pools NAME`), or cancel them if the name is wrong")
        }
        if types.count > named {
            findings.append(
                Finding(
                    .warning, "types.no-worker", "\(types.count - named) more types have jobs and no worker",
                    fix: "see all of them with `stint status`"))
        }
        return findings
    }

    private static func withdrawn(_ status: ClusterStatus) -> [Finding] {
        status.workers.filter { !$0.withdrawn.isEmpty }.prefix(named).map { worker in
            Finding(
                .warning, "types.withdrawn",
                "the handler of \(worker.withdrawn.sorted().joined(separator: ", ")) cannot run on the worker \(worker.name)",
                fix: "make its program executable there, then end the worker with SIGTERM; its log names the path")
        }
    }
}
