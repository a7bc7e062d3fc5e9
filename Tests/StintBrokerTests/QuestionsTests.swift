import Foundation
import StintCore
import StintTestKit
import StintTransport
import StintWire
import Testing

@testable import StintBroker

// Goal: whoever asks much waits for it, and nobody else does. Method: both sides of each boundary on the value that keeps
// the rule, and then through the whole broker, where turns are counted and no clock runs.
@Suite("Questions") struct QuestionsTests {
    private func session(_ number: UInt64) -> SessionID { SessionID(number) }

    /// A question that can be told from others.
    private func status(_ request: UInt64) -> Stint_V1_Envelope.OneOf_Message {
        .getStatus(.with { $0.request = request })
    }

    // An expectation cannot change what it looks at.
    private func add(_ questions: inout Questions, _ number: UInt64, _ request: UInt64, bytes: Int = 0) -> Bool {
        questions.add(status(request), bytes: bytes, from: session(number))
    }
    private func next(_ questions: inout Questions, cost rows: Int = 0) -> UInt64? {
        guard let taken = questions.next() else { return nil }
        questions.spend(rows: rows, bytes: 0)
        return taken.message.request
    }

    // MARK: The round

    @Test("one question of each session is answered in turn, those of one session in order")
    func round() {
        var questions = Questions(share: 100, bytesMax: 1_000_000)
        for request in 1...3 as ClosedRange<UInt64> { #expect(add(&questions, 1, request)) }
        #expect(add(&questions, 2, 21) && add(&questions, 3, 31))
        questions.beginTurn()
        var answered: [UInt64] = []
        while let request = next(&questions) { answered.append(request) }
        #expect(answered == [1, 21, 31, 2, 3])
        #expect(questions.isIdle)
    }

    @Test("a turn answers up to its share; what one question costs more is owed by the next turns")
    func share() {
        var questions = Questions(share: 10, bytesMax: 1_000_000)
        for request in 1...4 as ClosedRange<UInt64> { #expect(add(&questions, 1, request)) }
        questions.beginTurn()
        #expect(next(&questions, cost: 4) == 1)
        // Half of it is left, and the second costs all of that and two turns.
        #expect(next(&questions, cost: 24) == 2)
        #expect(next(&questions) == nil)
        questions.beginTurn()
        #expect(next(&questions) == nil, "ten of twenty are paid")
        questions.beginTurn()
        #expect(next(&questions) == nil, "all is paid, and nothing left")
        questions.beginTurn()
        #expect(next(&questions, cost: 0) == 3)
        // What is not spent is not saved.
        for _ in 0..<5 { questions.beginTurn() }
        #expect(next(&questions, cost: 9) == 4 && next(&questions) == nil)
    }

    @Test("bytes of answers cost, too")
    func bytes() {
        var questions = Questions(share: 10, bytesMax: 1_000_000)
        for request in 1...2 as ClosedRange<UInt64> { #expect(add(&questions, 1, request)) }
        questions.beginTurn()
        _ = questions.next()
        questions.spend(rows: 0, bytes: 9 * 1_024)
        #expect(next(&questions) == nil)
    }

    @Test("who does not read is passed over, keeps its questions, and has its place again when it reads")
    func deaf() {
        var questions = Questions(share: 100, bytesMax: 1_000_000)
        for request in 1...2 as ClosedRange<UInt64> { #expect(add(&questions, 1, request)) }
        questions.session(session(1), reads: false)
        #expect(add(&questions, 1, 3) && add(&questions, 2, 21))
        questions.beginTurn()
        #expect(next(&questions) == 21 && next(&questions) == nil && questions.isIdle)
        questions.session(session(1), reads: true)
        #expect(!questions.isIdle)
        #expect(next(&questions) == 1 && next(&questions) == 2 && next(&questions) == 3 && next(&questions) == nil)
    }

    @Test("who does not read may have fewer questions; who reads may have more")
    func deafBound() {
        var questions = Questions(share: 100, bytesMax: 10_000_000)
        questions.session(session(1), reads: false)
        for request in 0..<UInt64(Limits.questionsUnreadMax) { #expect(add(&questions, 1, request)) }
        #expect(!add(&questions, 1, 5_000))
        for request in 0...UInt64(Limits.questionsUnreadMax) { #expect(add(&questions, 2, request)) }
        questions.session(session(1), reads: true)
        #expect(add(&questions, 1, 5_000))
    }

    @Test("a turn with something to commit is left to it, but never two in a row")
    func givesWay() {
        var questions = Questions(share: 10, bytesMax: 10_000)
        for _ in 0..<3 {
            #expect(gives(&questions))
            #expect(!gives(&questions))
            questions.beginTurn()
        }
        // One that had nothing to commit in between starts it over.
        #expect(gives(&questions))
        questions.beginTurn()
        #expect(gives(&questions))
    }

    // An expectation cannot change what it looks at.
    private func gives(_ questions: inout Questions) -> Bool { questions.giveWay() }

    @Test("a session that ends takes its questions with it, and one that begins again under its name has one place")
    func forgotten() {
        var questions = Questions(share: 100, bytesMax: 10_000)
        for round in 0..<10 {
            for request in 0..<10 as Range<UInt64> { #expect(add(&questions, 1, request)) }
            if round < 9 { questions.forget(session(1)) }
        }
        for request in 20...22 as ClosedRange<UInt64> { #expect(add(&questions, 2, request)) }
        questions.beginTurn()
        var answered: [UInt64] = []
        while answered.count < 6, let request = next(&questions) { answered.append(request) }
        #expect(answered == [0, 20, 1, 21, 2, 22], "it has no more than its share of the round")
    }

    @Test("as many bytes wait as may; beyond that a few short questions of those who ask little")
    func bounded() {
        var questions = Questions(share: 100, bytesMax: 10_000)
        var heard = 0
        while add(&questions, 1, 1, bytes: 744) { heard += 1 }
        #expect(heard == 10)
        for _ in 0..<4 { #expect(add(&questions, 2, 2, bytes: 744)) }
        #expect(!add(&questions, 2, 2, bytes: 744) && !add(&questions, 3, 3, bytes: 1_025))
        // Each one that is answered makes room for another.
        questions.beginTurn()
        for _ in 0..<5 { #expect(next(&questions) != nil) }
        #expect(add(&questions, 1, 1, bytes: 744))
        questions.forget(session(1))
        #expect(add(&questions, 4, 4, bytes: 7_000))
    }

    // MARK: In the broker

    private func ask(_ broker: SimulatedBroker, _ client: SimulatedPeer, pages: Int) {
        for request in 0..<pages {
            broker.send(
                .listJobs(
                    .with {
                        $0.request = UInt64(1_000 + request)
                        $0.limit = UInt32(Limits.listMax)
                    }), from: client)
        }
    }

    private func answers(to client: SimulatedPeer) -> Int {
        client.received.count { if case .jobsAnswer = $0 { true } else { false } }
    }

    private func broker(jobs: Int) -> SimulatedBroker {
        let broker = SimulatedBroker(seed: 1)
        let ids = (0..<jobs).map { _ in broker.nextID() }
        #expect(broker.enqueue([SimulatedBroker.group(ids, type: "mail")], by: broker.connect()) == .stored)
        return broker
    }

    @Test("under any number of questions every turn takes what is enqueued and answers who asks little")
    func flood() {
        let broker = broker(jobs: 1_000)
        let (mallory, honest) = (broker.connect(), broker.connect())
        ask(broker, mallory, pages: 200)
        broker.step()
        let before = answers(to: mallory)
        #expect(before <= 2, "\(before) pages in one turn")
        for round in 0..<5 {
            let id = broker.nextID()
            honest.clear()
            broker.send(
                .enqueue(
                    .with {
                        $0.request = UInt64(round + 1)
                        $0.groups = [SimulatedBroker.group([id], type: "mail")]
                    }), from: honest)
            broker.send(status(77), from: honest)
            let pages = answers(to: mallory)
            // One turn for the enqueue, and one for the debt of the page before and the question.
            for _ in 0..<4 { broker.step() }
            #expect(broker.enqueueAnswer(to: UInt64(round + 1), for: honest) == .stored)
            #expect(honest.received.contains { if case .statusAnswer = $0 { true } else { false } })
            #expect(answers(to: mallory) - pages <= 4)
        }
        broker.run()
        #expect(answers(to: mallory) == 200, "nobody is forgotten")
        #expect(broker.turn.clients.requestsInFlightMost == 0)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a page has a bounded number of jobs, whatever was asked for, and goes on with its cursor")
    func pages() throws {
        let broker = broker(jobs: 1_000)
        let client = broker.connect()
        var cursor = Data()
        var seen = Set<Data>()
        for page in 1...1_000 / Limits.listRowsPerAnswer {
            client.clear()
            broker.ask(
                .listJobs(
                    .with {
                        $0.limit = UInt32(Limits.listMax)
                        $0.cursor = cursor
                    }), from: client)
            for case .jobsAnswer(let answer) in client.received {
                #expect(answer.jobs.count == Limits.listRowsPerAnswer)
                #expect(!answer.cursor.isEmpty, "page \(page)")
                cursor = answer.cursor
                for job in answer.jobs { #expect(seen.insert(job.id).inserted) }
            }
        }
        #expect(seen.count == 1_000)
    }

    @Test("nothing is worked out for a client that does not read, until it does")
    func deafClient() {
        let broker = broker(jobs: 300)
        let (mallory, honest) = (broker.connect(), broker.connect())
        broker.change { $0.client(at: mallory.address, reads: false) }
        ask(broker, mallory, pages: 50)
        ask(broker, honest, pages: 3)
        broker.run()
        #expect(answers(to: mallory) == 0 && answers(to: honest) == 3)
        // What it enqueues is taken all the same.
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: mallory) == .stored)
        broker.change { $0.client(at: mallory.address, reads: true) }
        broker.run()
        #expect(answers(to: mallory) == 50)
    }

    @Test("too many questions are refused by name; who asks little is heard still")
    func refused() {
        let broker = SimulatedBroker(seed: 1)
        let (mallory, honest) = (broker.connect(), broker.connect())
        broker.change { $0.client(at: mallory.address, reads: false) }
        // A name of a megabyte is nobody's; that it waits is what costs.
        let name = String(repeating: "x", count: 1_048_576)
        for _ in 0..<70 { broker.send(.listJobs(.with { ($0.limit, $0.type) = (1, name) }), from: mallory) }
        broker.run()
        #expect(broker.turn.refusals[.questions] == 7, "\(broker.turn.refusals[.questions]) were refused")
        broker.ask(status(5), from: honest)
        #expect(honest.received.contains { if case .statusAnswer = $0 { true } else { false } })
    }

    @Test("who asks on and on and does not read is refused by name, and of no use to anybody")
    func asksUnread() {
        let broker = SimulatedBroker(seed: 1)
        let mallory = broker.connect()
        broker.change { $0.client(at: mallory.address, reads: false) }
        for _ in 0..<Limits.questionsUnreadMax + 3 { broker.send(status(1), from: mallory) }
        broker.run()
        var useless = 0
        broker.change { useless = $0.takeVerdicts().count { $0.kind == .useless && $0.peer == mallory.address } }
        #expect(useless == 3 && broker.turn.refusals[.questions] == 3)
    }

    @Test("what is enqueued is committed in its own turn although questions wait")
    func commitsFirst() {
        let broker = broker(jobs: 300)
        let (asker, honest) = (broker.connect(), broker.connect())
        ask(broker, asker, pages: 20)
        broker.step()
        let before = answers(to: asker)
        #expect(before < 20)
        let group = SimulatedBroker.group([broker.nextID()], type: "mail")
        broker.send(.enqueue(.with { ($0.request, $0.groups) = (1, [group]) }), from: honest)
        broker.step()
        #expect(answers(to: asker) == before)
        broker.run()
        #expect(answers(to: asker) == 20 && broker.enqueueAnswer(to: 1, for: honest) == .stored)
    }

    @Test("questions of a client that says HELLO again are not answered twice")
    func helloAgain() {
        let broker = broker(jobs: 500)
        let client = broker.connect()
        ask(broker, client, pages: 20)
        broker.step()
        broker.reconnect(client)
        ask(broker, client, pages: 2)
        broker.run()
        #expect(answers(to: client) == 2 && broker.turn.clients.requestsInFlightMost == 0)
    }
}
