import Foundation
import StintBroker
import StintCore
import StintTransport
import StintWire
import Testing

@Suite("Keys that lose their rights, and keys with some only") struct AccessTests {
    private let producer = KeyedBroker.key("web", .producer)
    private let worker = KeyedBroker.key("pool", .worker, types: ["a", "b"], children: ["b", "c"])
    private let other = KeyedBroker.key("pool-2", .worker, types: ["a"])
    private let admin = KeyedBroker.key("admin", .operator)

    private func broker() throws -> KeyedBroker { try KeyedBroker([producer, worker, other, admin]) }

    /// The leases that came to a worker.
    private func leases(_ broker: KeyedBroker, _ connection: KeyedBroker.Connection) throws -> [LeaseReference] {
        try broker.received(by: connection).flatMap { message -> [LeaseReference] in
            guard case .assign(let assign) = message else { return [] }
            return try assign.ids.ids(field: "ids").enumerated().map { offset, id in
                LeaseReference(
                    id: id,
                    token: FencingToken(epoch: assign.epoch, sequence: assign.firstSequence + UInt64(offset)))
            }
        }
    }

    private func settle(
        _ lease: LeaseReference, children: [Stint_V1_JobGroup] = []
    ) -> Stint_V1_Envelope.OneOf_Message {
        var settle = Stint_V1_Settle()
        settle.number = 1
        settle.epoch = lease.token.epoch
        settle.ids = Data(lease.id)
        settle.sequences = [lease.token.sequence]
        settle.runMicroseconds = [5]
        if !children.isEmpty {
            var detail = Stint_V1_SettleDetail()
            detail.children = children
            settle.details = [detail]
        }
        return .settle(settle)
    }

    // MARK: Types

    @Test("a worker is served with the types of its key; the others are named, and nothing of them is granted")
    func types() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer)
        let answers = try broker.hello(worker: pool, types: ["a", "secret", "b"])
        guard case .workerWelcome(let welcome)? = answers.first else {
            Issue.record("no welcome, but \(answers)")
            return
        }
        #expect(welcome.refusedTypes == ["secret"])
        try broker.hello(client: web)
        let mine = try broker.enqueue("a", from: web)
        _ = try broker.enqueue("secret", from: web)
        #expect(try leases(broker, pool).map(\.id) == [mine])
        #expect(
            try broker.auditRows().contains { $0.kind == .denied && $0.who == "pool" && $0.what.contains("secret") })
    }

    @Test("a worker of which no type is left is refused by name")
    func noTypes() throws {
        let broker = try broker()
        let answers = try broker.hello(worker: broker.connect(worker), types: ["secret", "x"])
        #expect(answers.isForbidden && !answers.isWelcome)
        let sentence = answers.refusal ?? ""
        for part in ["\"pool\"", "\"secret\", \"x\"", "stint keys new"] {
            #expect(sentence.contains(part), "\(sentence)")
        }
    }

    @Test("a child of a type that the worker's key may not enqueue fails its attempt for good, and is not stored")
    func children() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer)
        _ = try broker.hello(worker: pool, types: ["a"])
        try broker.hello(client: web)
        let parent = try broker.enqueue("a", from: web)
        let lease = try #require(try leases(broker, pool).first)
        let child = KeyedBroker.group(JobID(high: 1 << 60 | 0x7000, low: 1 << 63), "secret")
        try broker.send(settle(lease, children: [child]), from: pool, toWorkers: true)
        let reader = try broker.store.makeReader()
        #expect(try reader.row(parent)?.state == .dead)
        #expect(try reader.list(.init(limit: 10)).jobs.count == 1)
        let error = String(decoding: try #require(try reader.details(parent)).error, as: UTF8.self)
        for part in ["\"pool\"", "\"secret\"", "--children secret"] { #expect(error.contains(part), "\(error)") }
    }

    @Test("a child of a type that it may enqueue, though not take, is stored")
    func allowedChildren() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer)
        _ = try broker.hello(worker: pool, types: ["a"])
        try broker.hello(client: web)
        let parent = try broker.enqueue("a", from: web)
        let lease = try #require(try leases(broker, pool).first)
        let id = JobID(high: 1 << 60 | 0x7000, low: 1 << 63)
        try broker.send(settle(lease, children: [KeyedBroker.group(id, "c")]), from: pool, toWorkers: true)
        let reader = try broker.store.makeReader()
        #expect(try reader.row(parent)?.state == .completed)
        #expect(try reader.row(id)?.state == .ready)
    }

    @Test("a worker's life belongs to the key that began it")
    func takeover() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer)
        _ = try broker.hello(worker: pool, types: ["a"])
        try broker.hello(client: web)
        _ = try broker.enqueue("a", from: web)
        var thief = broker.connect(other)
        thief.instance = pool.instance
        #expect(try broker.hello(worker: thief, types: ["a"]).isForbidden)
        let lease = try #require(try leases(broker, pool).first)
        try broker.send(settle(lease), from: pool, toWorkers: true)
        #expect(try broker.store.makeReader().row(lease.id)?.state == .completed)
    }

    // Whose a life is, is not on the disk.
    @Test("a worker with a key lives while its HELLO waits, also at a broker that was started anew")
    func waitsAfterRestart() throws {
        var settings = BrokerState.Settings()
        settings.bounds.hellosPerSecond = 1
        let broker = try KeyedBroker([producer, worker, other], settings: settings)
        let pool = broker.connect(worker), web = broker.connect(producer)
        try broker.hello(worker: pool, types: ["a"])
        try broker.hello(client: web)
        _ = try broker.enqueue("a", from: web)
        let lease = try #require(try leases(broker, pool).first)
        try broker.restart()
        let seconds = UInt32(settings.lease.inMilliseconds / 1_000) * 3
        for _ in 0..<seconds + 2 { try broker.hello(worker: broker.connect(other), types: ["a"]) }
        for second in 0..<seconds {
            var again = broker.connect(worker)
            again.instance = pool.instance
            try broker.hello(worker: again, types: ["a"], incarnation: 2 + second)
            try broker.advance(by: .seconds(1))
        }
        #expect(broker.turn.state.leased(lease.id, under: lease.token) != nil)
    }

    // MARK: Revocation

    @Test("a revoked worker is told, loses its leases at once without an attempt, and settles nothing more")
    func revokedWorker() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer)
        _ = try broker.hello(worker: pool, types: ["a"])
        try broker.hello(client: web)
        let job = try broker.enqueue("a", from: web)
        let lease = try #require(try leases(broker, pool).first)
        try broker.revoke("pool")
        #expect(broker.received(by: pool).isForbidden)
        #expect(try broker.send(settle(lease), from: pool, toWorkers: true).isForbidden)
        let row = try #require(try broker.store.makeReader().row(job))
        #expect(row.state == .ready && row.attempt == 0)
        // Another worker gets it under a higher token.
        let second = broker.connect(other)
        _ = try broker.hello(worker: second, types: ["a"])
        let again = try #require(try leases(broker, second).first)
        #expect(again.id == job && again.token > lease.token)
        #expect(try broker.auditRows().contains { $0.kind == .keyRevoked && $0.what.contains("pool") })
    }

    @Test("a revoked client is told, and hears of no job any more")
    func revokedClient() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer), second = broker.connect(admin)
        try broker.hello(client: web)
        try broker.hello(client: second)
        let job = try broker.enqueue("a", from: web)
        var watch = Stint_V1_Watch()
        watch.request = 2
        watch.id = Data(job)
        try broker.send(.watch(watch), from: web, toWorkers: false)
        try broker.revoke("web")
        #expect(broker.received(by: web).isForbidden)
        let before = broker.received(by: web).count
        _ = try broker.hello(worker: pool, types: ["a"])
        let lease = try #require(try leases(broker, pool).first)
        try broker.send(settle(lease), from: pool, toWorkers: true)
        #expect(broker.received(by: web).count == before)
        // Nobody else is disturbed.
        #expect(try !broker.send(.getStatus(Stint_V1_GetStatus()), from: second, toWorkers: false).isForbidden)
    }

    @Test("a key that is taken off the list is as good as revoked")
    func removedKey() throws {
        let broker = try broker()
        let web = broker.connect(producer)
        try broker.hello(client: web)
        try broker.replaceKeys([admin])
        #expect(broker.received(by: web).isForbidden)
        #expect(try broker.hello(client: broker.connect(producer)).isForbidden)
        let taken = try broker.auditRows().filter { $0.kind == .keyRevoked }.map(\.what)
        #expect(
            taken.contains("key \(producer.name), taken off the list") && !taken.contains { $0.contains(admin.name) })
    }

    @Test("a key ends at its time, to the millisecond, live sessions too")
    func expiry() throws {
        let end = WallTime(milliseconds: 1_900_000_060_000)
        let short = KeyedBroker.key("short", .producer, expiresAt: end)
        let broker = try KeyedBroker([short])
        let web = broker.connect(short)
        try broker.hello(client: web)
        try broker.advance(by: .milliseconds(59_999))
        #expect(try !broker.hello(client: web).isForbidden)
        #expect(!broker.received(by: web).isForbidden)
        try broker.advance(by: .milliseconds(1))
        #expect(broker.received(by: web).isForbidden)
        let answers = try broker.hello(client: web)
        #expect(answers.isForbidden && answers.refusal?.contains("expired") == true)
    }

    @Test("a worker whose types were changed says hello again and keeps its leases")
    func changedTypes() throws {
        let broker = try broker()
        let pool = broker.connect(worker), web = broker.connect(producer)
        _ = try broker.hello(worker: pool, types: ["a", "b"])
        try broker.hello(client: web)
        _ = try broker.enqueue("a", from: web)
        let lease = try #require(try leases(broker, pool).first)
        var changed = worker
        changed.types = ["b"]
        try broker.replaceKeys([producer, changed, admin])
        guard case .sayHello? = broker.received(by: pool).last else {
            Issue.record("it was not told to say hello, but \(broker.received(by: pool))")
            return
        }
        #expect(broker.turn.state.isLeased(lease.id, under: lease.token))
    }

    // MARK: The audit log

    @Test("an operator's deeds are on record with the commit that carried them out, and the chain is whole")
    func deeds() throws {
        let broker = try broker()
        let boss = broker.connect(admin), web = broker.connect(producer)
        try broker.hello(client: boss)
        try broker.hello(client: web)
        let job = try broker.enqueue("a", from: web)
        var cancel = Stint_V1_Cancel()
        cancel.request = 1
        cancel.requestID = Data(JobID(high: 1, low: 1))
        cancel.id = Data(job)
        try broker.send(.cancel(cancel), from: boss, toWorkers: false)
        // A repetition is answered as the first and is no second deed.
        try broker.send(.cancel(cancel), from: boss, toWorkers: false)
        for (number, dryRun) in [(2, true), (3, false)] {
            var replay = Stint_V1_ReplayDead()
            replay.request = 2
            replay.requestID = Data(JobID(high: 1, low: UInt64(number)))
            replay.selection.all = true
            replay.dryRun = dryRun
            try broker.send(.replayDead(replay), from: boss, toWorkers: false)
        }
        var get = Stint_V1_GetAudit()
        get.limit = 100
        let answers = try broker.send(.getAudit(get), from: boss, toWorkers: false)
        guard case .auditAnswer(let answer)? = answers.first else {
            Issue.record("no records, but \(answers)")
            return
        }
        let rows = try broker.auditRows()
        #expect(answer.records.map(\.kind) == [1, 2] && answer.records.map(\.who) == ["admin", "admin"])
        #expect(rows.map(\.kind) == [.cancelled, .replayed] && rows[0].what.contains("\(job)"))
        #expect(AuditChain.fault(in: rows, after: nil) == nil)
    }

    @Test("a flood of refusals writes a record at once and then few")
    func flood() throws {
        let broker = try broker()
        let web = broker.connect(producer)
        try broker.hello(client: web)
        for _ in 0..<600 {
            for _ in 0..<5 { try broker.send(.getStatus(Stint_V1_GetStatus()), from: web, toWorkers: false) }
            try broker.knock("unknown keys", count: 1_000)
            try broker.advance(by: .seconds(1))
        }
        // And when it is over, what was counted is on record too.
        try broker.advance(by: .seconds(60))
        let rows = try broker.auditRows()
        #expect((16...40).contains(rows.count), "\(rows.count) records of ten minutes")
        #expect(rows.filter { $0.kind == .denied }.reduce(0) { $0 + $1.count } == 3_000)
        #expect(rows.filter { $0.kind == .authenticationFailed }.reduce(0) { $0 + $1.count } == 600_000)
        #expect(AuditChain.fault(in: rows, after: nil) == nil)
    }

    @Test("a record that is changed, taken out or put in breaks the chain")
    func chain() throws {
        let broker = try broker()
        let boss = broker.connect(producer)
        for _ in 0..<5 {
            try broker.send(.getStatus(Stint_V1_GetStatus()), from: boss, toWorkers: false)
            for _ in 0..<3 { try broker.advance(by: .seconds(61)) }  // long enough to be forgotten
        }
        let rows = try broker.auditRows()
        try #require(rows.count == 5 && AuditChain.fault(in: rows, after: nil) == nil)
        #expect(AuditChain.fault(in: rows[2...], after: rows[1]) == nil)
        #expect(AuditChain.fault(in: rows[2...], after: nil) == nil)  // what is before was removed by its age
        for change in 0..<7 {
            var forged = rows
            switch change {
            case 0: forged[2].who = "somebody else"
            case 1: forged[2].what += " "
            case 2: forged[2].at = forged[2].at + .milliseconds(1)
            case 3: forged[2].count += 1
            case 4: forged[2].kind = .cancelled
            case 5: forged.remove(at: 2)
            default:
                // Somebody who makes the digest right, too, but not those that follow.
                forged[2].who = "somebody else"
                forged[2].digest = AuditChain.digest(forged[2])
            }
            #expect(AuditChain.fault(in: forged, after: nil) != nil, "change \(change)")
        }
        var cut = rows
        cut.removeFirst()
        cut[0].number = 1
        #expect(AuditChain.fault(in: cut, after: nil) != nil)
    }

    @Test("a log whose beginning or end was cut off is not whole; one that grew too long lost its beginning rightly")
    func ends() {
        func row(_ number: Int64) -> AuditRow {
            AuditRow(
                number: number, at: WallTime(milliseconds: 1), kind: .cancelled, who: "a", what: "b", count: 1,
                previous: AuditChain.start, digest: AuditChain.start)
        }
        #expect(AuditChain.fault(from: nil, to: nil, written: 0) == nil)
        #expect(AuditChain.fault(from: nil, to: nil, written: 3) == "records 1 to 3 are missing at its end")
        #expect(AuditChain.fault(from: row(1), to: row(7), written: 7) == nil)
        #expect(AuditChain.fault(from: row(1), to: row(8), written: 7) == nil)  // one more since it was asked
        #expect(AuditChain.fault(from: row(1), to: row(6), written: 7) == "records 7 to 7 are missing at its end")
        #expect(AuditChain.fault(from: row(2), to: row(1_000_000), written: 1_000_000) != nil)
        #expect(AuditChain.fault(from: row(2), to: row(1_000_001), written: 1_000_001) == nil)
    }

    @Test("SHA-256 is the standard's")
    func digest() {
        // Computed by another implementation, from the layout that docs/PROTOCOL.md gives.
        let row = AuditRow(
            number: 1, at: WallTime(milliseconds: 1_000), kind: .cancelled, who: "a", what: "bc", count: 1,
            previous: AuditChain.start, digest: [])
        let hex = AuditChain.digest(row).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(hex == "da274c4192925881765312e1d6be6d8cf1ac8e259cecf4eeaa4896a8631318f8")
    }

    @Test("the chain goes on after a restart")
    func restart() throws {
        let broker = try broker()
        let web = broker.connect(producer)
        try broker.send(.getStatus(Stint_V1_GetStatus()), from: web, toWorkers: false)
        let store = broker.store
        let recovered = try store.recover(at: broker.now.wall)
        #expect(recovered.audit.number == 1)
        #expect(try recovered.audit.digest == broker.auditRows().last?.digest)
    }
}
