import StintCore
import Testing

@Suite("Dead letters") struct DeadTests {
    @Test("a replayed job has fresh attempts under the same id and runs again")
    func replay() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = try broker.makeDead(by: alice)
        let before = try #require(broker.row(job))
        let replayed = broker.handleDead(.replay, [job, job])
        #expect(replayed == .success(1))
        let lease = try #require(broker.lease(of: job, to: alice))
        #expect(lease.attempt == 1 && lease.token > before.token)
        broker.settle(lease)
        #expect(broker.jobState(job) == .completed)
        broker.check()
    }

    @Test("by id it is all or none: one job that is not dead, or not there, refuses the rest")
    func allOrNone() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let dead = try broker.makeDead(by: alice)
        let alive = broker.enqueue()
        let unknown = broker.freshID()
        let first = broker.enqueue(after: .seconds(9))
        for (other, code) in [(alive, Refusal.Code.wrongState), (first, .wrongState), (unknown, .notFound)] {
            for verb in [DeadVerb.replay, .discard] {
                let result = broker.handleDead(verb, [dead, other])
                #expect(throws: Refusal.self) { try result.get() }
                if case .failure(let refusal) = result { #expect(refusal.code == code) }
            }
        }
        #expect(broker.jobState(dead) == .dead)
        broker.check()
    }

    @Test("a dry run counts and changes nothing")
    func dryRun() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let dead = try broker.makeDead(by: alice)
        let result = broker.handleDead(.discard, [dead], dryRun: true)
        #expect(result == .success(1))
        let begun = broker.event { state, now, effects in
            state.beginDead(.discard, type: nil, dryRun: true, at: now, into: &effects)
        }
        #expect(begun.operation == 0 && begun.jobs == 1 && broker.jobState(dead) == .dead)
        broker.check()
    }
}

@Suite("Operations") struct OperationTests {
    /// A broker with dead jobs on disk, one millisecond between each.
    private func broker(dead count: Int, keep: Retention = Retention()) throws -> (TestBroker, [JobID]) {
        var broker = TestBroker(keep: keep)
        let alice = broker.join("alice", slots: Limits.slots.upperBound)
        let jobs = broker.enqueue(count: count)
        for chunk in stride(from: 0, to: count, by: 100) {
            let settlements = try jobs[chunk..<min(count, chunk + 100)].map { job in
                Settlement(
                    id: job, token: try #require(broker.lease(of: job)).token,
                    ending: AttemptEnding(.failed, counts: true, isPermanent: true), runMicroseconds: 1)
            }
            _ = broker.settle(settlements, from: alice)
            broker.advance(by: .milliseconds(1))
        }
        broker.bye(alice)
        return (broker, jobs)
    }

    private func begin(_ verb: DeadVerb, _ broker: inout TestBroker) -> (operation: Int64, jobs: Int64) {
        let begun = broker.event { state, now, effects in
            state.beginDead(verb, type: nil, dryRun: false, at: now, into: &effects)
        }
        broker.turn()
        return begun
    }

    /// Steps of the operation, without those of retention.
    private func step(_ broker: inout TestBroker) -> BrokerState.Step? {
        while let step = broker.step() {
            if step.operation != 0 { return step }
        }
        return nil
    }

    @Test("a replay of all goes in bounded steps with its cursor, and ends")
    func steps() throws {
        var (broker, jobs) = try broker(dead: Limits.stepRows + 1)
        #expect(begin(.replay, &broker).jobs == Int64(jobs.count))
        _ = step(&broker)
        #expect(jobs.count { broker.jobState($0) == .ready } == Limits.stepRows)
        #expect(broker.decided.operations.values.first?.done == Int64(Limits.stepRows))
        _ = step(&broker)
        #expect(jobs.allSatisfy { broker.jobState($0) == .ready } && broker.decided.operations.isEmpty)
        #expect(step(&broker) == nil)
        broker.check()
    }

    @Test("a restart between two steps goes on from the cursor")
    func resume() throws {
        var (broker, jobs) = try broker(dead: Limits.stepRows + 3)
        _ = begin(.discard, &broker)
        _ = step(&broker)
        broker.restart()
        let next = try #require(step(&broker))
        #expect(next.afterSerial > 0)
        #expect(jobs.allSatisfy { broker.jobState($0) == nil } && broker.decided.operations.isEmpty)
        broker.check()
    }

    @Test("an operation starts only when the batch that began it is durable, and leaves alone what dies later")
    func starts() throws {
        var (broker, jobs) = try broker(dead: 2)
        broker.isInstant = false
        _ = begin(.discard, &broker)
        #expect(step(&broker) == nil)
        broker.isInstant = true
        broker.advance(by: .milliseconds(1))
        let alice = broker.join("alice")
        let later = try broker.makeDead(by: alice)
        while step(&broker) != nil {}
        #expect(jobs.allSatisfy { broker.jobState($0) == nil } && broker.jobState(later) == .dead)
        broker.check()
    }

    // MARK: Retention

    // The surplus is a multiple of a step, and one more and one less: just so many go, the oldest first.
    @Test(
        "retention by number leaves just that many, whatever the size of a step", arguments: [1, 499, 500, 501, 1_000])
    func byNumber(_ surplus: Int) throws {
        let rule = Retention.Rule(time: .seconds(90 * 86_400), count: 50)
        var (broker, jobs) = try broker(dead: 50 + surplus, keep: Retention(dead: rule))
        broker.advance(by: .seconds(61))
        for _ in 0..<20 { _ = broker.step() }
        #expect(broker.decided.rows.count == 50)
        #expect(jobs.suffix(50).allSatisfy { broker.jobState($0) == .dead })
        broker.check()
    }

    @Test("retention that takes longer than a minute is not begun a second time")
    func byNumberSlowly() throws {
        let rule = Retention.Rule(time: .seconds(90 * 86_400), count: 600)
        var (broker, _) = try broker(dead: 1_700, keep: Retention(dead: rule))
        for _ in 0..<20 {
            broker.advance(by: .seconds(61))
            _ = broker.step()
        }
        #expect(broker.decided.rows.count == 600)
        broker.check()
    }

    @Test("retention by time removes what is older and not what is as old")
    func byTime() throws {
        let rule = Retention.Rule(time: .seconds(86_400), count: 1)
        for (age, left) in [(Duration.seconds(86_400), 1), (.seconds(86_400) + .milliseconds(1), 0)] {
            var (broker, jobs) = try broker(dead: 2, keep: Retention(dead: rule))
            let died = try #require(broker.row(jobs[0])).finishedAt
            broker.advance(by: age - (broker.now.wall - died))
            for _ in 0..<10 { _ = broker.step() }
            #expect(broker.decided.rows.count == left)
            broker.check()
        }
    }
}
