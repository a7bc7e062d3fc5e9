import Foundation
import StintCore

/// Jobs on their way in that share type and options: what a `JobGroup` says, checked against every limit.
package struct IncomingGroup: Sendable {
    package var type: String
    package var priority: Int16
    /// 0: the type's policy.
    package var attempts: UInt16
    package var start: Start
    /// Encoded `JobExtras`, or empty.
    package var extras: Bytes
    package var ids: [JobID]
    package var payloads: [Bytes]

    package enum Start: Hashable, Sendable {
        case atOnce
        case at(WallTime)
        case after(Duration)
    }
}

extension IncomingGroup {
    /// - Parameter field: What errors name, such as `enqueue.groups[0]`.
    package init(
        decoding message: Stint_V1_JobGroup, field: String, payloadBytesMax: Int
    ) throws(WireError) {
        guard TypeName.isValid(message.type) else {
            throw .invalid(field: "\(field).type", "expected \(TypeName.rule)")
        }
        guard Limits.priorities.contains(Int(message.priority)) else {
            throw .outOfRange(field: "\(field).priority", value: Int(message.priority), allowed: Limits.priorities)
        }
        guard message.attempts == 0 || Limits.attempts.contains(Int(message.attempts)) else {
            throw .outOfRange(field: "\(field).attempts", value: Int(message.attempts), allowed: Limits.attempts)
        }
        type = message.type
        priority = Int16(message.priority)
        attempts = UInt16(message.attempts)
        start = try Self.start(of: message, field: field)
        ids = try message.ids.ids(field: "\(field).ids")
        // Or a million groups without a job would fit into one frame.
        guard !ids.isEmpty else {
            throw .outOfRange(field: "\(field).ids", value: 0, allowed: 1...Limits.enqueueJobsMax)
        }
        guard ids.count == message.payloadBytes.count else { throw .unevenColumns(field) }
        payloads = try Self.split(message, field: field, payloadBytesMax: payloadBytesMax)
        extras = message.hasExtras ? try message.extras.checked(field: "\(field).extras") : Bytes([])
    }

    private static func start(of message: Stint_V1_JobGroup, field: String) throws(WireError) -> Start {
        let most = Limits.delayMax.inMilliseconds
        if message.delayMs > 0 {
            guard message.delayMs <= UInt64(most) else {
                throw .outOfRange(
                    field: "\(field).delay_ms", value: Int(clamping: message.delayMs), allowed: 0...Int(most))
            }
            return .after(.milliseconds(Int64(message.delayMs)))
        }
        guard message.runAtMs != 0 else { return .atOnce }
        // Up to the year 10 000; beyond it the arithmetic of times is not defined.
        let times = 0...253_402_300_800_000
        guard times.contains(Int(message.runAtMs)) else {
            throw .outOfRange(field: "\(field).run_at_ms", value: Int(message.runAtMs), allowed: times)
        }
        return .at(WallTime(milliseconds: message.runAtMs))
    }

    private static func split(
        _ message: Stint_V1_JobGroup, field: String, payloadBytesMax: Int
    ) throws(WireError) -> [Bytes] {
        let buffer = [UInt8](message.payloads)
        var payloads: [Bytes] = []
        payloads.reserveCapacity(message.payloadBytes.count)
        var offset = 0
        for bytes in message.payloadBytes {
            guard Int(bytes) <= payloadBytesMax else {
                throw .invalid(
                    field: "\(field).payload_bytes",
                    """
                    job of type "\(message.type)" has a payload of \(bytes) bytes, over the limit of \
                    \(payloadBytesMax) bytes. Store the data elsewhere and enqueue a reference to it.
                    """)
            }
            guard offset + Int(bytes) <= buffer.count else { throw .unevenColumns("\(field).payloads") }
            payloads.append(Bytes(buffer, offset..<offset + Int(bytes)))
            offset += Int(bytes)
        }
        guard offset == buffer.count else { throw .unevenColumns("\(field).payloads") }
        return payloads
    }
}

extension [IncomingGroup] {
    /// All groups of one message.
    package init(
        decoding groups: [Stint_V1_JobGroup], field: String, jobsMax: Int, payloadBytesMax: Int
    ) throws(WireError) {
        self = []
        var jobs = 0
        for (index, group) in groups.enumerated() {
            let decoded = try IncomingGroup(
                decoding: group, field: "\(field)[\(index)]", payloadBytesMax: payloadBytesMax)
            jobs += decoded.ids.count
            guard jobs <= jobsMax else { throw .outOfRange(field: field, value: jobs, allowed: 1...jobsMax) }
            append(decoded)
        }
    }
}
