/// What the kernel does to the cable between ``TwoHosts``, until it is mended.
///
/// Packets are lost, or refused, by the host at which they arrive: the one that sent them believes them on their way. A
/// filter at the sender would tell it.
enum CableFault: Sendable {
    /// The cable is pulled out at one host, which knows it at once; the other one only sees that the link is gone.
    case pulled(at: TwoHosts.Host)
    /// The link stays up and nothing arrives at these hosts: nobody is told. At one of them alone, the connection is half
    /// open.
    case silence(at: [TwoHosts.Host])
    /// Of what arrives at either host so much is lost: 0 to 1.
    case loss(share: Double)
    /// A line that takes so many kilobits a second, behind a queue: what was sent before holds up what comes after it.
    ///
    /// This delays, by up to ``queueMilliseconds`` in each direction. The same delay for every packet would need `netem`,
    /// which few kernels have built in.
    case narrow(kilobits: Int)
    /// Whatever arrives at these hosts is answered with a reset, which ends the connection at the other one; a new one is
    /// refused as well. Whoever is here hears nothing, as when a firewall forgets the connections that it let through.
    case reset(at: [TwoHosts.Host])

    static let oneOfEachKind: [CableFault] = [
        .pulled(at: .near), .silence(at: [.near, .far]), .loss(share: 0.5), .narrow(kilobits: 64),
        .reset(at: [.near, .far]),
    ]
    static let queueMilliseconds = 1_000

    /// A command that begins something on a host, and the one that takes it back.
    struct Deed {
        let host: TwoHosts.Host
        let begin: [String]
        let mend: [String]
    }

    var deeds: [Deed] {
        switch self {
        case .pulled(let host):
            let link = ["ip", "link", "set", TwoHosts.cable]
            return [Deed(host: host, begin: link + ["down"], mend: link + ["up"])]
        case .silence(let hosts):
            return hosts.map { .filter(at: $0, ["-j", "DROP"]) }
        case .loss(let share):
            let some = ["-m", "statistic", "--mode", "random", "--probability", "\(share)"]
            return TwoHosts.Host.allCases.map { .filter(at: $0, some + ["-j", "DROP"]) }
        case .narrow(let kilobits):
            let bucket = ["rate", "\(kilobits)kbit", "burst", "2kb", "latency", "\(Self.queueMilliseconds)ms"]
            return TwoHosts.Host.allCases.map { host in
                Deed(
                    host: host, begin: ["tc", "qdisc", "add", "dev", TwoHosts.cable, "root", "tbf"] + bucket,
                    mend: ["tc", "qdisc", "del", "dev", TwoHosts.cable, "root"])
            }
        case .reset(let hosts):
            return hosts.map { .filter(at: $0, ["-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"]) }
        }
    }
}

extension CableFault.Deed {
    /// What becomes of the packets that arrive at a host.
    fileprivate static func filter(at host: TwoHosts.Host, _ rule: [String]) -> Self {
        let words = ["INPUT", "-i", TwoHosts.cable] + rule
        return Self(host: host, begin: ["iptables", "-w", "-A"] + words, mend: ["iptables", "-w", "-D"] + words)
    }
}
