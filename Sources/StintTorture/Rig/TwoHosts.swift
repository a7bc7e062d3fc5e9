import Foundation
import Glibc

/// Two hosts with a cable between them: network namespaces `near`, where the broker lives, and `far`. Each namespace goes
/// with its holder, and the holders with the driver.
///
/// Peers off the broker's host have to encrypt, and the rig has no keys, so each host has a ``Relay``, as a tunnel
/// would be: peers talk to their own loopback, and only the two relays talk over the cable. Every fault of the cable
/// reaches the peers through it: silence, loss, resets. To torment ZeroMQ's own TCP as well, give the rig keys, bind the
/// broker to `nearAddress` and leave the relays out.
struct TwoHosts: Sendable {
    static let nearAddress = "10.77.0.1"
    static let farAddress = "10.77.0.2"

    private let rig: Rig
    private let nearHolder: RigProcess
    private let farHolder: RigProcess
    /// The relays' seats, near and far.
    let relays: [Seat]

    /// - Throws: ``NotRun`` where namespaces or packet filters are not permitted.
    init(on rig: Rig) async throws {
        self.rig = rig
        do {
            nearHolder = try await Self.hold(rig, "near")
            farHolder = try await Self.hold(rig, "far")
            let (near, far) = (
                ["nsenter", "--target=\(nearHolder.id)", "--net"], ["nsenter", "--target=\(farHolder.id)", "--net"]
            )
            try await Self.command(
                rig,
                near + [
                    "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", "\(farHolder.id)",
                ])
            for (host, address) in [(near, Self.nearAddress), (far, Self.farAddress)] {
                try await Self.command(rig, host + ["ip", "address", "add", "\(address)/24", "dev", "cable"])
                try await Self.command(rig, host + ["ip", "link", "set", "cable", "up"])
            }
            try await Self.command(rig, near + ["iptables", "-A", "INPUT", "-i", "cable", "-j", "ACCEPT"])
            try rig.write("delay", "0\n")
            relays = [
                try Seat("relay") {
                    try rig.start(
                        "relay.near",
                        near + [Rig.driver, "relay", "--delay", rig.path("delay")]
                            + [
                                "\(Self.nearAddress):7511=\(rig.path("c"))",
                                "\(Self.nearAddress):7512=\(rig.path("w"))",
                            ])
                },
                try Seat("relay") {
                    try rig.start(
                        "relay.far",
                        far + [Rig.driver, "relay", "--delay", rig.path("delay")]
                            + ["127.0.0.1:7411=\(Self.nearAddress):7511", "127.0.0.1:7412=\(Self.nearAddress):7512"])
                },
            ]
        } catch is Broken {
            throw NotRun(sentence: "it needs the right to make network namespaces (root), and ip and iptables")
        }
    }

    /// Runs a program on the far host, where the broker is at these addresses.
    var farPrefix: [String] { ["nsenter", "--target=\(farHolder.id)", "--net"] }
    static let farClients = "tcp://127.0.0.1:7411"
    static let farWorkers = "tcp://127.0.0.1:7412"

    // MARK: Faults

    func cut() async throws { try await near("ip", "link", "set", "cable", "down") }
    func join() async throws { try await near("ip", "link", "set", "cable", "up") }

    /// What may happen to packets that are on their way to a host.
    enum Loss: Sendable {
        case all
        /// 0 to 1.
        case some(Double)
    }

    /// Drops packets silently: those towards the broker's host, those from it, or both. The link stays up, so that
    /// neither side is told.
    func lose(_ loss: Loss, inward: Bool, outward: Bool) async throws {
        let chance: [String] =
            switch loss {
            case .all: []
            case .some(let share): ["-m", "statistic", "--mode", "random", "--probability", "\(share)"]
            }
        if inward { try await near(["iptables", "-I", "INPUT", "-i", "cable"] + chance + ["-j", "DROP"]) }
        if outward { try await near(["iptables", "-I", "OUTPUT", "-o", "cable"] + chance + ["-j", "DROP"]) }
    }

    func loseNothing() async throws {
        for chain in ["INPUT", "OUTPUT"] { try await near("iptables", "-F", chain) }
    }

    /// Holds every piece that passes a relay up for this long.
    func delay(milliseconds: Int) throws { try rig.write("delay", "\(milliseconds)\n") }

    // MARK: Ending

    /// Takes the hosts down, once nothing runs there any more.
    func close() async throws {
        for seat in relays { try await seat.process.kill9() }
        for holder in [nearHolder, farHolder] { try await holder.kill9() }
    }

    // MARK: Commands

    private func near(_ words: String...) async throws { try await near(words) }

    private func near(_ words: [String]) async throws {
        try await Self.command(rig, ["nsenter", "--target=\(nearHolder.id)", "--net"] + words)
    }

    private static func command(_ rig: Rig, _ words: [String]) async throws {
        let ending = try await rig.start("commands", words).end(within: .seconds(20))
        guard ending == .exited(0) else { throw Broken("\(words.joined(separator: " ")) ended with \(ending)") }
    }

    private static func hold(_ rig: Rig, _ name: String) async throws -> RigProcess {
        let script = "ip link set lo up && : > \(name).up && exec cat"
        let holder = try rig.start("host.\(name)", ["unshare", "--net", "sh", "-c", script])
        while !FileManager.default.fileExists(atPath: rig.path("\(name).up")) {
            guard holder.isAlive else { throw Broken("no network namespace could be made") }
            try await Task.sleep(for: .milliseconds(10))
        }
        return holder
    }
}
