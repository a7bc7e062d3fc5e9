import StintCore
import Testing

@Suite("Random lives of a broker") struct RandomLifeTests {
    // Goal: no order of events breaks an invariant, loses a job, or lets memory and disk drift apart. Method: seeded
    // events with commits, pages and frames that lag, and restarts; everything is checked every few events.
    @Test("whatever happens, state and disk agree", arguments: 1...12 as ClosedRange<UInt64>)
    func life(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var broker = TestBroker(seed: seed)
        var sessions: [SessionID] = []
        var instances: [SessionID: InstanceID] = [:]
        var jobs: [JobID] = []
        func pick<Element>(_ elements: [Element]) -> Element? {
            elements.isEmpty ? nil : elements[Int(random.next(upTo: UInt64(elements.count - 1)))]
        }
        // More than a page, so that windows end and pages race.
        if seed % 3 == 0 {
            jobs = broker.enqueue(count: Limits.pageRows + 500)
            broker.restart()
        }
        broker.isInstant = false
        for event in 0..<600 {
            switch random.next(upTo: 17) {
            case 0...2:
                let type = random.next(upTo: 1) == 0 ? "mail" : "report"
                let delay: Duration? = random.next(upTo: 3) == 0 ? .milliseconds(Int64(random.next(upTo: 9_000))) : nil
                jobs.append(
                    broker.enqueue(type: type, priority: Int16(random.next(upTo: 4)) - 2, after: delay, attempts: 2))
            case 3:
                let instance = broker.freshInstance()
                let session = broker.join(
                    "w\(event)", types: random.next(upTo: 2) == 0 ? ["mail"] : ["mail", "report"],
                    slots: 1 + Int(random.next(upTo: 3)), instance: instance)
                instances[session] = instance
                sessions.append(session)
            case 4...7:
                guard let session = pick(sessions), let lease = pick(broker.held(by: session)) else { continue }
                let outcome =
                    pick([Outcome.completed, .completed, .failed, .snoozed, .released, .cancelled]) ?? .failed
                broker.settle(
                    lease, AttemptEnding(outcome, counts: outcome == .completed || outcome == .failed),
                    microseconds: UInt32(random.next(upTo: 20_000)))
            case 8:
                if let job = pick(jobs) { _ = broker.cancel(job) }
            case 9:
                guard let session = pick(sessions) else { continue }
                broker.heartbeat(session, running: Array(broker.held(by: session).prefix(1)))
            case 10:
                broker.advance(by: .milliseconds(Int64(random.next(upTo: 4_000))))
            case 11...12:
                broker.commit()
                broker.releaseAll()
            case 13:
                broker.readPage()
            case 14:
                broker.deliverPage()
            case 15:
                guard let session = pick(sessions) else { continue }
                switch random.next(upTo: 3) {
                case 0: broker.drain(session)
                case 1: broker.withdraw("mail", session)
                case 2:
                    broker.bye(session)
                    sessions.removeAll { $0 == session }
                default:
                    let held = broker.held(by: session).dropLast().map {
                        WorkerHello.Held(lease: $0.reference, state: .running)
                    }
                    let again = broker.join("w\(event)", slots: 2, holding: held, instance: instances[session])
                    instances[again] = instances[session]
                    sessions.removeAll { $0 == session }
                    sessions.append(again)
                }
            case 16:
                if let job = pick(jobs) { _ = broker.handleDead(random.next(upTo: 3) == 0 ? .discard : .replay, [job]) }
            default:
                guard random.next(upTo: 7) == 0 else { continue }
                broker.restart()
                sessions = []
                jobs = jobs.filter { broker.row($0) != nil }
            }
            sessions.removeAll { broker.state.workers.slot(of: $0) == nil }
            if event % 10 == 0 { broker.check() }
        }
        finish(&broker)
    }

    /// With a worker that serves everything, every job that was stored comes to an end.
    private func finish(_ broker: inout TestBroker) {
        broker.isInstant = true
        for _ in 0..<3 {
            broker.readPage()
            broker.commit()
            broker.deliverPage()
        }
        for _ in 0..<5 { broker.advance(by: .seconds(4)) }
        let last = broker.join("last", types: ["mail", "report"], slots: 500)
        for _ in 0..<40 {
            broker.advance(by: .seconds(3))
            broker.heartbeat(last)
            let held = broker.held(by: last)
            guard !held.isEmpty else { continue }
            _ = broker.settle(
                held.map {
                    Settlement(
                        id: $0.job, token: $0.token, ending: AttemptEnding(.completed, counts: true),
                        runMicroseconds: 20_000)
                }, from: last)
        }
        broker.check()
        let open = broker.decided.rows.values.filter { !$0.state.isFinal }
        #expect(open.map(\.id).isEmpty)
        #expect(broker.decided.grants.isEmpty)
    }
}
