import Foundation
import StintCore
import Testing

@testable import StintWire

/// One value of each message with every field set, each to something that is found nowhere else: what the golden bytes
/// are made of.
struct Sample: Sendable, CustomTestStringConvertible {
    /// As in `envelope.proto`.
    var field: String
    var message: Stint_V1_Envelope.OneOf_Message

    var testDescription: String { field }

    static let session: UInt64 = 0x0102_0304_0506_0708
    var frame: [UInt8] { Frame.encode(message, session: Self.session) }

    static let all: [Sample] =
        fromWorkers + toWorkers + fromClients + toClients + [
            Sample("say_hello", .sayHello(Stint_V1_SayHello()))
        ]

    init(_ field: String, _ message: Stint_V1_Envelope.OneOf_Message) {
        self.field = field
        self.message = message
    }

    // MARK: Parts

    static let epoch: UInt64 = 1_790_000_000

    /// A version 7 id that shows its number.
    static func id(_ number: UInt64) -> JobID {
        JobID(milliseconds: 0x0199_8877_6655, counter: UInt16(number), random: 0x1111_2222_3333_0000 + number)
    }

    static func ids(_ numbers: ClosedRange<UInt64>) -> Data { Data(ids: numbers.map(id)) }

    static let extras: Stint_V1_JobExtras = .with {
        $0.user = "ada"
        $0.tags = ["batch-7", "night"]
        $0.metadata = Data(#"{"trace":"4bf9"}"#.utf8)
        $0.parent = Data(id(901))
        $0.root = Data(id(902))
        $0.trace = [
            .with {
                $0.key = "traceparent"
                $0.value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            },
            .with {
                $0.key = "tracestate"
                $0.value = "stint=7"
            },
        ]
    }

    static let group: Stint_V1_JobGroup = .with {
        $0.type = "parse_paper"
        $0.ids = ids(1...2)
        $0.payloadBytes = [4, 10]
        $0.payloads = Data(#"null{"page":7}"#.utf8)
        $0.priority = -7
        $0.runAtMs = 1_790_000_123_456
        $0.delayMs = 90_000
        $0.attempts = 12
        $0.extras = extras
    }

    static func lost(_ reason: Stint_V1_Lost.Reason) -> Stint_V1_Lost {
        .with {
            $0.reason = reason
            $0.epoch = epoch
            $0.ids = ids(3...4)
            $0.sequences = [300, 70_000]
        }
    }

    static let selection: Stint_V1_DeadSelection = .with {
        $0.ids = ids(5...6)
        $0.type = "summarize"
        $0.all = true
    }

    static let counts: Stint_V1_StateCounts = .with {
        $0.waiting = 1
        $0.scheduled = 20
        $0.ready = 300
        $0.leased = 4_000
        $0.completed = 50_000
        $0.dead = 600_000
        $0.cancelled = 7_000_000
    }

    static let details: Stint_V1_JobDetails = .with {
        $0.id = Data(id(7))
        $0.type = "parse_paper"
        $0.state = .dead
        $0.priority = 100
        $0.attempt = 3
        $0.attemptsMax = 4
        $0.createdMs = 1_790_000_000_001
        $0.runAtMs = 1_790_000_000_002
        $0.startedMs = 1_790_000_000_003
        $0.finishedMs = 1_790_000_000_004
        $0.error = "the file has no pages"
        $0.payload = Data(#"{"path":"paper.pdf"}"#.utf8)
        $0.result = Data("[1,2]".utf8)
        $0.progress = Data("0.5".utf8)
        $0.log = Data("read 3 pages\n".utf8)
        $0.worker = "documents-1"
        $0.attempts = [
            .with {
                $0.number = 2
                $0.outcome = "timed_out"
                $0.error = "the attempt passed its timeout"
                $0.worker = "documents-2"
                $0.startedMs = 1_790_000_000_005
                $0.finishedMs = 1_790_000_000_006
                $0.fence = FencingToken(epoch: epoch, sequence: 8).description
                $0.log = Data("opened\n".utf8)
            }
        ]
        $0.extras = extras
        $0.cancelRequested = true
        $0.outcome = "failed"
    }
}
