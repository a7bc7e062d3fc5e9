import Glibc

/// Where a socket listens or connects: `tcp://HOST:PORT`, `ipc://PATH` or `inproc://NAME`.
///
/// **The rule it keeps:** without keys only this host may take part. Binding or connecting without them to an address
/// that is not local is refused with a sentence that says what to do instead.
///
/// - HOST: an IPv4 address, an IPv6 address in brackets, or a name. `localhost` always means 127.0.0.1, so that a
///   broker and its peers agree on it and no resolver is asked. No other name is local.
/// - PORT: 1…65 535; 0 or `*` when binding means any free port, which ``RouterSocket/boundEndpoint`` tells.
/// - PATH: 1…107 bytes, the size of `sockaddr_un`. A relative one counts from the working directory.
/// - NAME: within one ``ZMQContext``, for tests.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package enum Address: Hashable, Sendable {
        /// An IPv6 host stands here without its brackets.
        case tcp(host: String, port: UInt16)
        case ipc(path: String)
        case inproc(name: String)
    }

    package let address: Address

    package static let ipcPathBytesMax = 107
    private static let textBytesMax = 512

    package init(_ text: String) throws(TransportError) {
        guard text.utf8.count <= Self.textBytesMax else {
            throw .invalidEndpoint(text, "it has \(text.utf8.count) bytes, over the limit of \(Self.textBytesMax)")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .invalidEndpoint(text, "it holds a control character; remove it")
        }
        if let rest = text.after("tcp://") {
            address = try Self.tcp(rest, in: text)
        } else if let rest = text.after("ipc://") {
            address = try Self.ipc(rest, in: text)
        } else if let rest = text.after("inproc://") {
            guard !rest.isEmpty else { throw .invalidEndpoint(text, "the name after inproc:// is empty") }
            address = .inproc(name: rest)
        } else {
            throw .invalidEndpoint(
                text,
                "it begins with none of tcp://, ipc:// and inproc://; write tcp://HOST:PORT, such as "
                    + "tcp://127.0.0.1:7411, or ipc://PATH")
        }
    }

    /// Does it name this host alone?
    package var isLocal: Bool {
        switch address {
        case .tcp(let host, _): HostAddress(host).isLoopback
        case .ipc, .inproc: true
        }
    }

    package var description: String {
        switch address {
        case .tcp(let host, let port): "tcp://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        case .ipc(let path): "ipc://\(path)"
        case .inproc(let name): "inproc://\(name)"
        }
    }

    /// What libzmq is given. It resolves no name when it binds, hence the address in place of `localhost`.
    var libzmqText: String {
        guard case .tcp(let host, let port) = address, host == "localhost" else { return description }
        return "tcp://127.0.0.1:\(port)"
    }

    /// `ZMQ_IPV6` is set only where it is needed: with it libzmq reports 127.0.0.1 as ::ffff:127.0.0.1.
    var needsIPv6: Bool {
        if case .tcp(let host, _) = address { host.contains(":") } else { false }
    }

    func checkBindable(isEncrypted: Bool) throws(TransportError) {
        guard !isEncrypted, !isLocal, case .tcp(let host, let port) = address else { return }
        let reach = host == "*" || host == "0.0.0.0" || host == "::" ? "every network of this host" : "other hosts"
        throw TransportError(
            .encryptionRequired, retryable: false,
            """
            will not bind "\(self)": it is reachable from \(reach), and peers that are not on this host need \
            encryption (CURVE keys), which this broker does not have. Put "security": {} into cluster.json and run \
            `stint keys new operator --role operator`, or bind to tcp://127.0.0.1:\(port) or to an ipc:// path and \
            run the workers on this host.
            """)
    }

    func checkConnectable(isEncrypted: Bool) throws(TransportError) {
        guard case .tcp(let host, let port) = address else { return }
        guard port != 0 else {
            throw .invalidEndpoint(
                description, "port 0 stands for any free port and can only be bound; name the broker's port, 1 to 65535"
            )
        }
        guard host != "*", host != "0.0.0.0", host != "::" else {
            throw .invalidEndpoint(
                description, "\(host) can only be bound; name the broker's address, such as tcp://127.0.0.1:\(port)")
        }
        guard !isEncrypted, !isLocal else { return }
        throw TransportError(
            .encryptionRequired, retryable: false,
            """
            will not connect to "\(self)": a broker that is not on this host needs encryption (CURVE keys), which \
            this process does not have. Run `stint keys new NAME --role ROLE` on the broker's host, bring the file \
            that it makes here and name it in STINT_KEY_FILE; or connect to tcp://127.0.0.1:\(port) or to an ipc:// \
            path of a broker on this host.
            """)
    }
}

extension Endpoint {
    private static func tcp(_ rest: String, in text: String) throws(TransportError) -> Address {
        guard let colon = rest.lastIndex(of: ":") else {
            throw .invalidEndpoint(text, "the port is missing; write tcp://HOST:PORT, such as tcp://127.0.0.1:7411")
        }
        let portText = rest[rest.index(after: colon)...]
        let digits = !portText.isEmpty && portText.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard let port = portText == "*" ? 0 : digits ? UInt16(portText) : nil else {
            throw .invalidEndpoint(
                text, "the port is \(String(portText).debugDescription) where a number from 0 to 65535 belongs")
        }
        let hostText = String(rest[..<colon])
        guard let host = HostAddress(parsing: hostText) else {
            throw .invalidEndpoint(
                text,
                "the host \(hostText.debugDescription) is none of an IPv4 address, an IPv6 address in brackets "
                    + "and a name; write tcp://127.0.0.1:PORT for this host")
        }
        return .tcp(host: host.text, port: port)
    }

    private static func ipc(_ path: String, in text: String) throws(TransportError) -> Address {
        let bytes = path.utf8.count
        guard bytes > 0, path != "*" else {
            throw .invalidEndpoint(text, "the path is missing; write ipc://PATH, such as ipc:///run/stint/workers.sock")
        }
        guard !path.hasPrefix("@") else {
            throw .invalidEndpoint(
                text, "a name that begins with @ has no permissions and any user could connect; write a path")
        }
        guard !path.hasSuffix("/") else { throw .invalidEndpoint(text, "the path is a folder; add the socket's name") }
        guard bytes <= ipcPathBytesMax else {
            throw .invalidEndpoint(
                text,
                "the path has \(bytes) bytes and the system allows a socket \(ipcPathBytesMax); use a shorter one, "
                    + "such as ipc:///run/stint/workers.sock")
        }
        return .ipc(path: path)
    }
}

extension String {
    fileprivate func after(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
