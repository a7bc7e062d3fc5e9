import CZeroMQ
import Glibc

/// What makes a ``RouterSocket`` speak CURVE alone, and ask the ``Gatekeeper`` about every peer.
package struct ServerSecurity: Sendable {
    package var secret: SecretKey
    /// Tells the gatekeeper which socket a peer knocks at.
    package var domain: String

    package init(secret: SecretKey, domain: String) {
        precondition((1...255).contains(domain.utf8.count), "a ZAP domain has 1 to 255 bytes")
        self.secret = secret
        self.domain = domain
    }
}

/// What makes a ``DealerSocket`` speak CURVE alone: its own pair, and the public key that the broker must prove.
package struct ClientSecurity: Sendable {
    package var pair: KeyPair
    package var server: PublicKey

    package init(pair: KeyPair, server: PublicKey) {
        self.pair = pair
        self.server = server
    }
}

extension SocketHandle {
    /// To be called before bind. The domain is enforced: while no gatekeeper answers, nobody gets in. Without that
    /// option libzmq 4.3.4 lets any key in then.
    func secure(_ security: ServerSecurity) {
        set([
            SocketOption(name: "CURVE_SERVER", number: ZMQ_CURVE_SERVER, value: 1),
            SocketOption(name: "ZAP_ENFORCE_DOMAIN", number: ZMQ_ZAP_ENFORCE_DOMAIN, value: 1),
        ])
        set("ZAP_DOMAIN", ZMQ_ZAP_DOMAIN, Array(security.domain.utf8))
        set("CURVE_SECRETKEY", ZMQ_CURVE_SECRETKEY, security.secret.bytes)
        requireCurve()
    }

    /// To be called before connect.
    func secure(_ security: ClientSecurity) {
        set("CURVE_SERVERKEY", ZMQ_CURVE_SERVERKEY, security.server.bytes)
        set("CURVE_PUBLICKEY", ZMQ_CURVE_PUBLICKEY, security.pair.publicKey.bytes)
        set("CURVE_SECRETKEY", ZMQ_CURVE_SECRETKEY, security.pair.secret.bytes)
        requireCurve()
    }

    /// For the next bind only: a listener keeps the options that it was made with.
    func change(secret: SecretKey) { set("CURVE_SECRETKEY", ZMQ_CURVE_SECRETKEY, secret.bytes) }

    private func set(_ name: String, _ number: Int32, _ bytes: [UInt8]) {
        let result = zmq_setsockopt(raw, number, bytes, bytes.count)
        precondition(result == 0, "libzmq refused \(name): error \(zmq_errno())")
    }

    /// Read back, because a socket that silently stayed with no mechanism would let everybody read along.
    private func requireCurve() {
        let mechanism = SocketOption(name: "MECHANISM", number: ZMQ_MECHANISM, value: Int64(ZMQ_CURVE))
        let value = mechanism.read(from: raw)
        precondition(value == mechanism.value, "libzmq does not use CURVE: mechanism \(value)")
    }
}
