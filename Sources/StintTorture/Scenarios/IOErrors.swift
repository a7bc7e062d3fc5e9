import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// The n-th flush or write of the real broker fails, for many n: strace changes the answer of the kernel. A broker
    /// whose flush failed must end without acknowledging what it covered, and the next one goes on from the disk.
    ///
    /// A sample; every point of a script in turn is tried in process, where the store's files are the test's own.
    static let io = Scenario(
        name: "io", about: "EIO and ENOSPC at the n-th flush or write of the broker (needs strace)"
    ) { stage in
        try await requireStrace(stage)
        let rig = try stage.rig("io")
        let faults = Faults(random: rig.random("io"))
        let crew = try Crew(on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed))
        var counts: [String: Int] = [:]
        let client = try StintClient(connectingTo: rig.clients, connectPatience: .seconds(30))
        defer { client.close() }
        let probe = try Probe(client: client, rig: rig)
        for _ in 0..<stage.sizes.ioErrors {
            let fault = faults.next()
            try await probe.awaitAcknowledgement()
            try await crew.broker.process.terminate()
            let trace = rig.path("trace")
            try? FileManager.default.removeItem(atPath: trace)
            let broker = try rig.startBroker(prefix: fault.prefix(writing: trace))
            let outcome = try await outcome(of: broker, within: .seconds(4), trace)
            counts["\(fault.name)_\(outcome)", default: 0] += 1
            try crew.broker.refill()
        }
        let finish = try await crew.finish()
        var figures = Figures()
        figures["faults"] = .number(stage.sizes.ioErrors)
        for (name, number) in counts.sorted(by: { $0.key < $1.key }) { figures[name] = .number(number) }
        guard counts.contains(where: { $0.key.hasSuffix("_ended") }) || stage.sizes.ioErrors < 5 else {
            throw Broken("no fault made the broker end: none was hit")
        }
        figures.add(finish.figures)
        return figures
    }

    /// `ended`: with code 1, as it must after a failed flush or write. `missed`: the call did not come in time. `lived`: it
    /// came, and the broker went on. In the last two cases it is killed.
    private static func outcome(of broker: RigProcess, within limit: Duration, _ trace: String) async throws -> String {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let ending = broker.currentEnding {
                guard ending == .exited(1) else {
                    throw Broken("after an injected fault the broker ended with \(ending) instead of exit code 1")
                }
                return "ended"
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        broker.signal(SIGKILL)
        try await broker.end(within: .seconds(10))
        let calls = try String(contentsOfFile: trace, encoding: .utf8)
        guard calls.contains("(INJECTED)") else { return "missed" }
        // A failed write may be of a file that nothing hangs on; a failed flush never is.
        guard !calls.contains("fdatasync(") else { throw Broken("the broker lived on after a flush that failed") }
        return "lived"
    }

    private static func requireStrace(_ stage: Stage) async throws {
        let rig = try stage.rig("strace")
        let trial = try? rig.start("strace", ["strace", "-D", "-f", "-e", "trace=fdatasync", "true"])
        guard let trial, try await trial.end(within: .seconds(10)) == .exited(0) else {
            throw NotRun(sentence: "it needs strace, and the right to trace a process (ptrace)")
        }
    }
}

/// Draws which call fails how, and at which of its turns.
private final class Faults {
    struct Fault {
        let call: String
        let error: String
        let turn: UInt64

        var name: String { "\(call)_\(error)" }

        /// -D: the broker is our child and strace its grandchild, so that signals reach the broker.
        func prefix(writing trace: String) -> [String] {
            [
                "strace", "-D", "-f", "-qq", "-o", trace, "-e", "trace=\(call)", "-e",
                "inject=\(call):error=\(error):when=\(turn)",
            ]
        }
    }

    private var random: SeededRandom

    init(random: SeededRandom) { self.random = random }

    func next() -> Fault {
        let (call, error) = random.pick([
            ("fdatasync", "EIO"), ("fdatasync", "ENOSPC"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"),
        ])
        return Fault(call: call, error: error, turn: 1 + random.next(upTo: random.pick([10, 100, 400])))
    }
}
