import Foundation
import StintTestKit
import Synchronization
import Testing

@testable import StintTransport

extension TransportSuite {
    // Goal: nobody talks to an encrypted socket who has not proved a key that the gatekeeper knows, and each message
    // comes with the right one. Method: real handshakes over loopback, one gatekeeper at a time in the process's one
    // context: with libzmq 4.3.4 several contexts must not use CURVE.
    @Suite("CURVE") struct CurveTests {
        /// A router with keys, and the keys that it lets in.
        private final class Door {
            let context: ZMQContext
            let server = KeyPair()
            let count: ConnectionCount
            let router: RouterSocket
            let poller = Poller()
            let gatekeeper: Gatekeeper
            let known = KnownKeys()

            final class KnownKeys: Sendable {
                private let keys = Mutex<Set<PublicKey>>([])
                private let isFull = Mutex(false)
                let knocks = Mutex<[Gatekeeper.Knock]>([])

                func add(_ key: PublicKey) { keys.withLock { _ = $0.insert(key) } }
                func remove(_ key: PublicKey) { keys.withLock { _ = $0.remove(key) } }
                func setFull(_ full: Bool) { isFull.withLock { $0 = full } }

                func judge(_ knock: Gatekeeper.Knock) -> Gatekeeper.Verdict {
                    knocks.withLock { $0.append(knock) }
                    if isFull.withLock({ $0 }) { return .busy }
                    return keys.withLock { $0.contains(knock.key) } ? .admitted : .refused
                }
            }

            init(at endpoint: String = "tcp://127.0.0.1:*") throws {
                context = try ZMQContext.ofThisProcess()
                count = ConnectionCount()
                let known = known
                gatekeeper = try Gatekeeper(in: context) { known.judge($0) }
                router = try RouterSocket(
                    in: context, binding: Endpoint(endpoint), limits: .init(frameBytesMax: 65_536),
                    security: ServerSecurity(secret: server.secret, domain: "clients"), counting: count)
                _ = poller.add(router)
            }

            var port: UInt16 {
                guard case .tcp(_, let port) = router.boundEndpoint.address else { return 0 }
                return port
            }

            /// As of a look that is due by now.
            var connections: Int {
                _ = router.look(at: MonotonicClock.nanoseconds())
                return router.connectionCount
            }

            deinit {
                router.close()
                gatekeeper.stop()
            }

            func connect(_ pair: KeyPair?, server key: PublicKey? = nil, to endpoint: Endpoint? = nil) throws -> Visitor
            {
                try Visitor(
                    DealerSocket(
                        in: context, connectingTo: endpoint ?? router.boundEndpoint,
                        limits: .init(frameBytesMax: 65_536, reconnectMilliseconds: 20),
                        security: pair.map { ClientSecurity(pair: $0, server: key ?? server.publicKey) }))
            }

            func receives() -> (peer: PeerAddress, body: [UInt8], user: UserID?)? {
                poller.message { router.receive() }
            }
        }

        private final class Visitor {
            let dealer: DealerSocket
            let poller = Poller()

            init(_ dealer: DealerSocket) {
                self.dealer = dealer
                _ = poller.add(dealer)
            }

            /// The first event that counts.
            func event(where isWanted: (DealerSocket.Event) -> Bool) -> DealerSocket.Event? {
                poller.message { () -> DealerSocket.Event? in
                    while let event = dealer.nextEvent() {
                        if isWanted(event) { return event }
                    }
                    return nil
                }
            }

            func verdict() -> DealerSocket.Event? {
                event { event in
                    switch event {
                    case .connected, .handshakeFailed: true
                    default: false
                    }
                }
            }
        }

        @Test("each message of a known key comes with that key, and an answer goes back", arguments: ["tcp", "ipc"])
        func knownKeys(_ transport: String) throws {
            let folder = try TemporaryFolder()
            let door = try Door(at: transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://\(folder.path)/s")
            let pairs = (0..<3).map { _ in KeyPair() }
            for pair in pairs { door.known.add(pair.publicKey) }
            let visitors = try pairs.map { try door.connect($0) }
            for (number, visitor) in visitors.enumerated() {
                for _ in 0..<20 { #expect(visitor.dealer.send([UInt8(number)]) == .sent) }
            }
            for _ in 0..<60 {
                // A poll before each: it is what takes the metadata from the other frame.
                door.poller.wait(upTo: .milliseconds(1))
                let message = try #require(door.receives())
                #expect(message.user == UserID(pairs[Int(message.body[0])].publicKey))
                #expect(door.router.send([message.body[0], 1], to: message.peer) == .sent)
            }
            for (number, visitor) in visitors.enumerated() {
                #expect(visitor.poller.message { visitor.dealer.receive() } == [UInt8(number), 1])
            }
            #expect(door.router.anonymousCount == 0)
            let knock = try #require(door.known.knocks.withLock { $0.first })
            #expect(knock.domain == "clients")
            #expect(transport == "ipc" || knock.address == "127.0.0.1")
        }

        @Test("an unknown key is refused with 400, once, and the socket is lost until it is rebuilt")
        func unknownKey() throws {
            let door = try Door()
            let pair = KeyPair()
            let visitor = try door.connect(pair)
            #expect(visitor.dealer.send([1]) == .sent)
            #expect(visitor.verdict() == .handshakeFailed(.refused(status: 400)))
            #expect(visitor.event { $0 == .endpointLost } != nil)
            #expect(door.known.knocks.withLock { $0.count } == 1)
            #expect(door.router.receive() == nil)
            // Known by now: a rebuilt socket gets in.
            door.known.add(pair.publicKey)
            try visitor.dealer.rebuild()
            #expect(visitor.verdict() == .connected)
            #expect(visitor.dealer.send([2]) == .sent)
            #expect(door.receives()?.body == [2])
        }

        @Test("a busy gatekeeper is asked again until it is not")
        func busy() throws {
            let door = try Door()
            let pair = KeyPair()
            door.known.add(pair.publicKey)
            door.known.setFull(true)
            let visitor = try door.connect(pair)
            // It is left without an answer, and asks again when its connection, which says nothing, is ended.
            #expect(eventually { !door.known.knocks.withLock { $0.isEmpty } })
            var now = MonotonicClock.nanoseconds()
            let isRetrying = eventually {
                now += 1_000_000_000
                #expect(door.router.receive() == nil)
                _ = door.router.look(at: now)
                while let event = visitor.dealer.nextEvent() { if case .retrying = event { return true } }
                return false
            }
            #expect(isRetrying)
            door.known.setFull(false)
            #expect(visitor.event { $0 == .connected } != nil)
            #expect(door.known.knocks.withLock { $0.count } >= 2)
        }

        @Test("a peer that expects another server key, or has none, does not get in")
        func wrongServerKey() throws {
            let door = try Door()
            let pair = KeyPair()
            door.known.add(pair.publicKey)
            let wrong = try door.connect(pair, server: KeyPair().publicKey)
            let plain = try door.connect(nil)
            for visitor in [wrong, plain] { #expect(visitor.dealer.send([1]) == .sent) }
            // The broker ends the one in the middle of the handshake, and does not begin one with the other.
            #expect(wrong.verdict() == .handshakeFailed(.cutShort(errno: EPIPE)))
            guard case .handshakeFailed(.notUnderstood) = plain.verdict() else {
                Issue.record("a peer without a key was not told that the mechanisms differ")
                return
            }
            #expect(door.known.knocks.withLock { $0.isEmpty })
            #expect(door.router.receive() == nil)
        }

        @Test("with keys a peer does not talk to a socket without")
        func plainServer() throws {
            let context = try ZMQContext.ofThisProcess()
            let router = try RouterSocket(
                in: context, binding: Endpoint("tcp://127.0.0.1:*"), limits: .init(frameBytesMax: 65_536))
            defer { router.close() }
            let visitor = try Visitor(
                DealerSocket(
                    in: context, connectingTo: router.boundEndpoint,
                    limits: .init(frameBytesMax: 65_536, reconnectMilliseconds: 20),
                    security: ClientSecurity(pair: KeyPair(), server: KeyPair().publicKey)))
            #expect(visitor.dealer.send([1]) == .sent)
            guard case .handshakeFailed(.notUnderstood) = visitor.verdict() else {
                Issue.record("an encrypted peer was not told that the mechanisms differ")
                return
            }
            #expect(router.receive() == nil)
        }

        @Test("without a gatekeeper nobody gets in")
        func noGatekeeper() throws {
            let door = try Door()
            let pair = KeyPair()
            door.known.add(pair.publicKey)
            door.gatekeeper.stop()
            let visitor = try door.connect(pair)
            #expect(visitor.dealer.send([1]) == .sent)
            guard case .handshakeFailed = visitor.verdict() else {
                Issue.record("somebody got in without a gatekeeper")
                return
            }
            #expect(door.router.receive() == nil)
        }

        // Goal: keys of the server can be exchanged without a moment in which nobody gets in. Method: one socket, two
        // listeners, each with a key of its own; the wrong pair of both is tried, too.
        @Test("one socket serves two keys of the server, each at its own endpoint")
        func twoServerKeys() throws {
            let door = try Door()
            let former = KeyPair()
            let second = try door.router.alsoBind(Endpoint("tcp://127.0.0.1:*"), secret: former.secret)
            let pair = KeyPair()
            door.known.add(pair.publicKey)
            let new = try door.connect(pair)
            let old = try door.connect(pair, server: former.publicKey, to: second)
            for (number, visitor) in [new, old].enumerated() {
                #expect(visitor.dealer.send([UInt8(number)]) == .sent)
                #expect(visitor.verdict() == .connected)
                let message = try #require(door.receives())
                #expect(message.body == [UInt8(number)] && message.user == UserID(pair.publicKey))
            }
            let crossed = try door.connect(pair, server: former.publicKey)
            let other = try door.connect(pair, to: second)
            for visitor in [crossed, other] { #expect(visitor.verdict() != .connected) }
        }

        @Test("connections are counted, those that failed as well, and none is left when all have gone")
        func counting() throws {
            let door = try Door()
            let pair = KeyPair()
            door.known.add(pair.publicKey)
            var visitors = [try door.connect(pair), try door.connect(pair)]
            for visitor in visitors { #expect(visitor.verdict() == .connected) }
            #expect(eventually { door.connections == 2 } && door.count.vouchedFor == 0)
            #expect(visitors[0].dealer.send([1]) == .sent)
            door.router.vouch(for: try #require(door.receives()).peer)
            #expect(door.count.vouchedFor == 1)
            let stranger = try door.connect(KeyPair())
            #expect(stranger.verdict() == .handshakeFailed(.refused(status: 400)))
            var raw: RawConnection? = try RawConnection(port: door.port)
            #expect(eventually { door.connections == 3 })
            #expect(raw?.isClosed == false)
            raw = nil
            for visitor in visitors { visitor.dealer.close() }
            visitors.removeAll()
            #expect(eventually { door.connections == 0 } && door.count.vouchedFor == 0)
        }

        @Test("a half handshake is given up after five seconds")
        func halfHandshake() throws {
            let door = try Door()
            let raw = try RawConnection(port: door.port)
            #expect(eventually { door.connections == 1 })
            let now = MonotonicClock.nanoseconds()
            func look(after seconds: Int64) -> [ConnectionCut] {
                #expect(door.router.receive() == nil)
                return door.router.look(at: now + seconds * 1_000_000_000)
            }
            #expect(look(after: 2).isEmpty && look(after: 4).isEmpty && !raw.isClosed)
            #expect(look(after: 6) == [.silent])
            #expect(raw.awaitClose())
        }

        @Test(
            "what was read of a peer is not taken for held, whatever the size of its messages",
            arguments: [1, 222, 223, 2_000])
        func held(size: Int) throws {
            let door = try Door()
            let pair = KeyPair()
            door.known.add(pair.publicKey)
            let visitor = try door.connect(pair)
            let count = 400_000 / max(20, size)
            for _ in 0..<count { #expect(visitor.dealer.send([UInt8](repeating: 7, count: size)) == .sent) }
            var peer: PeerAddress?
            for _ in 0..<count { peer = try #require(door.receives()).peer }
            let now = MonotonicClock.nanoseconds()
            for seconds in 1...2 { #expect(door.router.look(at: now + Int64(seconds) * 1_000_000_000).isEmpty) }
            #expect(door.router.heldBytes(of: try #require(peer)) == 0)
        }

        /// Polls in short steps: what is awaited here has no event.
        private func eventually(_ condition: () -> Bool) -> Bool {
            let poller = Poller()
            let end = ContinuousClock.now + patience
            while !condition() {
                if ContinuousClock.now > end { return false }
                poller.wait(upTo: .milliseconds(5))
            }
            return true
        }
    }

    @Suite("Keys") struct KeyTests {
        @Test("a pair's halves belong together, and only the public one shows itself")
        func pairs() throws {
            let pair = KeyPair()
            let text = "\(pair.publicKey)"
            #expect(text.utf8.count == 40 && PublicKey(text) == pair.publicKey)
            #expect(pair.secret.publicKey == pair.publicKey)
            #expect(KeyPair(publicKey: KeyPair().publicKey, secret: pair.secret) == nil)
            var dumped = ""
            dump(pair, to: &dumped)
            for shown in ["\(pair)", "\(pair.secret)", String(reflecting: pair), dumped] {
                #expect(!shown.contains(pair.secret.exposed))
            }
            #expect(UserID(pair.publicKey).description.utf8.count == 16)
        }

        @Test(
            "what is no key is refused",
            arguments: ["", "short", String(repeating: "~", count: 40), String(repeating: "é", count: 20)])
        func noKeys(_ text: String) { #expect(PublicKey(text) == nil && SecretKey(text) == nil) }

        @Test("the examples of the manual are refused")
        func examples() throws {
            let publicKey = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
            #expect(PublicKey(publicKey)?.isPublicExample == true)
            #expect(!KeyPair().publicKey.isPublicExample)
            let text = """
                { "public": "\(publicKey)", "secret": "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs" }
                """
            let error = #expect(throws: KeyFileError.self) { try KeyFile.parse(Array(text.utf8), called: "x") }
            #expect(error?.description.contains("manual") == true)
        }

        @Test("a key file comes back as it was written, for its owner alone")
        func roundTrip() throws {
            let folder = try TemporaryFolder()
            let path = folder.path + "/a.key"
            let file = KeyFile(name: "a", role: "worker", pair: KeyPair(), server: KeyPair().publicKey)
            try file.write(to: path)
            var facts = stat()
            #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
            let read = try KeyFile(path: path)
            #expect(read.pair.publicKey == file.pair.publicKey && read.server == file.server)
            #expect(read.name == "a" && read.role == "worker")
            #expect(throws: KeyFileError.self) { try file.write(to: path) }  // never written over
        }

        @Test("a key file that others can read or write is refused", arguments: [0o644, 0o640, 0o604, 0o660, 0o620])
        func looseModes(_ mode: UInt32) throws {
            let folder = try TemporaryFolder()
            let path = folder.path + "/a.key"
            let file = KeyFile(name: "a", role: "worker", pair: KeyPair(), server: nil)
            try file.write(to: path)
            #expect(chmod(path, mode) == 0)
            let error = #expect(throws: KeyFileError.self) { try KeyFile(path: path) }
            let sentence = error?.description ?? ""
            #expect(sentence.contains("mode 0\(String(mode, radix: 8))") && sentence.contains("chmod 600"))
            #expect(!sentence.contains(file.pair.secret.exposed))
        }

        // Goal: a credential of systemd can be used, and nothing looser. Method: the rule itself, since a test cannot be
        // two users.
        @Test("a file that root lent to one user may carry the bit of its group, and no other may")
        func lentByRoot() {
            #expect(KeyFile.isPrivate(mode: 0o100_440, owner: 0, reader: 1_000))
            #expect(KeyFile.isPrivate(mode: 0o100_640, owner: 0, reader: 1_000))
            for mode: mode_t in [0o444, 0o404, 0o460, 0o450, 0o441] {
                #expect(!KeyFile.isPrivate(mode: mode, owner: 0, reader: 1_000), "\(String(mode, radix: 8))")
            }
            #expect(!KeyFile.isPrivate(mode: 0o440, owner: 0, reader: 0))
            #expect(!KeyFile.isPrivate(mode: 0o440, owner: 1_000, reader: 1_000))
            #expect(KeyFile.isPrivate(mode: 0o400, owner: 1_000, reader: 1_000))
        }

        @Test("what is no key file is refused without a word of its content")
        func damaged() throws {
            let folder = try TemporaryFolder()
            let pair = KeyPair(), other = KeyPair()
            let contents = [
                "", "secret", "{}", "[1]", "{ \"public\": \"\(pair.publicKey)\", \"secret\": \"hidden\" }",
                "{ \"public\": \"\(other.publicKey)\", \"secret\": \"\(pair.secret.exposed)\" }",
                String(repeating: " ", count: 5_000),
            ]
            for (number, content) in contents.enumerated() {
                let path = folder.path + "/\(number)"
                try content.write(toFile: path, atomically: true, encoding: .utf8)
                #expect(chmod(path, 0o600) == 0)
                let error = #expect(throws: KeyFileError.self) { try KeyFile(path: path) }
                #expect(error?.description.contains("hidden") == false)
                #expect(error?.description.contains(pair.secret.exposed) == false)
            }
            #expect(throws: KeyFileError.self) { try KeyFile(path: folder.path) }
            #expect(throws: KeyFileError.self) { try KeyFile(path: folder.path + "/absent") }
        }
    }
}
