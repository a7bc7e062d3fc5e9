/// The workers, by instance: one process in one life each, whether connected or (after a restart of the broker) only
/// known from its grants.
package struct WorkerTable: Sendable {
    package struct Worker: Sendable {
        package var row: WorkerRow
        /// Nil: not heard since the broker started.
        package var session: SessionID?
        /// Of its session; 0 when it did not say, or was not heard since the broker started.
        package var incarnation: UInt32 = 0
        package var pool: Int32 = -1
        package var types: [TypeIndex] = []
        package var withdrawn: [TypeIndex] = []
        package var slots: Int
        /// Grant nothing more: it drains, or cannot be reached.
        package var isDraining = false
        package var isUnreachable = false
        package var heardAt: Instant
        package var connectedAt: WallTime

        /// Its leases in grant order.
        package var firstLease: Int32 = -1
        package var lastLease: Int32 = -1
        package var leases = 0
        /// Expected run time of its leases.
        package var microseconds: Int64 = 0
        package var payloadBytes: Int64 = 0
        /// Jobs chosen for it in this turn; they become grants at its end.
        package var chosen: [Int32] = []

        /// The last settlement taken from this session.
        package var settled: UInt64 = 0
        package var settledChanged = false
        package var refused: [RefusedSettlement] = []
        /// Sequence of the last lease whose frame was handed to the socket.
        package var released: UInt64 = 0

        /// Its place in the lists of its pool.
        package var appetite = Appetite.none
        package var previousHungry: Int32 = -1
        package var nextHungry: Int32 = -1
    }

    /// How much more a worker takes.
    package enum Appetite: UInt8, Sendable {
        case none
        /// Has a free slot.
        case slots
        /// Has none, but takes short jobs to have them at hand.
        case prefetch
    }

    package private(set) var all: ContiguousArray<Worker?> = []
    private var free: [Int32] = []
    private var instances: [InstanceID: Int32] = [:]
    private var sessions: [SessionID: Int32] = [:]
    package private(set) var count = 0

    package init() {}

    package func slot(of instance: InstanceID) -> Int32? { instances[instance] }
    package func slot(of session: SessionID) -> Int32? { sessions[session] }

    package subscript(slot: Int32) -> Worker {
        get {
            guard let worker = all[Int(slot)] else { preconditionFailure("no such worker") }
            return worker
        }
        _modify {
            guard all[Int(slot)] != nil else { preconditionFailure("no such worker") }
            yield &all[Int(slot)]!
        }
    }

    package mutating func add(_ worker: Worker) -> Int32 {
        precondition(instances[worker.row.instance] == nil && worker.session == nil)
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
            all[Int(slot)] = worker
        } else {
            slot = Int32(all.count)
            all.append(worker)
        }
        instances[worker.row.instance] = slot
        count += 1
        return slot
    }

    package mutating func bind(_ slot: Int32, to session: SessionID) {
        if let former = self[slot].session { sessions.removeValue(forKey: former) }
        precondition(sessions[session] == nil)
        sessions[session] = slot
        self[slot].session = session
    }

    package mutating func remove(_ slot: Int32) {
        let worker = self[slot]
        precondition(worker.leases == 0 && worker.chosen.isEmpty && worker.appetite == .none)
        if let session = worker.session { sessions.removeValue(forKey: session) }
        instances.removeValue(forKey: worker.row.instance)
        all[Int(slot)] = nil
        free.append(slot)
        count -= 1
    }

    /// Every worker, in slot order.
    package func visit(_ body: (Int32, Worker) -> Void) {
        for index in all.indices {
            if let worker = all[index] { body(Int32(index), worker) }
        }
    }
}

extension WorkerTable.Worker {
    /// How much more the worker takes now, whatever list it is in.
    ///
    /// Prefetch is time, not a number: beyond its slots a worker is given at most 10 ms of expected work per slot.
    package var hunger: WorkerTable.Appetite {
        guard session != nil, !isDraining, !isUnreachable, pool >= 0 else { return .none }
        guard leases < Limits.workerLeasesMax else { return .none }
        if leases < slots { return .slots }
        let budget = Limits.prefetch.inMicroseconds * Int64(slots)
        let bytesMax = 4 * Int64(Limits.assignBytesMax)
        return microseconds < budget && payloadBytes < bytesMax ? .prefetch : .none
    }
}
