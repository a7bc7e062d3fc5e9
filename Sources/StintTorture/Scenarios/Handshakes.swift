import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// Who has no key gets no further than the handshake, and many of them may try at once: thousands that never finish
    /// theirs, and as many wrong keys a second. Whoever has a key goes on meanwhile, also one that comes anew; the broker
    /// neither runs out of files nor keeps one of theirs.
    static let handshakes = Scenario(
        name: "handshakes",
        about: "thousands of half handshakes, and of wrong keys a second, while peers with keys go on"
    ) { stage in
        let address = "tcp://127.0.0.1:"
        let rig = try stage.rig(
            "handshakes",
            Rig.Options(
                clients: "\(address)\(try Rig.freePort())", workers: "\(address)\(try Rig.freePort())", lease: "3s",
                heartbeat: "1s", hasKeys: true))
        try await rig.makeKeys()
        let broker = try Seat("broker") { try rig.startBroker() }
        let worker = try Seat("worker") { try rig.startWorker("worker.1", slots: 8) }
        let client = try StintClient(connectingTo: rig.clients, key: try rig.key, connectPatience: .seconds(60))
        defer { client.close() }
        let pulse = try Pulse(client: client, rig: rig)
        var figures = Figures()
        try await pulse.await("the worker to join") { $0.workers.count == 1 }

        let length = Duration.seconds(max(1, stage.sizes.handshakeSeconds))
        let calm = try await pulse.enqueueMicroseconds(for: length)
        (figures["calm_enqueue_us_p50"], figures["calm_enqueue_us_p99"]) = (.number(calm.p50), .number(calm.p99))
        let filesCalm = broker.process.openFiles
        figures["calm_files"] = .number(filesCalm)
        let (half, wrong) = (stage.sizes.halfHandshakes, stage.sizes.wrongKeys)
        for (name, half, wrong) in [("half", half, 0), ("wrong", 0, wrong), ("both", half, wrong)] {
            let strangers = try rig.startStrangers("strangers-\(name)", halfHandshakes: half, wrongKeys: wrong)
            // All there before anything is measured.
            try await strangers.reach("the strangers") { $0.held >= half * 9 / 10 && (wrong == 0 || $0.refused > 0) }
            let (start, before) = (ContinuousClock.now, strangers.count)
            let meanwhile = try await pulse.enqueueMicroseconds(for: length)
            let (seconds, after) = ((ContinuousClock.now - start) / .seconds(1), strangers.count)
            figures["\(name)_enqueue_us_p50"] = .number(meanwhile.p50)
            figures["\(name)_enqueue_us_p99"] = .number(meanwhile.p99)
            let files = broker.process.openFiles
            figures["\(name)_files"] = .number(files)
            guard files <= filesCalm + half + wrong + 100 else { throw Broken("\(files) files for \(half) strangers") }
            if half > 0 {
                figures["\(name)_opened_a_second"] = .number(Int(Double(after.opened - before.opened) / seconds))
            }
            if wrong > 0 {
                figures["\(name)_refused_a_second"] = .number(Int(Double(after.refused - before.refused) / seconds))
            }
            figures["\(name)_joining_ms"] = .number(try await rig.joiningMilliseconds())
            try broker.expectAlive()
            strangers.process.signal(SIGKILL)
            try await strangers.process.end(within: .seconds(10))
            // Within the five seconds after which a half handshake is given up, and some for a busy machine.
            try await broker.process.awaitOpenFiles(atMost: filesCalm + 10, within: .seconds(30))
        }
        // However many were refused, few records say so.
        let records = try await client.audit(after: 0, limit: 1).last
        figures["audit_records"] = .number(records)
        guard records <= 60 else { throw Broken("\(records) audit records: refusals are to be counted, not listed") }
        let crew = Crew(rig: rig, broker: broker, workers: [worker], shell: nil, loader: nil)
        figures.add(try await crew.finish().figures)
        return figures
    }
}

extension Rig {
    /// How long one more peer with a key takes from its first word to the acknowledgement of a question.
    fileprivate func joiningMilliseconds() async throws -> Int {
        let start = ContinuousClock.now
        let client = try StintClient(connectingTo: clients, key: try key, connectPatience: .seconds(30))
        defer { client.close() }
        _ = try await client.status(timeout: .seconds(30))
        return Int((ContinuousClock.now - start) / .milliseconds(1))
    }

    fileprivate func startStrangers(_ name: String, halfHandshakes: Int, wrongKeys: Int) throws -> StrangersProcess {
        let process = try start(
            name,
            [
                Self.driver, "strangers", "--endpoint", clients, "--key-file", keyFile, "--half", "\(halfHandshakes)",
                "--wrong", "\(wrongKeys)",
            ])
        return StrangersProcess(process: process, log: path("logs/\(name)"))
    }
}

/// The strangers, and what they say of themselves.
private struct StrangersProcess {
    let process: RigProcess
    let log: String

    var count: StrangersCount {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").last { $0.hasPrefix("held") }.flatMap { StrangersCount(line: String($0)) }
            ?? StrangersCount()
    }

    func reach(_ what: String, _ isSo: (StrangersCount) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !isSo(count) {
            guard process.isAlive else { throw Broken("\(what) ended by themselves; see \(log)") }
            guard ContinuousClock.now < deadline else { throw Broken("waited 60 s for \(what): \(count.line)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
