import Foundation
import StintCore
import StintWire

/// Everything that reads what a peer sent, applied as the broker and the library do. What it gives is checked against
/// the limits it promises.
package enum Decoding {
    /// What came out.
    package enum Outcome: Sendable {
        case value, refused(WireError)

        package var isValue: Bool {
            if case .value = self { true } else { false }
        }
    }

    package struct Broken: Error { package var what: String }

    private static let payloadBytesMax = 64

    /// - Throws: ``Broken`` when a value was given that should have been refused, or a refusal that says nothing.
    package static func all(_ frame: [UInt8]) throws -> Outcome {
        do {
            try decode(Frame.decode(frame).message)
            return .value
        } catch let error as WireError {
            guard !error.description.isEmpty, error.description.utf8.count < 1_000, error.refusal.code == .invalid
            else {
                throw Broken(what: "the refusal \(error) does not fit into an answer")
            }
            if case .outOfRange(let field, let value, let allowed) = error, allowed.contains(value) {
                throw Broken(what: "\(field): \(value) was refused, although it is in \(allowed)")
            }
            return .refused(error)
        }
    }

    private static func decode(_ message: Stint_V1_Envelope.OneOf_Message) throws {
        switch message {
        case .workerHello(let hello):
            let hello = try WorkerHello(decoding: hello)
            try hold(Limits.slots.contains(hello.slots) && TypeName.isValid(hello.name), "worker_hello")
            try hold(hello.held.count <= Limits.heldLeasesMax, "worker_hello.held")
        case .heartbeat(let heartbeat):
            try hold(heartbeat.leases().count <= Limits.heldLeasesMax, "heartbeat.running")
        case .settle(let settle):
            let settlements = try settle.settlements()
            try hold((1...Limits.settleJobsMax).contains(settlements.count), "settle")
            for item in settlements {
                try hold(item.result?.count ?? 0 <= Limits.payloadBytesMax, "settle.results")
                for child in item.children { try check(child, payloadBytesMax: Limits.payloadBytesMax) }
            }
        case .enqueue(let enqueue):
            let groups = try [IncomingGroup](
                decoding: enqueue.groups, field: "enqueue.groups", jobsMax: Limits.enqueueJobsMax,
                payloadBytesMax: payloadBytesMax)
            for group in groups { try check(group) }
        case .workerWelcome(let welcome):
            let terms = try welcome.terms()
            let most: Duration = .seconds(86_400)
            try hold(terms.lease > .zero && terms.lease <= most, "worker_welcome.lease_ms")
            try hold(terms.heartbeat > .zero && terms.heartbeat <= most, "worker_welcome.heartbeat_ms")
        case .revoke(let revoke): for lost in revoke.lost { _ = try lost.leases() }
        case .progress(let progress): for report in progress.reports { _ = try report.id.id(field: "progress.id") }
        case .checkpoint(let checkpoint): _ = try checkpoint.id.id(field: "checkpoint.id")
        case .cancel(let cancel):
            _ = try cancel.requestID.id(field: "request_id")
            _ = try cancel.id.id(field: "cancel.id")
        case .getJob(let get): _ = try get.id.id(field: "get_job.id")
        case .watch(let watch): _ = try watch.id.id(field: "watch.id")
        case .replayDead(let dead): _ = try dead.selection.ids.ids(field: "selection.ids")
        case .discardDead(let dead): _ = try dead.selection.ids.ids(field: "selection.ids")
        case .assign(let assign):
            for job in try assign.jobs() { try hold(job.type < assign.types.count, "assign.type_indexes") }
        case .listJobs(let list): _ = list.state.state
        case .jobEvent(let event): _ = event.state.state
        case .jobAnswer(let answer): _ = answer.job.state.state
        case .refused(let refused): _ = refused.refusal
        case .auditAnswer(let answer): for record in answer.records { _ = try record.row() }
        case .enqueued(let enqueued): for refused in enqueued.refused { _ = refused.refusal }
        case .withdraw, .drain, .bye, .pong, .settled, .checkpointSaved, .clientHello, .getStatus, .getAudit,
            .clientWelcome, .cancelled, .jobsAnswer, .statusAnswer, .operationAnswer, .sayHello:
            break
        }
    }

    private static func check(_ group: IncomingGroup, payloadBytesMax: Int = payloadBytesMax) throws {
        try hold(!group.ids.isEmpty && group.ids.count == group.payloads.count, "the columns of a group")
        try hold(TypeName.isValid(group.type) && Limits.priorities.contains(Int(group.priority)), "a group")
        try hold(group.attempts == 0 || Limits.attempts.contains(Int(group.attempts)), "attempts")
        for payload in group.payloads { try hold(payload.count <= payloadBytesMax, "a payload") }
        let trace = try Stint_V1_JobExtras(serializedBytes: group.extras.copied).trace
        let bytes = trace.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        try hold(trace.count <= Limits.traceHeadersMax && bytes <= Limits.traceBytesMax, "extras.trace")
    }

    private static func hold(_ isTrue: Bool, _ what: String) throws {
        if !isTrue { throw Broken(what: "\(what) is beyond its limits and was not refused") }
    }
}
