import Foundation
import Logging
import StintCore
import StintWire
import Synchronization

/// What one running handler says: its children and log lines wait here for the settlement, its newest progress for the
/// session's thread.
final class RunChannel: JobChannel {
    private struct State {
        var children = JobGroupsBuilder()
        var childCount = 0
        var log: [UInt8] = []
        var progress: Data?
        var reportsProgress = false
    }

    private let lease: LeaseReference
    private let outbox: ReportOutbox
    private let state = Mutex(State())

    init(lease: LeaseReference, outbox: ReportOutbox) {
        self.lease = lease
        self.outbox = outbox
    }

    func progress(_ report: Data) {
        guard report.count <= Limits.progressBytesMax else { return }
        state.withLock { $0.progress = report }
        outbox.progressed(lease, report)
    }

    func checkpoint(_ state: Data) async throws {
        guard state.count <= Limits.checkpointBytesMax else {
            throw StintError(
                Refusal(
                    .invalid,
                    """
                    a checkpoint of \(state.count) bytes is over the limit of \(Limits.checkpointBytesMax); save a \
                    reference to the data instead
                    """))
        }
        try await outbox.checkpoint(lease, state)
    }

    /// Lines beyond the limit push out the oldest.
    func log(_ level: Logger.Level, _ message: String) {
        let line = "\(WireClock.timestamp) \(level.rawValue) \(message)\n"
        state.withLock { state in
            state.log.append(contentsOf: line.utf8)
            guard state.log.count > Limits.logBytesMax else { return }
            state.log.removeFirst(state.log.count - Limits.logBytesMax)
            // Begin with a whole line.
            if let end = state.log.firstIndex(of: UInt8(ascii: "\n")) { state.log.removeSubrange(...end) }
        }
    }

    func enqueue(_ job: NewJob) throws -> JobID {
        try state.withLock { state in
            guard state.childCount < Limits.childrenMax,
                state.children.bytes + job.payload.count <= Limits.childrenBytesMax
            else {
                throw StintError(
                    Refusal(
                        .invalid,
                        """
                        a handler can enqueue at most \(Limits.childrenMax) jobs of \(Limits.childrenBytesMax) bytes \
                        together; enqueue one job that enqueues the others
                        """))
            }
            let id = job.id ?? lease.id.child(state.childCount)
            try state.children.add(job, id: id)
            state.childCount += 1
            return id
        }
    }

    /// What goes with the settlement.
    func take() -> (children: [Stint_V1_JobGroup], log: [UInt8], progress: Data?) {
        state.withLock { ($0.children.groups, $0.log, $0.progress) }
    }
}

extension JobID {
    /// The id of the nth child of a job: the same however often the parent runs, so that no child is made twice.
    func child(_ number: Int) -> JobID {
        let mixed = Digest.mixed(low, Digest.mixed(high, UInt64(number)))
        return JobID(
            high: (high & 0xFFFF_FFFF_FFFF_0000) | 0x8000 | (mixed >> 52),
            low: 0x8000_0000_0000_0000 | (Digest.mixed(mixed, low) & 0x3FFF_FFFF_FFFF_FFFF))
    }
}

/// Wall time for people, in log lines.
enum WireClock {
    static var timestamp: String {
        Date.now.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
    }
}
