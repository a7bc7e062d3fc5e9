import StintCore
import Testing

@testable import StintWire

// Goal: what the core says reaches the other side unchanged. Method: every state, every code and every reason there and
// back; what a later version may add becomes the nearest thing that is known.
@Suite("Messages of the broker") struct BrokerMessagesTests {
    @Test("every state of a job comes back", arguments: JobState.allCases)
    func state(state: JobState) {
        #expect(Stint_V1_JobState(state).state == state)
    }

    @Test("no state, and one of a later version, is none")
    func unknownState() {
        #expect(Stint_V1_JobState(nil) == .stateUnknown)
        #expect(Stint_V1_JobState.stateUnknown.state == nil)
        #expect(Stint_V1_JobState(rawValue: 99)?.state == nil)
    }

    @Test("every refusal comes back", arguments: Refusal.Code.allCases)
    func refusal(code: Refusal.Code) {
        let refusal = Refusal(code, "because")
        let message = Stint_V1_Refused(refusal, request: 7)
        #expect(message.request == 7)
        #expect(message.refusal == refusal)
    }

    @Test("a code of a later version is an invalid request, which is not tried again")
    func unknownCode() {
        var message = Stint_V1_Refused(Refusal(.draining, "because"), request: 7)
        message.code = Stint_V1_Refused.Code(rawValue: 99) ?? .unknown
        #expect(message.refusal == Refusal(.invalid, "because"))
        #expect(!message.refusal.isRetryable)
    }

    @Test("settlements that do not count are named with their reasons")
    func settled() {
        let message = Stint_V1_Settled(
            upTo: 9,
            refused: [
                RefusedSettlement(number: 8, index: 2, reason: .superseded),
                RefusedSettlement(number: 9, index: 0, reason: .gone),
            ])
        #expect(message.upTo == 9)
        #expect(message.refused.map(\.number) == [8, 9])
        #expect(message.refused.map(\.index) == [2, 0])
        #expect(message.refused.map(\.reason) == [.superseded, .gone])
    }

    @Test("a leased job is not counted as ready")
    func counts() {
        var counts = Counts()
        counts.ready = 10
        counts.leased = 4
        counts.dead = 1
        var message = Stint_V1_StateCounts(counts)
        #expect(message.ready == 6)
        #expect(message.leased == 4)
        message.add(message)
        #expect(message.ready == 12)
        #expect(message.dead == 2)
    }

    @Test("refusals are sentences with what was given and what is allowed")
    func sentences() {
        #expect(
            WireError.outOfRange(field: "worker_hello.slots", value: 0, allowed: 1...4_096).description
                == "worker_hello.slots is 0, but must be from 1 to 4096")
        #expect(
            WireError.unevenColumns("settle").description
                == "the columns of settle do not have the same number of entries")
        #expect(
            WireError.malformed("not an envelope").refusal
                == Refusal(.invalid, "malformed message: not an envelope"))
    }
}
