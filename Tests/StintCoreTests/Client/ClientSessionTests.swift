import StintCore
import Testing

@Suite("ClientSession") struct ClientSessionTests {
    /// A session whose user waits 5 s for a broker, time moved by hand.
    struct Life {
        var session = ClientSession(
            session: SessionID(1), connectPatience: .seconds(5), at: Instant(nanoseconds: 0))
        var now = Instant(nanoseconds: 0)
        var expired: [ClientSession.Expired] = []
        private var sessions: UInt64 = 1

        mutating func fresh() -> SessionID {
            sessions += 1
            return SessionID(sessions)
        }

        /// What is to be sent since the last look.
        mutating func said() -> [ClientSession.Next] {
            var all: [ClientSession.Next] = []
            while let next = session.next() { all.append(next) }
            return all
        }

        mutating func ask(bytes: Int = 100, timeout: Duration = .seconds(60)) -> UInt64 {
            session.ask(bytes: bytes, timeout: timeout, at: now)
        }

        @discardableResult mutating func pass(_ duration: Duration) -> Instant {
            now = now + duration
            return session.tick(fresh: fresh(), at: now, &expired)
        }

        mutating func disconnect() { session.disconnected(fresh: fresh(), at: now) }
        mutating func welcome(windowBytes: Int = 1_000) { session.welcomed(windowBytes: windowBytes) }
    }

    @Test("nothing but HELLO is sent before WELCOME, and in every session everything without an answer, in order")
    func sessions() {
        var life = Life()
        let (first, second) = (life.ask(), life.ask())
        let watch = life.session.watch(at: life.now)
        #expect(life.said() == [.hello])
        life.welcome()
        #expect(life.said() == [.watch(watch), .request(first), .request(second)])
        #expect(life.session.answered(first) == true)
        #expect(life.session.answered(first) == false)
        life.disconnect()
        #expect(life.said() == [.hello])
        life.welcome()
        #expect(life.said() == [.watch(watch), .request(second)])
    }

    @Test("a HELLO is said again when a connection stands and nobody answers for three seconds")
    func hello() {
        var life = Life()
        #expect(life.said() == [.hello])
        life.pass(.seconds(4))
        #expect(life.said().isEmpty, "without a connection libzmq keeps it")
        life.session.connected()
        life.pass(.zero)
        #expect(life.said() == [.hello])
        let session = life.session.session
        #expect(life.pass(.seconds(2)) == life.now + .seconds(1))
        #expect(life.said().isEmpty && life.session.session == session)
        life.welcome()
        life.pass(.seconds(9))
        #expect(life.said().isEmpty)
    }

    @Test("a request that nobody was there for fails after the patience, counted from when it was asked")
    func unreachable() {
        var life = Life()
        _ = life.said()
        life.pass(.seconds(100))
        let request = life.ask()
        #expect(life.pass(.zero) == life.now + .seconds(5))
        life.pass(.seconds(4))
        #expect(life.expired.isEmpty)
        life.pass(.seconds(1))
        #expect(life.expired == [.init(request: request, wasSent: false)])
        life.welcome()
        #expect(!life.said().contains(.request(request)))
    }

    @Test("what was sent waits for its answer through sessions, and then nobody knows")
    func outcomeUnknown() {
        var life = Life()
        life.welcome()
        let request = life.ask(timeout: .seconds(30))
        #expect(life.said().contains(.request(request)))
        life.disconnect()
        life.pass(.seconds(29))
        #expect(life.expired.isEmpty)
        life.pass(.seconds(1))
        #expect(life.expired == [.init(request: request, wasSent: true)])
    }

    @Test("what a draining broker refused was not sent, unless a session before ended without an answer")
    func draining() {
        for wasInDoubt in [false, true] {
            var life = Life()
            life.welcome()
            let request = life.ask()
            _ = life.said()
            if wasInDoubt {
                life.disconnect()
                life.welcome()
                #expect(life.said() == [.hello, .request(request)])
            }
            #expect(life.session.refusedByDraining(request) == true)
            #expect(life.said().isEmpty, "the next broker is asked, in its session")
            life.disconnect()
            life.pass(.seconds(6))
            #expect(life.expired.map(\.request) == (wasInDoubt ? [] : [request]))
            life.pass(.seconds(60))
            #expect(life.expired == [.init(request: request, wasSent: wasInDoubt)])
        }
    }

    @Test("no more is under way than the window holds, and at least one request")
    func window() {
        var life = Life()
        life.welcome(windowBytes: 250)
        let requests = (0..<4).map { _ in life.ask() }
        let large = life.ask(bytes: 9_000)
        #expect(life.said() == [.hello, .request(requests[0]), .request(requests[1])])
        #expect(life.session.answered(requests[0]) == true)
        #expect(life.said() == [.request(requests[2])])
        for request in requests[1...] { _ = life.session.answered(request) }
        #expect(life.said() == [.request(large)])
        #expect(life.session.answered(large) == true)
        #expect(life.said().isEmpty && !life.session.hasWork)
    }

    @Test("a client that only watches sends a watch again every ten seconds")
    func renewal() {
        var life = Life()
        life.welcome()
        let (first, second) = (life.session.watch(at: life.now), life.session.watch(at: life.now))
        #expect(life.said() == [.hello, .watch(first), .watch(second)])
        #expect(life.pass(.zero) == life.now + .seconds(10))
        life.pass(.seconds(10))
        #expect(life.said() == [.watch(first)])
        life.session.unwatch(first)
        life.pass(.seconds(10))
        #expect(life.said() == [.watch(second)])
        life.session.unwatch(second)
        #expect(life.pass(.seconds(10)) == .distantFuture)
        #expect(life.said().isEmpty)
    }
}
