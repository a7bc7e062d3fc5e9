import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// Workers and a loader on another host than the broker, with keys, and everything that can happen to the cable
    /// between: cut, silent in one direction or both (the link stays up, so nobody is told), lossy, narrow, and
    /// connections reset.
    static let network = Scenario(
        name: "network", about: "partitions, half-open connections, loss and delay between hosts (needs namespaces)"
    ) { stage in
        let rig = try stage.rig(
            "network", Rig.Options(clients: TwoHosts.clients, workers: TwoHosts.workers, hasKeys: true))
        let hosts = try await TwoHosts(on: rig)
        try await rig.makeKeys()
        let (near, far) = (hosts.prefix(.near), hosts.prefix(.far))
        let crew = Crew(
            rig: rig, broker: try Seat("broker") { try rig.startBroker(prefix: near) },
            workers: try (1...3).map { number in
                try Seat("worker") { try rig.startWorker("worker.\(number)", prefix: number == 1 ? near : far) }
            },
            shell: try Seat("shell") { try rig.startShellWorker("shell.1", prefix: far) },
            loader: try Seat("load") {
                try rig.startLoader(LoadPlan(rate: stage.sizes.rate, seed: stage.seed), prefix: far)
            })
        var random = rig.random("network")
        var counts: [String: Int] = [:]
        try await Task.sleep(for: .seconds(3))
        let broker = crew.broker.process
        let files = broker.openFiles
        for _ in 0..<stage.sizes.networkFaults {
            let fault = random.pick(Fault.allCases)
            counts[fault.rawValue, default: 0] += 1
            var duration = random.duration(100...4_000)
            if fault.isSilence, random.next(upTo: 5) == 0 {
                counts["outlasting", default: 0] += 1
                duration = random.duration(21_000...25_000)
            }
            try await hosts.suffer(fault.draw(&random), for: duration)
            try await Task.sleep(for: random.duration(200...2_000))
        }
        let finish = try await crew.finish(
            askingFrom: near,
            // A dead connection is given up after 20 s in which nothing was acknowledged, or after 30 s without a word.
            beforeStopping: { try await broker.awaitOpenFiles(atMost: files + 10, within: .seconds(60)) },
            beforeJudging: { try await hosts.close() })
        var figures = Figures()
        figures["faults"] = .number(stage.sizes.networkFaults)
        for (name, number) in counts.sorted(by: { $0.key < $1.key }) { figures[name] = .number(number) }
        figures.add(finish.figures)
        return figures
    }
}

/// What happens to the cable, by the names of the figures. One silence in six outlasts what TCP gives an unacknowledged
/// packet (20 s, see `SocketOption`), so that the connections themselves are given up.
private enum Fault: String, CaseIterable {
    case cut
    case silentBothWays = "silent"
    case silentInward = "silent_inward"
    case silentOutward = "silent_outward"
    case lossy
    case narrow
    case reset

    var isSilence: Bool {
        switch self {
        case .silentBothWays, .silentInward, .silentOutward: true
        case .cut, .lossy, .narrow, .reset: false
        }
    }

    func draw(_ random: inout SeededRandom) -> CableFault {
        switch self {
        case .cut: .pulled(at: random.pick(TwoHosts.Host.allCases))
        case .silentBothWays: .silence(at: [.near, .far])
        case .silentInward: .silence(at: [.near])
        case .silentOutward: .silence(at: [.far])
        case .lossy: .loss(share: random.pick([0.05, 0.2, 0.4]))
        case .narrow: .narrow(kilobits: random.pick([64, 256, 1_024]))
        case .reset: .reset(at: random.pick([[.near], [.far], [.near, .far]]))
        }
    }
}
