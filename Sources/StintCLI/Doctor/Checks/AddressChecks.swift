import StintCore

/// Who can reach the broker's sockets.
enum AddressChecks {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        [("clients", facts.cluster.broker.clientsBind), ("workers", facts.cluster.broker.workersBind)]
            .compactMap { what, address in
                guard isReachable(address) else { return nil }
                let sentence = "other hosts can reach what the broker binds for \(what): \(address)"
                guard facts.cluster.security != nil else {
                    return Finding(
                        .problem, "address.open", "\(sentence), and without keys no broker starts there",
                        fix: "make keys (`stint keys new operator --role operator`) and put \"security\": {} into "
                            + "cluster.json, or bind loopback or an ipc:// path in \"broker.bind\"")
                }
                return Finding(
                    .note, "address.open", sentence + "; whoever has no key gets no further than the handshake",
                    fix:
                        "let a firewall admit only the hosts of the cluster: a handshake costs the broker some work, too"
                )
            }
    }

    /// Whether somebody off this host can connect: any TCP address but those of loopback.
    static func isReachable(_ endpoint: String) -> Bool {
        guard endpoint.hasPrefix("tcp://") else { return false }
        let rest = endpoint.dropFirst("tcp://".count)
        let host = rest.hasPrefix("[") ? rest.prefix { $0 != "]" }.dropFirst() : rest.prefix { $0 != ":" }
        return !(host.hasPrefix("127.") || host == "localhost" || host == "::1" || host == "lo")
    }
}
