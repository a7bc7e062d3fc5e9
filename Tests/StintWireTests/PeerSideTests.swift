import Foundation
import StintCore
import Testing

@testable import StintWire

// Goal: what a broker says cannot end a worker, and what a worker says always fits. Method: values at and beyond what
// any broker sends.
@Suite("The worker's side of the wire") struct PeerSideTests {
    @Test(
        "times of WELCOME are kept to what the arithmetic of times can bear",
        arguments: [0, 1, 86_400_000, 86_400_001, .max])
    func welcomeTimes(milliseconds: UInt64) throws {
        var welcome = Stint_V1_WorkerWelcome()
        (welcome.leaseMs, welcome.heartbeatMs) = (milliseconds, milliseconds)
        let terms = try welcome.terms()
        let expected: Duration = .milliseconds(Int64(min(max(1, milliseconds), 86_400_000)))
        #expect(terms.lease == expected && terms.heartbeat == expected)
    }

    @Test("an assign whose columns do not fit starts nothing")
    func uneven() {
        var assign = Stint_V1_Assign()
        assign.types = [.with { $0.name = "mail" }]
        assign.ids = Data(ids: [JobID(high: 1, low: 1), JobID(high: 1, low: 2)])
        assign.payloadBytes = [1, 1]
        assign.payloads = Data([49, 49])
        #expect(throws: Never.self) { try assign.jobs() }
        for change in [
            { $0.payloadBytes = [1] }, { $0.payloads = Data([49]) }, { $0.typeIndexes = [0, 1] }, { $0.types = [] },
            { $0.payloadBytes = [1, .max] }, { $0.ids.append(1) },
        ] as [(inout Stint_V1_Assign) -> Void] {
            var changed = assign
            change(&changed)
            #expect(throws: WireError.self) { try changed.jobs() }
        }
    }

    @Test("progress of any number of jobs is sent in messages that each fit a frame, and nothing is left out")
    func progress() throws {
        let lease = LeaseReference(id: JobID(high: 1, low: 1), token: FencingToken(epoch: 1, sequence: 1))
        let report = Data(repeating: 49, count: Limits.progressBytesMax)
        for count in [0, 1, 127, 128, 4_096] {
            let messages = Stint_V1_Progress.messages((0..<count).map { _ in (lease, report) })
            #expect(messages.reduce(0) { $0 + $1.reports.count } == count)
            for message in messages {
                #expect(Frame.encode(.progress(message), session: .max).count <= Limits.messageBytesMax)
            }
        }
    }
}
