import Foundation
import StintCore
import StintWire

/// Puts jobs into the columns of the wire. Neighbours with the same type and options share a group.
package struct JobGroupsBuilder {
    package private(set) var groups: [Stint_V1_JobGroup] = []
    /// About what they take on the wire.
    package private(set) var bytes = 0
    private var last: (type: String, options: JobOptions)?

    package init() {}

    package mutating func add(_ job: NewJob, id: JobID) throws(StintError) {
        guard job.payload.count <= Limits.payloadBytesMax else {
            throw StintError(
                Refusal(
                    .invalid,
                    """
                    job of type "\(job.type)" has a payload of \(job.payload.count) bytes, over the limit of \
                    \(Limits.payloadBytesMax) bytes. Store the data elsewhere and enqueue a reference to it.
                    """))
        }
        if last?.type != job.type || last?.options != job.options {
            guard TypeName.isValid(job.type) else {
                throw StintError(Refusal(.invalid, "\"\(job.type)\" is not a name of a type: expected \(TypeName.rule)"))
            }
            var group = Stint_V1_JobGroup()
            group.type = job.type
            group.priority = Int32(clamping: job.options.priority)
            group.attempts = UInt32(clamping: job.options.attempts ?? 0)
            switch job.options.start {
            case .atOnce: break
            case .at(let time): group.runAtMs = max(1, time.milliseconds)
            case .after(let wait): group.delayMs = UInt64(max(0, wait.inMilliseconds))
            }
            groups.append(group)
            last = (job.type, job.options)
            bytes += job.type.utf8.count + 32
        }
        groups[groups.count - 1].ids.append(id)
        groups[groups.count - 1].payloadBytes.append(UInt32(job.payload.count))
        groups[groups.count - 1].payloads.append(job.payload)
        bytes += job.payload.count + 20
    }
}
