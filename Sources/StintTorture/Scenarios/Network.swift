import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// Workers and a loader on another host than the broker, and everything that can happen to the cable between: cut,
    /// silent in one direction or both (the link stays up, so nobody is told), lossy, slow, and connections reset.
    static let network = Scenario(
        name: "network", about: "partitions, half-open connections, loss and delay between hosts (needs namespaces)"
    ) { stage in
        let rig = try stage.rig("network")
        let hosts = try await TwoHosts(on: rig)
        var crew = try Crew(on: rig, workers: 1, load: nil)
        for number in 2...3 {
            crew.workers.append(
                try Seat("worker") {
                    try rig.startWorker(
                        "worker.\(number)", prefix: hosts.farPrefix, environment: ["STINT_WORKERS": TwoHosts.farWorkers]
                    )
                })
        }
        crew.loader = try Seat("load") {
            try rig.startLoader(
                LoadPlan(rate: stage.sizes.rate, seed: stage.seed), prefix: hosts.farPrefix,
                clients: TwoHosts.farClients)
        }
        var random = rig.random("network")
        var counts: [String: Int] = [:]
        try await Task.sleep(for: .seconds(3))
        let descriptors = descriptorCount(of: crew.broker.process)
        for _ in 0..<stage.sizes.networkFaults {
            let fault = random.pick(Fault.allCases)
            counts[fault.rawValue, default: 0] += 1
            try await fault.happen(to: hosts, for: random.duration(100...4_000), &random)
            try await Task.sleep(for: random.duration(200...2_000))
        }
        // Far longer than a dead connection may take to be noticed.
        let finish = try await crew.finish(beforeStopping: {
            let left = descriptorCount(of: crew.broker.process)
            guard left <= descriptors + 40 else {
                throw Broken("the broker had \(descriptors) open files before the faults and \(left) after them")
            }
        }) { try await hosts.close() }
        var figures = Figures()
        figures["faults"] = .number(stage.sizes.networkFaults)
        for (name, number) in counts.sorted(by: { $0.key < $1.key }) { figures[name] = .number(number) }
        figures.add(finish.figures)
        return figures
    }

    private static func descriptorCount(of process: RigProcess) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.id)/fd")) ?? []).count
    }
}

/// What happens to the cable.
private enum Fault: String, CaseIterable {
    case cut
    case silentBothWays = "silent"
    case silentInward = "silent_inward"
    case silentOutward = "silent_outward"
    case lossy
    case slow
    case reset

    func happen(to hosts: TwoHosts, for duration: Duration, _ random: inout SeededRandom) async throws {
        switch self {
        case .cut: try await hosts.cut()
        case .silentBothWays: try await hosts.lose(.all, inward: true, outward: true)
        case .silentInward: try await hosts.lose(.all, inward: true, outward: false)
        case .silentOutward: try await hosts.lose(.all, inward: false, outward: true)
        case .lossy: try await hosts.lose(.some(random.pick([0.05, 0.2, 0.4])), inward: true, outward: true)
        case .slow: try hosts.delay(milliseconds: random.pick([20, 100, 400]))
        case .reset: return try await random.pick(hosts.relays).kill9(absentFor: duration)
        }
        try await Task.sleep(for: duration)
        switch self {
        case .cut: try await hosts.join()
        case .silentBothWays, .silentInward, .silentOutward, .lossy: try await hosts.loseNothing()
        case .slow: try hosts.delay(milliseconds: 0)
        case .reset: break
        }
    }
}
