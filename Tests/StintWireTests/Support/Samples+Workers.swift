import Foundation
import StintCore

@testable import StintWire

extension Sample {
    static let hello: Stint_V1_WorkerHello = .with {
        $0.protocolMin = 1
        $0.protocolMax = 3
        $0.instance = Data(id(800))
        $0.incarnation = 2
        $0.name = "documents-1"
        $0.pool = "documents"
        $0.types = [
            .with {
                $0.name = "parse_paper"
                $0.versionMin = 1
                $0.versionMax = 5
                $0.contract = Data(#"{"type":"object"}"#.utf8)
            },
            .with { $0.name = "summarize" },
        ]
        $0.slots = 8
        $0.build = "documents 1.4.0"
        $0.wallMs = 1_790_000_000_020
        let held: [(state: Stint_V1_Held.State, first: UInt64)] = [(.running, 10), (.waiting, 20), (.settled, 30)]
        $0.held = held.map { state, first in
            .with {
                $0.state = state
                $0.epoch = epoch
                $0.ids = ids(first...first + 1)
                $0.sequences = [first, first + 1]
            }
        }
    }

    static let settle: Stint_V1_Settle = .with {
        $0.number = 9
        $0.epoch = epoch
        $0.ids = ids(40...42)
        $0.sequences = [40, 41, 42]
        $0.runMicroseconds = [1_500, 0, 4_000_000_000]
        $0.resultBytes = [4, 0, 2]
        $0.results = Data("true[]".utf8)
        $0.details = [
            .with {
                $0.index = 1
                $0.outcome = .failed
                $0.error = "the file has no pages"
                $0.permanent = true
                $0.retryAfterMs = 30_000
                $0.children = [group]
                $0.log = Data("opened\n".utf8)
                $0.progress = Data(#"{"page":1}"#.utf8)
            },
            .with {
                $0.index = 2
                $0.children = [group]
            },
        ]
    }

    static let fromWorkers: [Sample] = [
        Sample("worker_hello", .workerHello(hello)),
        Sample(
            "heartbeat",
            .heartbeat(
                .with {
                    $0.number = 77
                    $0.running = [
                        .with {
                            $0.epoch = epoch - 1
                            $0.ids = ids(50...50)
                            $0.sequences = [4]
                        },
                        .with {
                            $0.epoch = epoch
                            $0.ids = ids(51...52)
                            $0.sequences = [5, 6]
                        },
                    ]
                })),
        Sample("settle", .settle(settle)),
        Sample(
            "progress",
            .progress(
                .with {
                    $0.reports = [
                        .with {
                            $0.id = Data(id(60))
                            $0.epoch = epoch
                            $0.sequence = 61
                            $0.progress = Data("0.25".utf8)
                        }
                    ]
                })),
        Sample(
            "checkpoint",
            .checkpoint(
                .with {
                    $0.number = 5
                    $0.id = Data(id(62))
                    $0.epoch = epoch
                    $0.sequence = 63
                    $0.state = Data(#"{"done":1000}"#.utf8)
                })),
        Sample(
            "withdraw",
            .withdraw(
                .with {
                    $0.type = "summarize"
                    $0.reason = "the model is not installed here"
                })),
        Sample("drain", .drain(Stint_V1_Drain())),
        Sample("bye", .bye(Stint_V1_Bye())),
    ]

    static let toWorkers: [Sample] = [
        Sample(
            "worker_welcome",
            .workerWelcome(
                .with {
                    $0.protocol = 1
                    $0.epoch = epoch
                    $0.leaseMs = 15_000
                    $0.heartbeatMs = 5_000
                    $0.lost = [lost(.leaseLost), lost(.jobCancelled)]
                    $0.payloadBytesMax = 1_048_576
                    $0.refusedTypes = ["secret"]
                })),
        Sample("pong", .pong(.with { $0.number = 77 })),
        Sample(
            "assign",
            .assign(
                .with {
                    $0.number = 3
                    $0.epoch = epoch
                    $0.firstSequence = 1_000
                    $0.ids = ids(70...71)
                    $0.types = [
                        .with {
                            $0.name = "parse_paper"
                            $0.timeoutMs = 120_000
                            $0.attemptsMax = 4
                            $0.graceMs = 10_000
                        },
                        .with { $0.name = "summarize" },
                    ]
                    $0.typeIndexes = [0, 1]
                    $0.attempts = [1, 2]
                    $0.attemptsMax = [4, 5]
                    $0.payloadBytes = [2, 4]
                    $0.payloads = Data("{}null".utf8)
                    $0.details = [
                        .with {
                            $0.index = 1
                            $0.priority = -100
                            $0.checkpoint = Data(#"{"done":1000}"#.utf8)
                            $0.extras = extras
                        }
                    ]
                })),
        Sample(
            "settled",
            .settled(
                .with {
                    $0.upTo = 9
                    $0.refused = [
                        .with {
                            $0.number = 8
                            $0.index = 1
                            $0.reason = .superseded
                        },
                        .with {
                            $0.number = 9
                            $0.index = 2
                            $0.reason = .gone
                        },
                    ]
                })),
        Sample("revoke", .revoke(.with { $0.lost = [lost(.leaseLost), lost(.jobCancelled)] })),
        Sample(
            "checkpoint_saved",
            .checkpointSaved(
                .with {
                    $0.number = 5
                    $0.refused = true
                })),
    ]
}
