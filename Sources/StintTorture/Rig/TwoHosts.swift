import Foundation
import Glibc

/// Two hosts with a cable between them: network namespaces `near`, where the broker lives, and `far`. Neither has any
/// other way out, so nothing of it can be met elsewhere. A namespace goes with its last process, and all of these go with
/// the driver, however that ends.
///
/// Every peer finds the broker at the same two addresses, and the peers on `near` reach them without the cable. What the
/// cable suffers is the TCP of ZeroMQ itself, encrypted, as it has to be between hosts.
struct TwoHosts: Sendable {
    enum Host: String, CaseIterable, Sendable {
        case near, far

        fileprivate var address: String { self == .near ? "10.77.0.1" : "10.77.0.2" }
    }

    /// Where the broker is.
    static let clients = "tcp://\(Host.near.address):7411"
    static let workers = "tcp://\(Host.near.address):7412"
    /// The interface on either host.
    static let cable = "cable"

    private let rig: Rig
    private let holders: [Host: RigProcess]

    /// - Throws: ``NotRun`` where namespaces are not permitted, or one of the faults.
    init(on rig: Rig) async throws {
        self.rig = rig
        do {
            var holders: [Host: RigProcess] = [:]
            for host in Host.allCases { holders[host] = try await Self.hold(rig, host) }
            self.holders = holders
            let ends = [Self.cable, "type", "veth", "peer", "name", Self.cable, "netns", "\(holder(of: .far).id)"]
            try await command(["ip", "link", "add"] + ends, on: .near)
            for host in Host.allCases {
                try await command(["ip", "address", "add", "\(host.address)/24", "dev", Self.cable], on: host)
                try await command(["ip", "link", "set", Self.cable, "up"], on: host)
            }
            // Before anybody uses it: what is not permitted here must not be found out in the middle.
            for fault in CableFault.oneOfEachKind { try await suffer(fault, for: .zero) }
        } catch let reason as Broken {
            throw NotRun(
                sentence: """
                    it needs network namespaces (root), and ip, tc and iptables, which `scripts/bootstrap --optional` \
                    brings; here \(reason)
                    """)
        }
    }

    /// Runs a program on a host.
    func prefix(_ host: Host) -> [String] { ["nsenter", "--target=\(holder(of: host).id)", "--net"] }

    /// The cable is not what it was, for a while.
    func suffer(_ fault: CableFault, for duration: Duration) async throws {
        for deed in fault.deeds { try await command(deed.begin, on: deed.host) }
        try await Task.sleep(for: duration)
        for deed in fault.deeds { try await command(deed.mend, on: deed.host) }
    }

    /// Takes the hosts down, once nothing runs there any more.
    func close() async throws {
        for holder in holders.values { try await holder.kill9() }
    }

    private func holder(of host: Host) -> RigProcess {
        guard let holder = holders[host] else { preconditionFailure("every host has a holder") }
        return holder
    }

    private func command(_ words: [String], on host: Host) async throws {
        let ending = try await rig.start("commands", words, prefix: prefix(host)).end(within: .seconds(20))
        guard ending == .exited(0) else { throw Broken("`\(words.joined(separator: " "))` ended with \(ending)") }
    }

    private static func hold(_ rig: Rig, _ host: Host) async throws -> RigProcess {
        let script = "ip link set lo up && : > \(host).up && exec cat"
        let holder = try rig.start("host.\(host)", ["unshare", "--net", "sh", "-c", script])
        while !FileManager.default.fileExists(atPath: rig.path("\(host).up")) {
            guard holder.isAlive else { throw Broken("no network namespace could be made") }
            try await Task.sleep(for: .milliseconds(10))
        }
        return holder
    }
}
