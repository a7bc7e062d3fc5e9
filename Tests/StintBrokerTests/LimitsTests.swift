import Foundation
import StintCore
import StintTestKit
import StintTransport
import StintWire
import Testing

@testable import StintBroker

// Goal: every limit on what peers cost holds exactly, is counted under its name, and costs honest peers nothing. Method:
// both sides of each boundary, on the part that keeps it, and through the whole broker where it speaks.
@Suite("Limits") struct LimitsTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }
    private func peer(_ number: UInt32) -> PeerAddress { PeerAddress(simulated: number) }

    // MARK: Lines

    private func lineBroker(jobs: Int? = nil, bytes: Int? = nil) -> SimulatedBroker {
        var policy = Policy()
        policy.line = LineBound(jobs: jobs, bytes: bytes)
        return SimulatedBroker(seed: 1, settings: BrokerState.Settings(policies: ["mail": policy]))
    }

    @Test("a line takes as many jobs as it may, refuses one more, and takes it when one has ended")
    func lineJobs() throws {
        let broker = lineBroker(jobs: 3)
        let client = broker.connect()
        let first = (0..<3).map { _ in broker.nextID() }
        #expect(broker.enqueue([SimulatedBroker.group(first, type: "mail")], by: client) == .stored)
        let fourth = broker.nextID()
        #expect(broker.enqueue([SimulatedBroker.group([fourth], type: "mail")], by: client) == .refused(.exhausted))
        #expect(broker.turn.refusals[.lineJobs] == 1)
        // Another type has a line of its own, and a duplicate takes no room.
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "other")], by: client) == .stored)
        #expect(broker.enqueue([SimulatedBroker.group([first[0]], type: "mail")], by: client) == .duplicates([0]))
        // A running job is in the line still; one that has ended is not.
        let alice = broker.join("alice", slots: 1, types: ["mail"])
        let lease = try #require(broker.assignment(of: first[0], to: alice))
        #expect(broker.enqueue([SimulatedBroker.group([fourth], type: "mail")], by: client) == .refused(.exhausted))
        #expect(broker.complete(lease, by: alice) == .accepted)
        #expect(broker.enqueue([SimulatedBroker.group([fourth], type: "mail")], by: client) == .stored)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a line takes as many bytes as it may and refuses one more, whole")
    func lineBytes() {
        let sample = SimulatedBroker.group([JobID(high: 1, low: 1)], type: "mail").payloads.count
        let broker = lineBroker(bytes: 2 * sample)
        let client = broker.connect()
        let ids = (0..<2).map { _ in broker.nextID() }
        #expect(broker.enqueue([SimulatedBroker.group(ids, type: "mail")], by: client) == .stored)
        #expect(
            broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client)
                == .refused(.exhausted))
        #expect(broker.turn.refusals[.lineBytes] == 1)
        #expect(broker.storedRows().count == 2)
        // The count survives a restart.
        broker.crash()
        let again = broker.connect()
        #expect(
            broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: again)
                == .refused(.exhausted))
        #expect(broker.checkInvariants() == [])
    }

    // MARK: Sessions

    @Test("a key has as many sessions as it may; one that ends makes room, and others are not touched")
    func keys() {
        let (ada, bob) = (UserID(KeyPair().publicKey), UserID(KeyPair().publicKey))
        var peers = Peers(most: 10, ofUser: 2)
        for number in 1...2 as ClosedRange<UInt32> {
            #expect(peers.hasRoom(for: ada, session: SessionID(UInt64(number))))
            peers.add(SessionID(UInt64(number)), at: peer(number), of: ada)
        }
        let third = SessionID(3)
        #expect(!peers.hasRoom(for: ada, session: third))
        #expect(peers.hasRoom(for: bob, session: third) && peers.hasRoom(for: nil, session: third))
        #expect(peers.hasRoom(for: ada, session: SessionID(2)), "it is there already")
        #expect(peers.fullest?.user == ada && peers.fullest?.sessions == 2)
        peers.remove(SessionID(1))
        #expect(peers.hasRoom(for: ada, session: third))
        // The same session again, from another address, is still one.
        peers.add(SessionID(2), at: peer(9), of: ada)
        #expect(peers.hasRoom(for: ada, session: third) && peers.count == 1)
        #expect(peers.session(at: peer(2)) == nil && peers.session(at: peer(9)) == SessionID(2))
        // Those of a key that were silent the longest go, nobody else's.
        peers.add(SessionID(4), at: peer(4), of: bob)
        peers.add(third, at: peer(3), of: ada)
        #expect(peers.hearsRequest(SessionID(2), at: peer(9)) == .heard)
        #expect(peers.forgetSilent(of: ada).map(\.session) == [third])
        #expect(peers.count == 2 && peers.knows(SessionID(2), at: peer(9)) && peers.knows(SessionID(4), at: peer(4)))
    }

    @Test("a key that opens session after session crowds out itself alone, and is never locked out")
    func keySessions() throws {
        let (web, admin) = (KeyedBroker.key("web", .producer), KeyedBroker.key("admin", .operator))
        let broker = try KeyedBroker([web, admin])
        let honest = broker.connect(admin)
        try broker.hello(client: honest)
        for _ in 0..<Limits.keySessionsMax + 300 {
            try broker.hello(client: broker.connect(web))
            try broker.advance(by: .milliseconds(1))
        }
        #expect(broker.turn.clients.count <= Limits.keySessionsMax + 1)
        #expect(broker.turn.refusals[.keySessions] > 0 && broker.turn.refusals[.sessions] == 0)
        #expect(broker.turn.clients.all.contains { $0.address == honest.address })
        let last = broker.connect(web)
        try broker.hello(client: last)
        _ = try broker.enqueue("a", from: last)
    }

    @Test("a key that has as many workers as it may is refused one more, by name, until one of them has gone")
    func keyWorkers() throws {
        let pool = KeyedBroker.key("pool", .worker)
        let broker = try KeyedBroker([pool])
        var first: KeyedBroker.Connection?
        for number in 0..<Limits.keySessionsMax {
            let connection = broker.connect(pool)
            if number == 0 { first = connection }
            #expect(try broker.hello(worker: connection, types: ["a"]).isWelcome)
            try broker.advance(by: .milliseconds(1))
        }
        let answers = try broker.hello(worker: broker.connect(pool), types: ["a"])
        #expect(!answers.isWelcome && answers.refusal?.contains("\"pool\"") == true, "\(answers.refusal ?? "")")
        #expect(broker.turn.refusals[.keySessions] == 1)
        try broker.send(.bye(Stint_V1_Bye()), from: #require(first), toWorkers: true)
        #expect(try broker.hello(worker: broker.connect(pool), types: ["a"]).isWelcome)
    }

    @Test("a key that is revoked while its HELLO waits is not let in")
    func revokedWhileWaiting() throws {
        let web = KeyedBroker.key("web", .producer)
        let broker = try KeyedBroker([web])
        for _ in 0..<Limits.hellosPerSecond { try broker.hello(client: broker.connect(web)) }
        let late = broker.connect(web)
        #expect(try !broker.hello(client: late).isWelcome)
        #expect(broker.turn.refusals[.hellos] == 1)
        try broker.revoke("web")
        try broker.advance(by: .seconds(1))
        #expect(broker.received(by: late).isForbidden)
        #expect(!broker.turn.clients.all.contains { $0.address == late.address })
    }

    @Test("a connection has one session: a new one takes the place of the former")
    func oneSession() {
        let broker = SimulatedBroker(seed: 1)
        let honest = broker.connect()
        let address = broker.freshAddress()
        for session in 1_000...1_999 as ClosedRange<UInt64> {
            var hello = Stint_V1_ClientHello()
            (hello.protocolMin, hello.protocolMax) = (1, 1)
            broker.deliver(fromClient: Frame.encode(.clientHello(hello), session: session), at: address)
            broker.run()
        }
        #expect(broker.turn.clients.count <= 2)
        // Who was there before was not crowded out.
        honest.clear()
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: honest) == .stored)
    }

    @Test("a client may have so many requests without an answer; one more is refused at once")
    func requestsInFlight() {
        var peers = Peers(most: 10)
        peers.add(SessionID(1), at: peer(1))
        for _ in 0..<Limits.requestsInFlightMax { _ = peers.hearsRequest(SessionID(1), at: peer(1)) }
        #expect(peers.hearsRequest(SessionID(1), at: peer(1)) == .tooManyRequests)
        #expect(peers.hearsRequest(SessionID(1), at: peer(2)) == .unknown)
        peers.answered(SessionID(1))
        #expect(peers.hearsRequest(SessionID(1), at: peer(1)) == .heard)
        #expect(peers.hearsRequest(SessionID(1), at: peer(1)) == .tooManyRequests)
    }

    @Test("every request is counted once and given back with its answer, whatever it asks")
    func requestsReturn() {
        let broker = SimulatedBroker(seed: 1)
        let client = broker.connect()
        var watch = Stint_V1_Watch()
        (watch.request, watch.id, watch.stop) = (4, Data(broker.nextID()), true)
        var list = Stint_V1_ListJobs()
        list.limit = 5
        for round in 1...3 {
            broker.send(.getStatus(Stint_V1_GetStatus()), from: client)
            broker.send(.getJob(.with { $0.id = Data(broker.nextID()) }), from: client)
            broker.send(.listJobs(list), from: client)
            broker.send(.watch(watch), from: client)
            broker.send(.enqueue(Stint_V1_Enqueue()), from: client)
            broker.send(.drain(Stint_V1_Drain()), from: client)
            #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client) == .stored)
            broker.run()
            #expect(broker.turn.clients.requestsInFlightMost == 0, "round \(round)")
        }
    }

    // MARK: HELLOs

    private func hello(_ number: UInt32, bytes: Int = 100) -> HelloGate.Waiting {
        HelloGate.Waiting(
            message: .clientHello(Stint_V1_ClientHello()), session: SessionID(UInt64(number)), peer: peer(number),
            bytes: bytes)
    }

    // An expectation cannot change what it looks at.
    private func admits(_ gate: inout HelloGate, _ time: Int64) -> Bool { gate.admits(at: at(time)) }
    private func next(_ gate: inout HelloGate, _ time: Int64) -> HelloGate.Waiting? { gate.next(at: at(time)) }

    @Test("as many HELLOs as a second may have come through at once, the rest in turn, nobody overtaking")
    func hellos() {
        var gate = HelloGate(perSecond: 10, bytesMax: 1_000)
        for _ in 0..<10 { #expect(admits(&gate, 0)) }
        #expect(!admits(&gate, 0))
        gate.add(hello(1))
        #expect(next(&gate, 99) == nil && gate.wake(at: at(99)) == at(100))
        // A token has come, but somebody waits for it.
        #expect(!admits(&gate, 100))
        gate.add(hello(2))
        #expect(next(&gate, 100)?.peer == peer(1))
        #expect(next(&gate, 199) == nil)
        #expect(next(&gate, 200)?.peer == peer(2))
        #expect(gate.wake(at: at(200)) == nil)
        // A pause never saves up more than a second's worth.
        for _ in 0..<10 { #expect(admits(&gate, 60_000)) }
        #expect(!admits(&gate, 60_000))
    }

    @Test("one HELLO of each connection waits, the newest, and no more bytes than the bound")
    func hellosWaiting() {
        var gate = HelloGate(perSecond: 1, bytesMax: 250)
        #expect(admits(&gate, 0))
        gate.add(hello(1))
        gate.add(hello(2))
        // There is no room for a third, but for one in the place of the first.
        gate.add(hello(3))
        var newer = hello(1, bytes: 150)
        newer.session = SessionID(77)
        gate.add(newer)
        gate.add(hello(3, bytes: 1))
        #expect(next(&gate, 1_000)?.session == SessionID(77))
        gate.add(hello(3, bytes: 150))
        #expect(next(&gate, 2_000)?.peer == peer(2))
        #expect(next(&gate, 3_000)?.bytes == 150 && next(&gate, 4_000) == nil)
    }

    // Behind all others it would be too old again when its turn came, and so for ever.
    @Test("a worker that connects anew while its HELLO waits keeps its place; another key does not take it")
    func helloOfTheSameLife() {
        func hello(
            _ life: UInt8, _ address: UInt32, _ user: UserID? = nil, incarnation: UInt32 = 0
        ) -> HelloGate.Waiting {
            var message = Stint_V1_WorkerHello()
            message.instance = Data(repeating: life, count: 16)
            message.incarnation = incarnation
            return HelloGate.Waiting(
                message: .workerHello(message), session: SessionID(UInt64(address)), peer: peer(address), bytes: 100,
                user: user)
        }
        func peers(_ gate: inout HelloGate) -> [PeerAddress] {
            (1...9).compactMap { gate.next(at: at(Int64($0) * 1_000))?.peer }
        }
        var gate = HelloGate(perSecond: 1, bytesMax: 300)
        #expect(admits(&gate, 0))
        gate.add(hello(1, 1))
        gate.add(hello(2, 2))
        gate.add(hello(1, 3))  // anew, and there is no room for a fourth
        gate.add(hello(3, 4))
        #expect(peers(&gate) == [peer(3), peer(2), peer(4)])

        let (alice, mallory) = (UserID(simulated: 1), UserID(simulated: 2))
        gate = HelloGate(perSecond: 1, bytesMax: 300)
        #expect(admits(&gate, 0))
        gate.add(hello(1, 1, alice))
        gate.add(hello(1, 2, mallory))
        // One connection that speaks for many lives has one place.
        gate.add(hello(2, 2, mallory))
        gate.add(hello(1, 3, alice))
        #expect(peers(&gate) == [peer(3), peer(2)])

        // What comes late from a connection that broke takes the place of nothing newer.
        gate = HelloGate(perSecond: 1, bytesMax: 300)
        #expect(admits(&gate, 0))
        for (address, incarnation): (UInt32, UInt32) in [(1, 2), (2, 1), (3, 3), (4, 2)] {
            gate.add(hello(1, address, incarnation: incarnation))
        }
        #expect(peers(&gate) == [peer(3)])
    }

    @Test("who says HELLO again and again on one connection is of no use; once is none")
    func helloAgain() {
        let broker = SimulatedBroker(seed: 1)
        for toWorkers in [true, false] {
            let peer = toWorkers ? broker.join("mallory", slots: 1) : broker.connect()
            let address = peer.address
            func useless() -> Int {
                var verdicts: [PeerVerdict] = []
                broker.change { verdicts = $0.takeVerdicts() }
                return verdicts.count { $0.kind == .useless && $0.peer == address }
            }
            func hello(_ session: UInt64) {
                if toWorkers {
                    var hello = Stint_V1_WorkerHello()
                    (hello.protocolMin, hello.protocolMax, hello.slots) = (1, 1, 1)
                    hello.instance = Data(JobID(high: 5, low: session))
                    (hello.name, hello.pool) = ("mallory", "mallory")
                    hello.types = [.with { $0.name = "mallory" }]
                    broker.deliver(fromWorker: Frame.encode(.workerHello(hello), session: session), at: address)
                } else {
                    var hello = Stint_V1_ClientHello()
                    (hello.protocolMin, hello.protocolMax) = (1, 1)
                    broker.deliver(fromClient: Frame.encode(.clientHello(hello), session: session), at: address)
                }
                broker.run()
            }
            #expect(useless() == 0)
            // Also those that wait, because there were too many.
            for session in 2..<UInt64(Limits.hellosPerSecond + 100) {
                hello(session)
                #expect(useless() >= 1, "HELLO \(session)")
            }
            broker.advance(by: .seconds(2))
        }
    }

    @Test("a storm of workers is answered in turn, and all of them are served in the end")
    func helloStorm() {
        let broker = SimulatedBroker(seed: 1)
        let workers = (0..<Limits.hellosPerSecond + 200).map { broker.join("worker-\($0)", slots: 1) }
        #expect(broker.turn.refusals[.hellos] >= 200)
        broker.advance(by: .seconds(1))
        for worker in workers {
            #expect(worker.received.contains { if case .workerWelcome = $0 { true } else { false } })
        }
    }

    // MARK: Progress

    @Test("progress is told at once when it was quiet, then once an interval, the newest")
    func progress() {
        var reports = ProgressReports(interval: .seconds(1), bytesMax: 1_000)
        let (id, token) = (JobID(high: 1, low: 1), FencingToken(epoch: 1, sequence: 1))
        var dropped = 0
        func add(_ text: String, _ time: Int64) -> ProgressReports.Verdict {
            reports.add(id, token, Bytes(Array(text.utf8)), at: at(time), dropped: &dropped)
        }
        #expect(add("1", 0) == .tellNow)
        #expect(add("2", 1) == .coalesced && add("3", 999) == .coalesced)
        #expect(reports.wake == at(1_000) && reports.next(at: at(999)) == nil)
        #expect(reports[id]?.bytes.copied == Array("3".utf8), "who asks gets the newest")
        #expect(reports.next(at: at(1_000))?.bytes.copied == Array("3".utf8))
        #expect(reports.next(at: at(1_000)) == nil)
        #expect(add("4", 1_999) == .coalesced && reports.next(at: at(2_000)) != nil)
        #expect(add("5", 3_000) == .tellNow && dropped == 0)
    }

    @Test("ten thousand reports a second cost the store nothing and a watcher one notice a second")
    func progressFlood() throws {
        let broker = SimulatedBroker(seed: 1)
        let (alice, client) = (broker.join("alice", slots: 1), broker.connect())
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        var watch = Stint_V1_Watch()
        (watch.request, watch.id) = (9, Data(job))
        broker.send(.watch(watch), from: client)
        broker.run()
        client.clear()
        let durable = broker.turn.durable
        for second in 0..<3 {
            for number in 0..<10_000 {
                var report = Stint_V1_Progress.Report()
                report.id = Data(job)
                (report.epoch, report.sequence) = (lease.token.epoch, lease.token.sequence)
                report.progress = Data("\(second * 10_000 + number)".utf8)
                broker.send(.progress(.with { $0.reports = [report] }), from: alice)
            }
            broker.run()
            broker.advance(by: .seconds(1))
        }
        let told = client.received.compactMap { if case .jobEvent(let event) = $0 { event.progress } else { nil } }
        #expect(told.count <= 6 && told.last == Data("29999".utf8), "\(told.count) notices")
        #expect(broker.turn.durable == durable, "progress is not written")
        #expect(broker.turn.refusals[.progress] >= 29_000)
    }

    @Test("the bytes of all progress are bounded; the oldest goes")
    func progressBytes() {
        var reports = ProgressReports(interval: .seconds(1), bytesMax: 25)
        let token = FencingToken(epoch: 1, sequence: 1)
        var dropped = 0
        for low in 1...2 as ClosedRange<UInt64> {
            _ = reports.add(
                JobID(high: 1, low: low), token, Bytes(Array(repeating: 1, count: 10)), at: at(0), dropped: &dropped)
        }
        _ = reports.add(
            JobID(high: 1, low: 1), token, Bytes(Array(repeating: 1, count: 15)), at: at(0), dropped: &dropped)
        #expect(dropped == 0 && reports[JobID(high: 1, low: 2)] != nil)
        // The second is the oldest now, because the first was renewed.
        _ = reports.add(JobID(high: 1, low: 3), token, Bytes([1]), at: at(0), dropped: &dropped)
        #expect(dropped == 1 && reports[JobID(high: 1, low: 2)] == nil && reports[JobID(high: 1, low: 1)] != nil)
    }

    // MARK: Answers that wait

    @Test(
        "while a commit is slow, large answers add up to a bound; then none is worked out, and clients are read still")
    func answersWaiting() {
        let broker = SimulatedBroker(seed: 1)
        let (client, mallory) = (broker.connect(), broker.connect())
        // A job with a large result makes each answer large.
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        if let lease = broker.assignment(of: job, to: alice) {
            _ = broker.complete(lease, by: alice, result: [UInt8](repeating: 49, count: 1_000_000))
        }
        broker.holdsCommits = true
        broker.deliver(
            fromClient: Frame.encode(
                .enqueue(.with { $0.groups = [SimulatedBroker.group([broker.nextID()], type: "mail")] }),
                session: client.session.value), at: client.address)
        broker.step()
        for request in 1...200 as ClosedRange<UInt64> {
            broker.deliver(
                fromClient: Frame.encode(
                    .getJob(
                        .with {
                            $0.request = request
                            $0.id = Data(job)
                        }), session: mallory.session.value), at: mallory.address)
        }
        for _ in 0..<1_000 { broker.step() }
        #expect(broker.turn.readsClients && broker.turn.readsWorkers)
        #expect(broker.turn.outbox.bytes >= Limits.answersWaitingBytesMax / 2)
        #expect(broker.turn.outbox.bytes <= Limits.answersWaitingBytesMax / 2 + Limits.messageBytesMax)
        broker.holdsCommits = false
        broker.run()
        #expect(broker.turn.readsClients && broker.turn.outbox.bytes == 0)
        #expect(mallory.received.filter { if case .jobAnswer = $0 { true } else { false } }.count == 200)
    }

    // MARK: Counts

    @Test("what was refused is told by name, and only what was")
    func counted() throws {
        let broker = lineBroker(jobs: 1)
        let client = broker.connect()
        for _ in 0..<3 {
            _ = broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client)
        }
        broker.deliver(fromClient: [1, 2, 3], at: client.address)
        broker.run()
        let status = try #require(broker.status())
        let told = Dictionary(uniqueKeysWithValues: status.limits.map { ($0.name, $0.refused) })
        #expect(told == ["line_jobs": 2, "malformed": 1])
        #expect(Set(LimitName.allCases.map(\.name)).count == LimitName.allCases.count)
    }
}
