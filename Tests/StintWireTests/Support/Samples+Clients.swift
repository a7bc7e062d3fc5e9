import Foundation
import StintCore

@testable import StintWire

extension Sample {
    static let fromClients: [Sample] = [
        Sample(
            "client_hello",
            .clientHello(
                .with {
                    $0.protocolMin = 1
                    $0.protocolMax = 3
                    $0.name = "importer"
                })),
        Sample(
            "enqueue",
            .enqueue(
                .with {
                    $0.request = 11
                    $0.groups = [group]
                })),
        Sample(
            "cancel",
            .cancel(
                .with {
                    $0.request = 12
                    $0.requestID = Data(id(500))
                    $0.id = Data(id(7))
                })),
        Sample(
            "get_job",
            .getJob(
                .with {
                    $0.request = 13
                    $0.id = Data(id(7))
                })),
        Sample(
            "list_jobs",
            .listJobs(
                .with {
                    $0.request = 14
                    $0.state = .scheduled
                    $0.type = "parse_paper"
                    $0.limit = 50
                    $0.cursor = Data(id(7))
                })),
        Sample(
            "get_status",
            .getStatus(
                .with {
                    $0.request = 15
                    $0.health = true
                })),
        Sample(
            "replay_dead",
            .replayDead(
                .with {
                    $0.request = 16
                    $0.requestID = Data(id(501))
                    $0.selection = selection
                    $0.dryRun = true
                })),
        Sample(
            "discard_dead",
            .discardDead(
                .with {
                    $0.request = 17
                    $0.requestID = Data(id(502))
                    $0.selection = selection
                    $0.dryRun = true
                })),
        Sample(
            "get_audit",
            .getAudit(
                .with {
                    $0.request = 20
                    $0.after = 76
                    $0.limit = 100
                })),
        Sample(
            "watch",
            .watch(
                .with {
                    $0.request = 18
                    $0.id = Data(id(7))
                    $0.stop = true
                })),
    ]

    static let audit: Stint_V1_AuditAnswer = .with {
        $0.request = 21
        $0.last = 78
        $0.records = [
            .with {
                $0.number = 77
                $0.atMs = 1_790_000_000_009
                $0.kind = 2
                $0.who = "admin"
                $0.what = "all dead jobs"
                $0.count = 3
                $0.previous = Data(repeating: 0xAB, count: 32)
                $0.digest = Data(repeating: 0xCD, count: 32)
            }
        ]
    }

    static let refused: Stint_V1_Refused = .with {
        $0.request = 19
        $0.code = .wrongState
        $0.message = "job is completed already"
    }

    static let toClients: [Sample] = [
        Sample(
            "client_welcome",
            .clientWelcome(
                .with {
                    $0.protocol = 1
                    $0.epoch = epoch
                    $0.payloadBytesMax = 1_048_576
                    $0.windowBytes = 8_388_608
                })),
        Sample(
            "enqueued",
            .enqueued(
                .with {
                    $0.requests = [11, 20]
                    $0.withDuplicates = [
                        .with {
                            $0.request = 21
                            $0.duplicates = [0, 300]
                        }
                    ]
                    $0.refused = [refused]
                })),
        Sample(
            "cancelled",
            .cancelled(
                .with {
                    $0.request = 12
                    $0.wasRunning = true
                })),
        Sample(
            "job_answer",
            .jobAnswer(
                .with {
                    $0.request = 13
                    $0.job = details
                })),
        Sample(
            "jobs_answer",
            .jobsAnswer(
                .with {
                    $0.request = 14
                    $0.jobs = [details]
                    $0.cursor = Data(id(7))
                })),
        Sample("status_answer", .statusAnswer(status)),
        Sample(
            "operation_answer",
            .operationAnswer(
                .with {
                    $0.request = 16
                    $0.jobs = 10_000
                    $0.operation = 6
                })),
        Sample(
            "job_event",
            .jobEvent(
                .with {
                    $0.request = 18
                    $0.id = Data(id(7))
                    $0.state = .completed
                    $0.attempt = 2
                    $0.progress = Data("0.75".utf8)
                    $0.result = Data("[1,2]".utf8)
                    $0.error = "the file has no pages"
                })),
        Sample("refused", .refused(refused)),
        Sample("audit_answer", .auditAnswer(audit)),
    ]

    private static let status: Stint_V1_StatusAnswer = .with {
        $0.request = 15
        $0.counts = counts
        $0.types = [
            .with {
                $0.name = "parse_paper"
                $0.counts = counts
                $0.workers = 2
                $0.meanMicroseconds = 1_234
            }
        ]
        $0.workers = [
            .with {
                $0.name = "documents-1"
                $0.pool = "documents"
                $0.slots = 8
                $0.leases = 13
                $0.sinceMs = 1_790_000_000_007
                $0.draining = true
                $0.types = ["parse_paper"]
                $0.silentMs = 250
                $0.connected = true
                $0.withdrawn = ["summarize"]
                $0.clockAheadMs = -3_000
            }
        ]
        $0.epoch = epoch
        $0.sinceMs = 1_790_000_000_008
        $0.draining = true
        $0.operations = [
            .with {
                $0.number = 6
                $0.kind = "replay"
                $0.type = "parse_paper"
                $0.done = 500
                $0.paused = true
                $0.lookedAt = 77
            }
        ]
        $0.storeBytes = 9_876_543
        $0.storeFull = true
        $0.malformed = 42
        $0.health = health
        $0.limits = [
            .with {
                $0.name = "line_jobs"
                $0.refused = 7
            }
        ]
    }

    private static let health: Stint_V1_BrokerHealth = .with {
        $0.version = "0.1.0"
        $0.zmqVersion = "4.3.4"
        $0.sqliteVersion = "3.40.1"
        $0.wallMs = 1_790_000_000_009
        $0.logBytes = 4_194_304
        $0.freeBytes = 1_073_741_824
        $0.reserve = true
        $0.commitMicroseconds = 180
        $0.clients = 12
        $0.clientsMax = 16_384
        $0.workersMax = 4_096
        $0.typesMax = 10_000
        $0.filesOpen = 64
        $0.filesMax = 65_536
        $0.overdueLeases = 1
        $0.overdue = [
            .with {
                $0.id = Data(id(7))
                $0.type = "parse_paper"
                $0.worker = "documents-1"
                $0.ageMs = 7_200_000
                $0.timeoutMs = 3_600_000
            }
        ]
        $0.joins = [
            .with {
                $0.pool = "documents"
                $0.joined = 61
            }
        ]
        $0.leaseMs = 15_000
        $0.heartbeatMs = 5_000
        $0.uses = [
            .with {
                $0.name = "line_jobs"
                $0.of = "parse_paper"
                $0.used = 8
                $0.most = 10
            }
        ]
    }
}
