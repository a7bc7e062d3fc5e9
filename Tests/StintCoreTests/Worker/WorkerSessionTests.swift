import StintCore
import Testing

@Suite("WorkerSession") struct WorkerSessionTests {
    /// A session with a lease of 15 s and a heartbeat of 5 s, time moved by hand.
    struct Life {
        var session: WorkerSession
        var now = Moment(instant: Instant(nanoseconds: 0), wall: .none)
        var actions: [WorkerSession.Action] = []
        var wake = Instant(nanoseconds: 0)
        private var sessions: UInt64 = 1

        init() {
            session = WorkerSession(session: SessionID(1), lease: .seconds(15), heartbeat: .seconds(5), at: now)
            session.start(&actions)
        }

        /// What is to be done since the last look.
        mutating func said() -> [WorkerSession.Action] {
            defer { actions = [] }
            return actions
        }

        mutating func tick(after duration: Duration = .zero) -> [WorkerSession.Action] {
            now.instant = now.instant + duration
            sessions += 1
            wake = session.tick(fresh: SessionID(sessions), at: now, &actions)
            return said()
        }

        mutating func welcome(lost: [LeaseReference] = [], cancelled: [LeaseReference] = []) -> [WorkerSession.Action] {
            session.welcomed(
                lease: .seconds(15), heartbeat: .seconds(5), lost: lost, cancelled: cancelled, at: now, &actions)
            return said()
        }

        mutating func lose() -> [WorkerSession.Action] {
            sessions += 1
            session.lostSession(fresh: SessionID(sessions), at: now, &actions)
            return said()
        }

        mutating func assign(_ leases: LeaseReference...) -> [WorkerSession.Action] {
            session.assigned(leases, &actions)
            return said()
        }

        mutating func settle(_ leases: LeaseReference...) -> UInt64 {
            let key = session.settled(leases, &actions)
            return key
        }

        mutating func pong(_ number: UInt64) { session.pong(number, at: now) }
    }

    private func lease(_ job: UInt64, _ sequence: UInt64) -> LeaseReference {
        LeaseReference(id: JobID(high: 1, low: job), token: FencingToken(epoch: 1, sequence: sequence))
    }

    private func serving() -> Life {
        var life = Life()
        _ = life.said()
        _ = life.welcome()
        return life
    }

    @Test("a session begins with HELLO and serves from WELCOME on")
    func greeting() {
        var life = Life()
        let said = life.said()
        #expect(said == [.hello] && life.session.phase == .greeting)
        let answer = life.welcome()
        #expect(answer.isEmpty && life.session.phase == .serving)
    }

    @Test("a HELLO that is not answered within a heartbeat is sent again, on a new socket the third time")
    func unansweredHello() {
        var life = Life()
        _ = life.said()
        let said = life.tick(after: .seconds(5) - .nanoseconds(1))
        #expect(said.isEmpty)
        #expect(life.wake == Instant(nanoseconds: 5_000_000_000))
        let all = [life.tick(after: .nanoseconds(1)), life.tick(after: .seconds(5)), life.tick(after: .seconds(5))]
        #expect(all == [[.hello], [.hello], [.suspend, .rebuild, .hello]])
        #expect(life.session.incarnation == 4)
    }

    @Test("a heartbeat goes out at its time and not before, each with the next number")
    func heartbeats() {
        var life = serving()
        let all = [
            life.tick(after: .seconds(5) - .nanoseconds(1)), life.tick(after: .nanoseconds(1)), life.tick(),
            life.tick(after: .seconds(5)),
        ]
        #expect(all == [[], [.heartbeat(number: 1)], [], [.heartbeat(number: 2)]])
        #expect(life.wake == life.now.instant + .seconds(5))
    }

    // Counted from the sending of the last answered heartbeat: what the broker said since then may be older.
    @Test("a lease without an answered heartbeat suspends, counted from its sending, and not a nanosecond earlier")
    func suspension() {
        var life = serving()
        _ = life.tick(after: .seconds(5))
        life.now.instant = life.now.instant + .seconds(4)
        life.pong(1)
        _ = life.tick(after: .seconds(1))
        _ = life.tick(after: .seconds(5))
        var said = life.tick(after: .seconds(5) - .nanoseconds(1))
        #expect(said.isEmpty)
        #expect(life.wake == Instant(nanoseconds: 20_000_000_000))
        said = life.tick(after: .nanoseconds(1))
        #expect(said.first == .suspend && life.session.isSuspended)
        #expect(life.wake > life.now.instant, "a suspended worker does not spin")
        let held = life.assign(lease(1, 1))
        #expect(held == [.start([lease(1, 1)])], "it is held, and the rim starts nothing until it resumes")
    }

    // Goal: a worker that is suspended in a session that lives on, because it was itself not running for a while, starts
    // jobs again. Method: its heartbeat is answered late, past the lease, and the next one in time.
    @Test("a heartbeat that is answered within its lease resumes, in the same session")
    func resumption() {
        var life = serving()
        _ = life.tick(after: .seconds(5))
        var said = life.tick(after: .seconds(10))
        #expect(said.first == .suspend && !said.contains(.rebuild))
        life.pong(1)  // sent at 5 s
        life.now.instant = life.now.instant + .seconds(5)
        said = life.tick()
        #expect(!said.contains(.resume), "at 20 s the proof of 5 s is a whole lease old")
        life.pong(2)  // sent at 15 s
        #expect(life.tick() == [.resume])
        #expect(!life.session.isSuspended)
        #expect(life.tick(after: .seconds(5)).contains(.suspend) == false, "it holds until 30 s")
    }

    @Test("missed answers end the connection, and WELCOME of the next session resumes")
    func rebuild() {
        var life = serving()
        var said: [WorkerSession.Action] = []
        for _ in 0..<3 { said += life.tick(after: .seconds(5)) }
        #expect(said.contains(.suspend) && !said.contains(.rebuild))
        said = life.tick(after: .milliseconds(2_499))
        #expect(said.isEmpty && life.wake == life.now.instant + .milliseconds(1))
        said = life.tick(after: .milliseconds(1))
        #expect(said == [.rebuild, .hello])
        said = life.welcome()
        #expect(said == [.resume] && !life.session.isSuspended)
    }

    @Test("WELCOME proves nothing later than the HELLO it answers")
    func welcomeProves() {
        var life = Life()
        _ = life.said()
        life.now.instant = life.now.instant + .seconds(4)
        _ = life.welcome()
        for _ in 0..<2 { _ = life.tick(after: .seconds(5)) }
        #expect(life.wake == Instant(nanoseconds: 15_000_000_000))
        let said = life.tick(after: .seconds(1))
        #expect(said.contains(.suspend))
    }

    // Goal: a worker that was stopped for longer than a lease starts nothing of what it finds in its socket. Method: the
    // clock is read before the assignment is taken, as the thread around the session does.
    @Test("who was away for a lease is suspended before it takes what came meanwhile")
    func awayForALease() {
        var life = serving()
        life.now.instant = life.now.instant + (.seconds(15) - .nanoseconds(1))
        life.session.clockRead(at: life.now, &life.actions)
        var said = life.said()
        #expect(said.isEmpty, "one nanosecond before: still proven")
        life.now.instant = life.now.instant + .nanoseconds(1)
        life.session.clockRead(at: life.now, &life.actions)
        said = life.said()
        #expect(said == [.suspend] && life.session.isSuspended)
        life.session.clockRead(at: life.now, &life.actions)
        said = life.said()
        #expect(said.isEmpty, "it is said once")
    }

    @Test("a WELCOME that is as old as a lease resumes nothing")
    func oldWelcome() {
        var life = serving()
        for _ in 0..<3 { _ = life.tick(after: .seconds(5)) }
        _ = life.lose()
        #expect(life.session.isSuspended)
        life.now.instant = life.now.instant + .seconds(15)
        var said = life.welcome()
        #expect(said.isEmpty && life.session.isSuspended, "its HELLO is a lease old")
        _ = life.lose()
        said = life.welcome()
        #expect(said == [.resume])
    }

    @Test("while it greets, the lease still runs out at its own moment")
    func suspensionWhileGreeting() {
        var life = serving()
        for _ in 0..<2 { _ = life.tick(after: .seconds(5)) }
        life.now.instant = life.now.instant + .seconds(2)
        _ = life.lose()
        _ = life.tick()
        #expect(life.wake == Instant(nanoseconds: 15_000_000_000))
        let said = life.tick(after: .seconds(3))
        #expect(said == [.suspend])
    }

    @Test("an answer to an older heartbeat proves only that one; a number that was never sent proves nothing")
    func pongs() {
        var life = serving()
        _ = life.tick(after: .seconds(5))
        _ = life.tick(after: .seconds(5))
        life.pong(1)
        life.pong(99)
        _ = life.tick(after: .seconds(5))
        let said = life.tick(after: .seconds(5))
        #expect(said.contains(.suspend), "proven at 5 s, so suspended at 20 s")
    }

    // MARK: Settlements

    @Test("a settlement is kept until it is confirmed and sent again under new numbers after every WELCOME")
    func settlements() {
        var life = serving()
        _ = life.assign(lease(1, 1), lease(2, 2))
        let first = life.settle(lease(1, 1))
        let second = life.settle(lease(2, 2))
        var said = life.said()
        #expect(said == [.settle(key: first, number: 1), .settle(key: second, number: 2)])
        #expect(life.session.heldCount == 0 && !life.session.holdsNothing)
        life.session.confirmed(upTo: 1, &life.actions)
        said = life.said()
        #expect(said == [.forget(key: first)])
        _ = life.lose()
        let third = life.settle(lease(3, 3))
        life.session.confirmed(upTo: 9, &life.actions)
        said = life.said()
        #expect(said.isEmpty, "an answer of the former session confirms nothing")
        said = life.welcome()
        #expect(said == [.settle(key: second, number: 1), .settle(key: third, number: 2)])
        life.session.confirmed(upTo: 2, &life.actions)
        said = life.said()
        #expect(said == [.forget(key: second), .forget(key: third)] && life.session.holdsNothing)
    }

    // MARK: Leases

    @Test("WELCOME and REVOKE stop what is lost, CANCEL stops what is held, and what is not held is left alone")
    func lost() {
        var life = serving()
        _ = life.assign(lease(1, 1), lease(2, 2), lease(3, 3))
        _ = life.lose()
        var said = life.welcome(lost: [lease(1, 1), lease(9, 9)], cancelled: [lease(2, 2), lease(1, 1)])
        #expect(said == [.abandon(lease(1, 1)), .cancel(lease(2, 2))])
        life.session.revoked([lease(3, 2), lease(3, 3)], &life.actions)
        life.session.cancelRequested([lease(3, 3)], &life.actions)
        said = life.said()
        #expect(said == [.abandon(lease(3, 3))])
        #expect(life.session.heldLeases.map(\.lease) == [lease(2, 2)])
    }

    @Test("a newer lease of the same job replaces the older one, whose handler is stopped")
    func newerLease() {
        var life = serving()
        _ = life.assign(lease(1, 1))
        life.session.began(lease(1, 1))
        let said = life.assign(lease(1, 5))
        #expect(said == [.abandon(lease(1, 1)), .start([lease(1, 5)])])
        #expect(life.session.heldLeases.map(\.lease) == [lease(1, 5)] && !life.session.heldLeases[0].isRunning)
    }

    // MARK: Drain

    @Test("a draining worker gives back what has not begun, takes nothing new, and says BYE when nothing is left")
    func drain() {
        var life = serving()
        _ = life.assign(lease(1, 1))
        life.session.drain(&life.actions)
        life.session.drain(&life.actions)
        var said = life.said()
        #expect(said == [.drain, .recall])
        let late = life.assign(lease(2, 2))
        #expect(late == [.start([lease(2, 2)]), .recall])
        life.session.endIfDone(&life.actions)
        _ = life.settle(lease(1, 1), lease(2, 2))
        life.session.endIfDone(&life.actions)
        said = life.said()
        #expect(!said.contains(.bye), "what is not confirmed is not done")
        life.session.confirmed(upTo: 1, &life.actions)
        life.session.endIfDone(&life.actions)
        said = life.said()
        #expect(said.last == .bye && life.session.phase == .ended)
        let after = life.tick(after: .seconds(60))
        #expect(after.isEmpty && life.wake == .distantFuture)
    }

    @Test("a drain that begins while it greets is told to the broker at WELCOME")
    func drainWhileGreeting() {
        var life = Life()
        _ = life.said()
        life.session.drain(&life.actions)
        var said = life.said()
        #expect(said == [.recall])
        said = life.welcome()
        #expect(said == [.drain])
    }

    @Test("without a broker a draining worker abandons what it holds and ends")
    func abandonEverything() {
        var life = serving()
        _ = life.assign(lease(1, 1), lease(2, 2))
        life.session.drain(&life.actions)
        _ = life.said()
        life.session.abandonEverything(&life.actions)
        let said = life.said()
        #expect(said == [.abandon(lease(1, 1)), .abandon(lease(2, 2))] && life.session.phase == .ended)
        let lost = life.lose()
        #expect(lost.isEmpty)
    }
}
