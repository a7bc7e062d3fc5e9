import StintCore
import Testing

@Suite("Cancel") struct CancelTests {
    @Test("a job that waits, near or far, is cancelled at once and never runs")
    func waiting() {
        var broker = TestBroker()
        let ready = broker.enqueue()
        let scheduled = broker.enqueue(after: .seconds(1))
        let results = [broker.cancel(ready), broker.cancel(scheduled), broker.cancel(ready)]
        #expect(results == [.cancelled, .cancelled, .alreadyFinal(.cancelled)])
        let alice = broker.join("alice")
        broker.advance(by: .seconds(2))
        #expect(broker.held(by: alice).isEmpty)
        broker.check()
    }

    @Test("a job that is only on disk is cancelled there")
    func cold() {
        var broker = TestBroker()
        let ready = broker.enqueue()
        let scheduled = broker.enqueue(after: .seconds(1))
        broker.restart()
        #expect(broker.state.jobs.count == 0)
        broker.isInstant = false
        let results = [broker.cancel(ready), broker.cancel(scheduled)]
        #expect(results == [.cancelled, .cancelled])
        broker.isInstant = true
        let alice = broker.join("alice")
        broker.advance(by: .seconds(2))
        #expect(broker.held(by: alice).isEmpty)
        broker.check()
    }

    @Test("until its lease ends the holder's answer stands: a completion completes, everything else is cancelled")
    func leased() throws {
        for (outcome, expected) in [
            (Outcome.completed, JobState.completed), (.failed, .cancelled), (.timedOut, .cancelled),
            (.snoozed, .cancelled), (.released, .cancelled), (.cancelled, .cancelled),
        ] {
            var broker = TestBroker()
            let alice = broker.join("alice")
            let job = broker.enqueue()
            let lease = try #require(broker.lease(of: job, to: alice))
            broker.actions = []
            let requests = [broker.cancel(job), broker.cancel(job)]
            #expect(requests == [.requested, .requested])
            let told = broker.actions.count { if case .cancel(alice, lease.reference) = $0 { true } else { false } }
            #expect(told == 1)
            let child = broker.submission()
            broker.settle(lease, AttemptEnding(outcome, counts: outcome == .failed), children: [child])
            #expect(broker.jobState(job) == expected && broker.row(job)?.cancelRequested == true)
            #expect((broker.jobState(child.id) != nil) == (outcome == .completed))
            #expect(broker.cancel(job) == .alreadyFinal(expected))
            broker.check()
        }
    }

    @Test("a job that is over stays as it is, and one that never was is not found")
    func over() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let dead = try broker.makeDead(by: alice)
        #expect(broker.cancel(dead) == .alreadyFinal(.dead))
        let unknown = broker.freshID()
        #expect(broker.cancel(unknown) == .notFound)
        broker.check()
    }
}
