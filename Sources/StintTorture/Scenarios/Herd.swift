import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// Hundreds of workers at once. First the broker dies under them, and all come back to the next one; then they all
    /// die in the same moment with everything they hold, and it expires together. Who enqueues meanwhile must hardly
    /// notice, and one small worker does what is left.
    static let herd = Scenario(
        name: "herd", about: "hundreds of workers that reconnect at once, and that die at once with all they hold"
    ) { stage in
        let rig = try stage.rig("herd", Rig.Options(lease: "3s", heartbeat: "1s"))
        let (processes, workers, slots) = (4, max(1, stage.sizes.herd / 4), 50)
        let broker = try Seat("broker") { try rig.startBroker() }
        let herd = try (1...processes).map { number in
            try rig.startWorker("herd.\(number)", slots: slots, count: workers)
        }
        let client = try StintClient(connectingTo: rig.clients, connectPatience: .seconds(60))
        defer { client.close() }
        let pulse = try Pulse(client: client, rig: rig)
        var figures = Figures()
        figures["workers"] = .number(processes * workers)

        try await pulse.await("every worker to join") { $0.workers.count { $0.isConnected } == processes * workers }
        figures["calm_enqueue_ms_p99"] = .number(try await pulse.enqueueMilliseconds(for: .seconds(3)))
        try await pulse.enqueueHerd(processes * workers * slots)
        try await pulse.await("every slot to be taken") { $0.counts.leased >= processes * workers * slots }
        figures["leases"] = .number(processes * workers * slots)

        let restart = ContinuousClock.now
        try await broker.kill9()
        try await pulse.await("every worker to come back") {
            $0.workers.count { $0.isConnected } == processes * workers
        }
        figures["all_back_after_s"] = .seconds((ContinuousClock.now - restart) / .seconds(1))

        let survivor = try Seat("worker") { try rig.startWorker("worker.1", slots: 16) }
        for process in herd { process.signal(SIGKILL) }
        let death = ContinuousClock.now
        figures["enqueue_ms_p99_meanwhile"] = .number(try await pulse.enqueueMilliseconds(for: .seconds(8)))
        let crew = Crew(rig: rig, broker: broker, workers: [survivor], shell: nil, loader: nil)
        try await rig.drain(patience: .seconds(120))
        figures["all_done_after_s"] = .seconds((ContinuousClock.now - death) / .seconds(1))
        for process in herd { try await process.end(within: .seconds(10)) }
        figures.add(try await crew.finish().figures)
        return figures
    }
}
