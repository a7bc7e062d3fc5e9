import Foundation
import StintBroker
import StintCore
import StintStore
import StintTransport
import StintWire

/// A broker that knows some keys: the real turn on a store in memory, with time moved by hand. Who sends a message is
/// said beside it, as the socket would.
final class KeyedBroker {
    let store = MemoryStore()
    private(set) var turn: BrokerTurn
    private(set) var now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000), wall: WallTime(milliseconds: 1_900_000_000_000))
    private(set) var keys: [KnownKey]
    private(set) var sent: [(to: PeerAddress, message: Stint_V1_Envelope.OneOf_Message)] = []

    private let settings: BrokerState.Settings

    init(_ keys: [KnownKey], settings: BrokerState.Settings = .init()) throws {
        self.keys = keys
        self.settings = settings
        turn = try Self.open(store, keys, settings, at: now)
    }

    private static func open(
        _ store: MemoryStore, _ keys: [KnownKey], _ settings: BrokerState.Settings, at now: Moment
    ) throws -> BrokerTurn {
        BrokerTurn(
            try store.recover(at: now.wall),
            configuration: .init(settings: settings, seed: 1, keys: try KnownKeys(keys)),
            reader: try store.makeReader(), at: now)
    }

    /// The process ends, and the next one begins with what is on the disk.
    func restart() throws { turn = try Self.open(store, keys, settings, at: now) }

    static func key(
        _ name: String, _ role: Role, types: [String]? = nil, children: [String]? = nil, expiresAt: WallTime? = nil
    ) -> KnownKey {
        KnownKey(
            name: name, role: role, types: types, children: children, publicKey: KeyPair().publicKey,
            createdAt: WallTime(milliseconds: 1_800_000_000_000), expiresAt: expiresAt)
    }

    // MARK: Peers

    /// A connection, with the key that it proved.
    struct Connection {
        let address: PeerAddress
        let user: UserID?
        let session: SessionID
        var instance = InstanceID(high: 1, low: 1)
    }

    private var connections: UInt32 = 0

    func connect(_ key: KnownKey?) -> Connection {
        connections += 1
        return Connection(
            address: PeerAddress(simulated: connections), user: key.map { UserID($0.publicKey) },
            session: SessionID(UInt64(connections)), instance: InstanceID(high: 7, low: UInt64(connections)))
    }

    /// Sends a message to a socket, takes a turn, and answers what came back to this connection.
    @discardableResult
    func send(
        _ message: Stint_V1_Envelope.OneOf_Message, from connection: Connection, toWorkers: Bool
    ) throws -> [Stint_V1_Envelope.OneOf_Message] {
        let frame = Frame.encode(message, session: connection.session.value)
        let before = sent.count
        if toWorkers {
            try turn.receive(fromWorker: frame, at: connection.address, by: connection.user, now: now)
        } else {
            try turn.receive(fromClient: frame, at: connection.address, by: connection.user, now: now)
        }
        try run()
        return sent[before...].filter { $0.to == connection.address }.map(\.message)
    }

    func run() throws {
        for _ in 0..<4 {
            _ = try turn.finish(at: now)
            if let batch = turn.takeBatch() {
                try store.commit(batch)
                turn.committed(batch.number, at: now)
            }
            while let frame = try turn.nextFrame() {
                sent.append((frame.peer, try Frame.decode(frame.body).message))
                turn.sent(frame)
            }
        }
    }

    func advance(by duration: Duration) throws {
        now = Moment(instant: now.instant + duration, wall: now.wall + duration)
        try run()
    }

    /// What came to this connection, without asking.
    func received(by connection: Connection) -> [Stint_V1_Envelope.OneOf_Message] {
        sent.filter { $0.to == connection.address }.map(\.message)
    }

    // MARK: Keys

    func replaceKeys(_ keys: [KnownKey]) throws {
        self.keys = keys
        turn.take(try KnownKeys(keys), at: now)
        try run()
    }

    func revoke(_ name: String) throws {
        try replaceKeys(
            keys.map { key in
                guard key.name == name else { return key }
                var revoked = key
                revoked.revokedAt = now.wall
                return revoked
            })
    }

    func knock(_ who: String, count: Int = 1) throws {
        turn.take([RefusedKnock(who: who, what: "clients: unknown key", count: count)], at: now)
        try run()
    }

    // MARK: Messages

    @discardableResult
    func hello(worker connection: Connection, types: [String], slots: Int = 4, incarnation: UInt32 = 1) throws
        -> [Stint_V1_Envelope.OneOf_Message]
    {
        var hello = Stint_V1_WorkerHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.instance = Data(JobID(high: connection.instance.high, low: connection.instance.low))
        hello.incarnation = incarnation
        hello.name = "w"
        hello.pool = "p"
        hello.slots = UInt32(slots)
        hello.types = types.map { name in
            var type = Stint_V1_ServedType()
            type.name = name
            return type
        }
        return try send(.workerHello(hello), from: connection, toWorkers: true)
    }

    @discardableResult
    func hello(client connection: Connection) throws -> [Stint_V1_Envelope.OneOf_Message] {
        var hello = Stint_V1_ClientHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        return try send(.clientHello(hello), from: connection, toWorkers: false)
    }

    private var ids: UInt64 = 0

    func enqueue(_ type: String, from connection: Connection) throws -> JobID {
        ids += 1
        let id = JobID(high: UInt64(now.wall.milliseconds) << 16 | 0x7000, low: 0x8000_0000_0000_0000 | ids)
        var enqueue = Stint_V1_Enqueue()
        enqueue.request = 1
        enqueue.groups = [Self.group(id, type)]
        try send(.enqueue(enqueue), from: connection, toWorkers: false)
        return id
    }

    static func group(_ id: JobID, _ type: String) -> Stint_V1_JobGroup {
        var group = Stint_V1_JobGroup()
        group.type = type
        group.ids = Data(id)
        group.payloadBytes = [2]
        group.payloads = Data("{}".utf8)
        return group
    }

    /// The audit log as it is on the disk.
    func auditRows() throws -> [AuditRow] { try store.makeReader().audit(after: 0, limit: 1_000) }
}

extension [Stint_V1_Envelope.OneOf_Message] {
    var isForbidden: Bool {
        contains { if case .refused(let refused) = $0 { refused.code == .forbidden } else { false } }
    }

    /// The sentence of a refusal.
    var refusal: String? {
        for case .refused(let refused) in self { return refused.message }
        return nil
    }

    var isWelcome: Bool {
        contains {
            switch $0 {
            case .workerWelcome, .clientWelcome: true
            default: false
            }
        }
    }
}

/// A broker without keys.
final class PlainBroker {
    private let store = MemoryStore()
    private var turn: BrokerTurn
    private let now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000), wall: WallTime(milliseconds: 1_900_000_000_000))

    init() {
        do {
            turn = BrokerTurn(
                try store.recover(at: now.wall), configuration: .init(seed: 1), reader: try store.makeReader(), at: now)
        } catch {
            preconditionFailure("a store in memory cannot fail: \(error)")
        }
    }

    func send(
        _ message: Stint_V1_Envelope.OneOf_Message, toWorkers: Bool
    ) throws -> [Stint_V1_Envelope.OneOf_Message] {
        let frame = Frame.encode(message, session: 1)
        let peer = PeerAddress(simulated: 1)
        if toWorkers {
            try turn.receive(fromWorker: frame, at: peer, now: now)
        } else {
            try turn.receive(fromClient: frame, at: peer, now: now)
        }
        _ = try turn.finish(at: now)
        var answers: [Stint_V1_Envelope.OneOf_Message] = []
        while let frame = try turn.nextFrame() { answers.append(try Frame.decode(frame.body).message) }
        return answers
    }
}
