import Foundation
import StintCore

// What workers say, turned into the core's own values and checked against every limit on the way.

extension WorkerHello {
    package init(decoding message: Stint_V1_WorkerHello) throws(WireError) {
        let instance = try message.instance.id(field: "worker_hello.instance")
        guard TypeName.isValid(message.name) else {
            throw .invalid(field: "worker_hello.name", "expected \(TypeName.rule)")
        }
        guard TypeName.isValid(message.pool) else {
            throw .invalid(field: "worker_hello.pool", "expected \(TypeName.rule)")
        }
        guard Limits.slots.contains(Int(message.slots)) else {
            throw .outOfRange(field: "worker_hello.slots", value: Int(message.slots), allowed: Limits.slots)
        }
        guard message.types.count <= Limits.workerTypesMax else {
            throw .outOfRange(
                field: "worker_hello.types", value: message.types.count, allowed: 0...Limits.workerTypesMax)
        }
        var types: [String] = []
        for type in message.types {
            guard TypeName.isValid(type.name) else {
                throw .invalid(field: "worker_hello.types", "expected \(TypeName.rule)")
            }
            types.append(type.name)
        }
        var held: [Held] = []
        for group in message.held {
            let state: HeldState
            switch group.state {
            case .waiting: state = .waiting
            case .running: state = .running
            case .settled: state = .settled
            case .unknown, .UNRECOGNIZED:
                throw .outOfRange(field: "worker_hello.held.state", value: group.state.rawValue, allowed: 1...3)
            }
            var leases: [LeaseReference] = []
            try LeaseGroups.decode(
                epoch: group.epoch, ids: group.ids, sequences: group.sequences, field: "worker_hello.held",
                into: &leases)
            guard held.count + leases.count <= Limits.heldLeasesMax else {
                throw .outOfRange(
                    field: "worker_hello.held", value: held.count + leases.count, allowed: 0...Limits.heldLeasesMax)
            }
            held += leases.map { Held(lease: $0, state: state) }
        }
        self.init(
            instance: InstanceID(high: instance.high, low: instance.low), incarnation: message.incarnation,
            name: message.name, pool: message.pool, types: types, slots: Int(message.slots), held: held)
    }
}

extension Stint_V1_Heartbeat {
    /// The leases it says are running.
    package func leases() throws(WireError) -> [LeaseReference] {
        var leases: [LeaseReference] = []
        for group in running {
            try LeaseGroups.decode(
                epoch: group.epoch, ids: group.ids, sequences: group.sequences, field: "heartbeat.running",
                into: &leases)
        }
        return leases
    }

    package init(number: UInt64, running leases: some Sequence<LeaseReference>) {
        self.init()
        self.number = number
        running = LeaseGroups(leases).groups.map { group in
            var running = Stint_V1_Running()
            running.epoch = group.epoch
            running.ids = group.ids
            running.sequences = group.sequences
            return running
        }
    }
}

/// A settlement with its bytes still beside it.
package struct IncomingSettlement: Sendable {
    package var settlement: Settlement
    package var result: Bytes?
    package var error: Bytes?
    package var progress: Bytes?
    package var log: Bytes?
    package var children: [IncomingGroup]
}

extension Stint_V1_Settle {
    /// Results and children up to the limits of the protocol. A smaller one that the broker is configured with ends the
    /// attempt, not the session: the worker cannot help what its handler returns.
    package func settlements() throws(WireError) -> [IncomingSettlement] {
        let ids = try self.ids.ids(field: "settle.ids")
        guard (1...Limits.settleJobsMax).contains(ids.count) else {
            throw .outOfRange(field: "settle.ids", value: ids.count, allowed: 1...Limits.settleJobsMax)
        }
        guard sequences.count == ids.count, runMicroseconds.count == ids.count,
            resultBytes.isEmpty || resultBytes.count == ids.count
        else { throw .unevenColumns("settle") }

        let buffer = [UInt8](results)
        var offset = 0
        var settlements: [IncomingSettlement] = []
        settlements.reserveCapacity(ids.count)
        for index in ids.indices {
            let token = FencingToken(epoch: epoch, sequence: sequences[index])
            var incoming = IncomingSettlement(
                settlement: Settlement(
                    id: ids[index], token: token, ending: AttemptEnding(.completed, counts: true),
                    runMicroseconds: runMicroseconds[index]),
                children: [])
            if !resultBytes.isEmpty, resultBytes[index] > 0 {
                let count = Int(resultBytes[index])
                guard count <= Limits.payloadBytesMax else {
                    throw .outOfRange(
                        field: "settle.result_bytes", value: count, allowed: 0...Limits.payloadBytesMax)
                }
                guard offset + count <= buffer.count else { throw .unevenColumns("settle.results") }
                incoming.result = Bytes(buffer, offset..<offset + count)
                offset += count
            }
            settlements.append(incoming)
        }
        guard offset == buffer.count else { throw .unevenColumns("settle.results") }
        for detail in details {
            guard Int(detail.index) < settlements.count else {
                throw .outOfRange(
                    field: "settle.details.index", value: Int(detail.index), allowed: 0...(settlements.count - 1))
            }
            try settlements[Int(detail.index)].apply(detail)
        }
        return settlements
    }
}

extension IncomingSettlement {
    fileprivate mutating func apply(_ detail: Stint_V1_SettleDetail) throws(WireError) {
        let outcome: Outcome
        let counts: Bool
        switch detail.outcome {
        case .completed: (outcome, counts) = (.completed, true)
        case .failed: (outcome, counts) = (.failed, true)
        case .errored: (outcome, counts) = (.errored, true)
        case .timedOut: (outcome, counts) = (.timedOut, true)
        case .crashed: (outcome, counts) = (.crashed, true)
        case .cancelled: (outcome, counts) = (.cancelled, false)
        case .snoozed: (outcome, counts) = (.snoozed, false)
        case .released: (outcome, counts) = (.released, false)
        case .UNRECOGNIZED(let value):
            throw .outOfRange(field: "settle.details.outcome", value: value, allowed: 0...7)
        }
        var ending = AttemptEnding(outcome, counts: counts, isPermanent: detail.permanent)
        if detail.hasRetryAfterMs {
            let most = Int(Limits.delayMax.inMilliseconds)
            guard detail.retryAfterMs <= UInt64(most) else {
                throw .outOfRange(
                    field: "settle.details.retry_after_ms", value: Int(clamping: detail.retryAfterMs), allowed: 0...most
                )
            }
            ending.retryAfter = .milliseconds(Int64(detail.retryAfterMs))
        }
        settlement.ending = ending
        error = try Self.bounded([UInt8](detail.error.utf8), Limits.errorBytesMax, "settle.details.error")
        log = try Self.bounded([UInt8](detail.log), Limits.logBytesMax, "settle.details.log")
        progress = try Self.bounded([UInt8](detail.progress), Limits.progressBytesMax, "settle.details.progress")
        children = try [IncomingGroup](
            decoding: detail.children, field: "settle.details.children", jobsMax: Limits.childrenMax,
            payloadBytesMax: Limits.payloadBytesMax)
        let bytes = detail.children.reduce(0) { $0 + $1.payloads.count }
        guard bytes <= Limits.childrenBytesMax else {
            throw .outOfRange(
                field: "settle.details.children.payloads", value: bytes, allowed: 0...Limits.childrenBytesMax)
        }
    }

    private static func bounded(_ bytes: [UInt8], _ most: Int, _ field: String) throws(WireError) -> Bytes? {
        guard bytes.count <= most else { throw .outOfRange(field: field, value: bytes.count, allowed: 0...most) }
        return bytes.isEmpty ? nil : Bytes(bytes)
    }
}

extension Stint_V1_Lost {
    package init(_ group: (epoch: UInt64, ids: Data, sequences: [UInt64]), reason: Reason) {
        self.init()
        self.reason = reason
        epoch = group.epoch
        ids = group.ids
        sequences = group.sequences
    }

    package static func groups(_ leases: some Sequence<LeaseReference>, reason: Reason) -> [Stint_V1_Lost] {
        LeaseGroups(leases).groups.map { Stint_V1_Lost($0, reason: reason) }
    }

    /// For the worker's side.
    package func leases() throws(WireError) -> [LeaseReference] {
        var leases: [LeaseReference] = []
        try LeaseGroups.decode(epoch: epoch, ids: ids, sequences: sequences, field: "lost", into: &leases)
        return leases
    }
}

extension Stint_V1_Progress {
    /// Reports of many jobs as messages that each fit a frame: a worker of thousands of slots has more to say than that.
    package static func messages(_ reports: some Sequence<(LeaseReference, Data)>) -> [Stint_V1_Progress] {
        var messages: [Stint_V1_Progress] = []
        var bytes = Int.max
        for (lease, progress) in reports {
            bytes = bytes == .max ? .max : bytes + progress.count + 64
            if bytes > Limits.messageBytesMax / 2 {
                messages.append(Stint_V1_Progress())
                bytes = progress.count + 64
            }
            var report = Report()
            report.id = Data(lease.id)
            (report.epoch, report.sequence) = (lease.token.epoch, lease.token.sequence)
            report.progress = progress
            messages[messages.count - 1].reports.append(report)
        }
        return messages
    }
}
