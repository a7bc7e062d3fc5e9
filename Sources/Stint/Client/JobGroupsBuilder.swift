import Foundation
import StintCore
import StintWire

/// Puts jobs into the columns of the wire. Neighbours with the same type, options and trace share a group.
package struct JobGroupsBuilder {
    /// What traces may add to one message; it is some 300 groups that need not be. As much is kept free in every message,
    /// so that nothing is refused for being traced, and jobs past it go without.
    static let traceBytesMax = 32_768

    package private(set) var groups: [Stint_V1_JobGroup] = []
    /// About what they take on the wire.
    package private(set) var bytes = 0
    private var traceBytes = 0
    private var last: (type: String, options: JobOptions, trace: TraceHeaders)?

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
        let isAlike = last?.type == job.type && last?.options == job.options
        guard isAlike || TypeName.isValid(job.type) else {
            throw StintError(Refusal(.invalid, "\"\(job.type)\" is not a name of a type: expected \(TypeName.rule)"))
        }
        let headBytes = job.type.utf8.count + 32
        // A group that is set apart by its trace alone is there for tracing too.
        let splitBytes = isAlike ? headBytes : 0
        let goesOn = isAlike && last?.trace == job.trace
        let fits = traceBytes + splitBytes + job.trace.wireBytes <= Self.traceBytesMax
        let trace = goesOn || fits ? job.trace : TraceHeaders()
        if !isAlike || last?.trace != trace {
            begin(job, trace)
            bytes += headBytes - splitBytes
            traceBytes += splitBytes + trace.wireBytes
        }
        groups[groups.count - 1].ids.append(id)
        groups[groups.count - 1].payloadBytes.append(UInt32(job.payload.count))
        groups[groups.count - 1].payloads.append(job.payload)
        bytes += job.payload.count + 20
    }

    private mutating func begin(_ job: NewJob, _ trace: TraceHeaders) {
        var group = Stint_V1_JobGroup()
        group.type = job.type
        group.priority = Int32(clamping: job.options.priority)
        group.attempts = UInt32(clamping: job.options.attempts ?? 0)
        switch job.options.start {
        case .atOnce: break
        case .at(let time): group.runAtMs = max(1, time.milliseconds)
        case .after(let wait): group.delayMs = UInt64(max(0, wait.inMilliseconds))
        }
        if !trace.isEmpty { group.extras.trace = trace.encoded }
        groups.append(group)
        last = (job.type, job.options, trace)
    }
}
