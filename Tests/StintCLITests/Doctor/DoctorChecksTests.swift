import Foundation
import StintCore
import StintWire
import Testing

@testable import Stint
@testable import StintCLI

// Goal: each finding appears when its cause is there, and not a step before. Method: a cluster with nothing wrong, broken in
// one place at a time; both sides of each bound.
@Suite("stint doctor: the checks") struct DoctorChecksTests {
    @Test("of a cluster with nothing wrong nothing is said")
    func healthy() { #expect(HealthyCluster.findings() == []) }

    @Test("findings come worst first, and each has a sentence and a fix without a full stop")
    func form() {
        let findings = HealthyCluster.findings {
            $0.status.health.sqliteVersion = "3.40.1"
            $0.status.draining = true
            $0.status.health.zmqVersion = "4.3.2"
            $0.store.files[1].mode = 0o100_644
        }
        #expect(findings.map(\.severity) == [.problem, .warning, .warning, .note])
        for finding in findings {
            #expect(!finding.sentence.hasSuffix(".") && !finding.fix.hasSuffix(".") && !finding.fix.isEmpty)
            #expect(finding.code.contains("."))
        }
    }

    // MARK: The broker

    @Test("a broker that does not answer is absent, or silent when its process has the store")
    func absent() {
        #expect(HealthyCluster.findings { $0.hasBroker = false }.map(\.severity) == [.warning])
        #expect(HealthyCluster.codes { $0.hasBroker = false } == ["broker.absent"])
        let silent = HealthyCluster.findings {
            $0.hasBroker = false
            $0.store.holder = 4_711
        }
        #expect(silent.map(\.code) == ["broker.silent"] && silent[0].severity == .problem)
        #expect(silent[0].sentence.contains("process 4711"))
    }

    @Test("a draining broker, a full disk and a missing reserve are told")
    func brokerStates() {
        #expect(HealthyCluster.codes { $0.status.draining = true } == ["broker.draining"])
        #expect(
            HealthyCluster.codes {
                $0.status.storeFull = true
                $0.status.health.reserve = false
            } == ["broker.disk-full"])
        #expect(HealthyCluster.codes { $0.status.health.reserve = false } == ["broker.no-reserve"])
    }

    @Test("a mean commit of more than 50 ms is slow")
    func slowCommits() {
        #expect(HealthyCluster.codes { $0.status.health.commitMicroseconds = 50_000 } == [])
        #expect(HealthyCluster.codes { $0.status.health.commitMicroseconds = 50_001 } == ["broker.commits-slow"])
    }

    // MARK: Clocks

    @Test("a broker whose clock lies more than 2 s outside of the question is told, in either direction")
    func brokerClock() {
        func codes(_ milliseconds: Int64) -> [String] {
            HealthyCluster.codes { $0.status.health.wallMs = HealthyCluster.now.milliseconds + milliseconds }
        }
        #expect(codes(2_005) == [] && codes(-2_005) == [])
        #expect(codes(2_006) == ["clock.broker"] && codes(-2_006) == ["clock.broker"])
    }

    @Test("a worker whose clock was more than 2 s off is named; one that did not tell is not")
    func workerClock() {
        func codes(_ milliseconds: Int64) -> [String] {
            HealthyCluster.codes { $0.status.workers[0].clockAheadMs = milliseconds }
        }
        #expect(codes(0) == [] && codes(2_000) == [] && codes(-2_000) == [])
        #expect(codes(2_001) == ["clock.worker"] && codes(-2_001) == ["clock.worker"])
    }

    @Test("a clock more than a minute behind the epoch was set back, with a broker and without")
    func behindStore() {
        let seconds = UInt64(HealthyCluster.now.milliseconds / 1_000)
        #expect(HealthyCluster.codes { $0.status.epoch = seconds + 60 } == [])
        #expect(HealthyCluster.codes { $0.status.epoch = seconds + 61 } == ["clock.behind-store"])
        let alone = HealthyCluster.codes {
            $0.hasBroker = false
            $0.store.epoch = seconds + 61
        }
        #expect(alone == ["clock.behind-store", "broker.absent"])
    }

    // MARK: Leases and operations

    @Test("leases that no rule should have let live are a problem that names the oldest")
    func overdue() throws {
        let findings = HealthyCluster.findings {
            $0.status.health.overdueLeases = 3
            $0.status.health.overdue = [
                .with {
                    $0.id = Data(JobID(high: 1, low: 2))
                    $0.type = "mail"
                    $0.worker = "tools.1"
                    $0.ageMs = 7_200_000
                    $0.timeoutMs = 3_600_000
                }
            ]
        }
        #expect(findings.map(\.code) == ["leases.overdue"])
        #expect(
            findings[0].sentence.hasPrefix("3 leases are older") && findings[0].sentence.contains("for 2h where 1h"))
    }

    @Test("jobs of a worker that is silent for more than two heartbeats, or not connected, are in doubt")
    func inDoubt() {
        #expect(HealthyCluster.codes { $0.status.workers[0].silentMs = 10_000 } == [])
        #expect(HealthyCluster.codes { $0.status.workers[0].silentMs = 10_001 } == ["leases.in-doubt"])
        #expect(HealthyCluster.codes { $0.status.workers[0].connected = false } == ["leases.in-doubt"])
        #expect(
            HealthyCluster.codes {
                $0.status.workers[0].connected = false
                $0.status.workers[0].leases = 0
            } == [], "it holds nothing")
    }

    @Test("an operation that did not move between two questions is stuck; one that moved, rests or ended is not")
    func operations() {
        func codes(_ change: (inout Stint_V1_StatusAnswer) -> Void) -> [String] {
            HealthyCluster.codes {
                $0.status.operations = [
                    .with {
                        $0.number = 6
                        $0.kind = "replay"
                        $0.done = 500
                        $0.lookedAt = 900
                    }
                ]
                $0.later = $0.status
                change(&$0.later!)
            }
        }
        #expect(codes { _ in } == ["operations.stuck"])
        #expect(codes { $0.operations[0].done = 501 } == [])
        #expect(codes { $0.operations[0].lookedAt = 901 } == [])
        #expect(codes { $0.operations[0].paused = true } == [])
        #expect(codes { $0.operations = [] } == [])
        #expect(codes { $0.draining = true } == [], "the next broker goes on with it")
    }

    // MARK: Types and pools

    @Test("jobs without a worker are told by type, ten of them by name")
    func unserved() {
        #expect(HealthyCluster.codes { $0.status.types[0].workers = 0 } == ["types.no-worker"])
        #expect(
            HealthyCluster.codes {
                $0.status.types[0].workers = 0
                $0.status.types[0].counts.ready = 0
            } == [], "nothing waits")
        let many = HealthyCluster.findings {
            $0.status.types = (0..<12).map { number in
                .with {
                    $0.name = "type-\(number)"
                    $0.counts.waiting = 1
                }
            }
        }
        #expect(many.count == 11)
        #expect(many.last?.sentence == "2 more types have jobs and no worker")
    }

    @Test("a type that a worker withdrew is told")
    func withdrawn() {
        #expect(HealthyCluster.codes { $0.status.workers[0].withdrawn = ["mail"] } == ["types.withdrawn"])
    }

    @Test("a pool whose workers join again and again is told; an upgrade is not")
    func restarting() {
        func codes(_ joined: UInt32) -> [String] {
            HealthyCluster.codes {
                $0.status.health.joins = [
                    .with {
                        $0.pool = "tools"
                        $0.joined = joined
                    }
                ]
            }
        }
        #expect(codes(8) == [])
        #expect(codes(9) == ["pools.restarting"])
    }

    // MARK: Limits, files, addresses, versions

    @Test("a limit is near at 80 %")
    func limits() {
        #expect(HealthyCluster.codes { $0.status.health.filesOpen = 52_428 } == [])
        #expect(HealthyCluster.codes { $0.status.health.filesOpen = 52_429 } == ["limits.files"])
        #expect(HealthyCluster.codes { $0.status.health.clients = 13_108 } == ["limits.clients"])
        #expect(HealthyCluster.codes { $0.status.health.workersMax = 1 } == ["limits.workers"])
        #expect(HealthyCluster.codes { $0.status.health.typesMax = 1 } == ["limits.types"])
        #expect(HealthyCluster.codes { $0.host.openFiles.hard = 4_096 } == [])
        #expect(HealthyCluster.codes { $0.host.openFiles.hard = 4_095 } == ["limits.open-files"])
    }

    @Test(
        "what the broker says of its limits is told from 80 % on, by what it is of",
        arguments: [
            ("connections", "workers", "limits.connections"), ("key_sessions", "web", "limits.key-sessions"),
            ("requests", "", "limits.requests"), ("watches", "", "limits.watches"), ("memory", "", "limits.memory"),
            ("line_jobs", "mail", "limits.line-jobs"), ("line_bytes", "mail", "limits.line-bytes"),
            ("of_tomorrow", "x", "limits.of-tomorrow"),
        ])
    func uses(name: String, of: String, code: String) {
        func findings(_ used: UInt64) -> [Finding] {
            HealthyCluster.findings {
                $0.status.health.uses = [
                    .with {
                        $0.name = name
                        $0.of = of
                        $0.used = used
                        $0.most = 1_000
                    }
                ]
            }
        }
        #expect(findings(799) == [])
        let near = findings(800)
        #expect(near.map(\.code) == [code] && near.allSatisfy { $0.severity == .warning })
        #expect(near.allSatisfy { of.isEmpty || ($0.sentence + $0.fix).contains(of) })
    }

    @Test("limits that were reached are worth a note; reports of progress that were drawn together are not")
    func refused() {
        func reached(_ name: String) -> [Finding] {
            HealthyCluster.findings {
                $0.status.limits = [
                    .with {
                        $0.name = name
                        $0.refused = 3
                    }
                ]
            }
        }
        #expect(reached("progress") == [])
        let findings = reached("line_jobs")
        #expect(findings.map(\.code) == ["limits.refused"] && findings.allSatisfy { $0.severity == .note })
        #expect(findings.allSatisfy { $0.sentence.contains("line_jobs 3") })
    }

    @Test("files that others may read or write are told; a folder that others may only list is not")
    func files() {
        #expect(HealthyCluster.codes { $0.store.files[0].mode = 0o040_755 } == [])
        #expect(HealthyCluster.codes { $0.store.files[0].mode = 0o040_777 } == ["files.writable"])
        #expect(HealthyCluster.codes { $0.store.files[1].mode = 0o100_640 } == ["files.readable"])
        #expect(HealthyCluster.codes { $0.store.files[2].mode = 0o100_660 } == ["files.writable"])
    }

    @Test(
        "an address that other hosts can reach is told",
        arguments: [
            ("tcp://127.0.0.1:7411", false), ("tcp://localhost:7411", false), ("tcp://[::1]:7411", false),
            ("ipc:///run/stint/c", false), ("tcp://*:7411", true), ("tcp://0.0.0.0:7411", true),
            ("tcp://10.0.0.7:7411", true), ("tcp://[2001:db8::1]:7411", true),
        ])
    func addresses(address: String, isOpen: Bool) {
        let findings = HealthyCluster.findings { $0.cluster.broker.bind.clients = address }
        #expect(findings.map(\.code) == (isOpen ? ["address.open"] : []))
        // Without keys no broker starts there.
        #expect(findings.allSatisfy { $0.severity == .problem })
        let locked = HealthyCluster.findings {
            $0.cluster.broker.bind.clients = address
            $0.cluster.security = .init()
        }
        #expect(locked.map(\.code) == findings.map(\.code) && locked.allSatisfy { $0.severity == .note })
    }

    @Test("a key is told 14 days before it expires, and from its end on; a secret that others may read is told")
    func keys() {
        func codes(_ milliseconds: Int64) -> [String] {
            HealthyCluster.codes {
                $0.keys[0].expiresAt = WallTime(milliseconds: HealthyCluster.now.milliseconds + milliseconds)
            }
        }
        #expect(codes(14 * 86_400_000 + 1) == [])
        #expect(codes(14 * 86_400_000) == ["keys.expiring"] && codes(1) == ["keys.expiring"])
        #expect(codes(0) == ["keys.expired"])
        #expect(HealthyCluster.codes { $0.keys[0].expiresAt = nil } == [])
        #expect(HealthyCluster.codes { $0.keys[0].secretFile?.mode = 0o100_640 } == ["keys.readable"])
    }

    @Test("a folder of keys that is open, a list that cannot be read, and an exchange of the server's key are told")
    func keyFolder() {
        func findings(_ change: (inout DoctorFacts.KeyFolderFacts, inout ClusterConfig) -> Void) -> [Finding] {
            HealthyCluster.findings {
                var folder = DoctorFacts.KeyFolderFacts(folder: .init(path: "/keys", mode: 0o040_700))
                $0.cluster.security = .init()
                change(&folder, &$0.cluster)
                $0.keyFolder = folder
            }
        }
        #expect(findings { _, _ in } == [])
        let open = findings { folder, _ in folder.folder.mode = 0o040_750 }
        #expect(open.map(\.code) == ["keys.folder"] && open[0].severity == .problem)
        let damaged = findings { folder, _ in folder.listTrouble = "\"/keys/known.json\" is damaged. Restore it." }
        #expect(damaged.map(\.code) == ["keys.list"] && damaged[0].severity == .problem)
        #expect(damaged[0].fix.hasSuffix("is damaged. Restore it"))
        let begun = findings { folder, _ in folder.isExchanging = true }
        #expect(begun.map(\.code) == ["keys.exchange"] && begun[0].severity == .warning)
        let placed = findings { folder, cluster in
            folder.isExchanging = true
            cluster.security?.former = .init(clients: "ipc:///c", workers: "ipc:///w")
        }
        #expect(placed.map(\.code) == ["keys.exchange"] && placed[0].severity == .note)
    }

    @Test("a broker that could not be asked for want of a key is not called absent")
    func notAsked() {
        let findings = HealthyCluster.findings {
            $0.hasBroker = false
            $0.whyNotAsked = "this key is of role producer and may not read the status."
        }
        #expect(findings.map(\.code) == ["broker.not-asked"] && findings[0].severity == .warning)
        #expect(findings[0].sentence.hasSuffix("may not read the status"))
    }

    @Test("versions with known faults, and a broker of another release")
    func versions() {
        #expect(HealthyCluster.codes { $0.status.health.version = "0.0.9" } == ["versions.broker"])
        #expect(HealthyCluster.codes { $0.status.health.zmqVersion = "4.3.3" } == [])
        #expect(HealthyCluster.codes { $0.status.health.zmqVersion = "4.3.2" } == ["versions.libzmq"])
        #expect(HealthyCluster.codes { $0.status.health.sqliteVersion = "3.51.2" } == ["versions.sqlite"])
        #expect(HealthyCluster.findings { $0.status.health.sqliteVersion = "3.40.1" }.map(\.severity) == [.note])
    }
}
