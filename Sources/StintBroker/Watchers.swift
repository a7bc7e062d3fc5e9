import Foundation
import StintCore
import StintWire

/// Clients that want to know what becomes of a job.
struct Watchers {
    private struct Watcher {
        var session: SessionID
        var request: UInt64
    }
    private var watchers: [JobID: [Watcher]] = [:]  // for lookup only
    /// What each session watches, to forget it without a walk.
    private var watched: [SessionID: Set<JobID>] = [:]  // for lookup only
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var isFull: Bool { count >= Limits.watchesMax }

    mutating func add(_ id: JobID, session: SessionID, request: UInt64) {
        remove(id, session: session)
        watchers[id, default: []].append(Watcher(session: session, request: request))
        watched[session, default: []].insert(id)
        count += 1
    }

    mutating func remove(_ id: JobID, session: SessionID) {
        guard var list = watchers[id] else { return }
        let before = list.count
        list.removeAll { $0.session == session }
        count -= before - list.count
        watchers[id] = list.isEmpty ? nil : list
        unlink(id, from: session)
    }

    mutating func forget(_ session: SessionID) {
        for id in watched[session] ?? [] { remove(id, session: session) }
    }

    private mutating func unlink(_ id: JobID, from session: SessionID) {
        watched[session]?.remove(id)
        if watched[session]?.isEmpty ?? false { watched[session] = nil }
    }

    /// A row was decided. A final state ends the watch.
    mutating func changed(_ write: JobWrite, result: Bytes?, error: Bytes?, gate: UInt64, into outbox: inout Outbox) {
        guard let list = watchers[write.row.id] else { return }
        var event = Stint_V1_JobEvent()
        event.id = Data(write.row.id)
        event.state = write.kind == .delete ? .stateUnknown : Stint_V1_JobState(write.row.state)
        event.attempt = UInt32(write.row.attempt)
        if let result { event.result = Data(result.copied) }
        if let error { event.error = String(decoding: error.copied, as: UTF8.self) }
        tell(list, event, gate: gate, into: &outbox)
        if write.row.state.isFinal || write.kind == .delete {
            count -= list.count
            watchers[write.row.id] = nil
            for watcher in list { unlink(write.row.id, from: watcher.session) }
        }
    }

    func leased(_ job: AssignedJob, gate: UInt64, into outbox: inout Outbox) {
        guard let list = watchers[job.id] else { return }
        var event = Stint_V1_JobEvent()
        event.id = Data(job.id)
        event.state = .leased
        event.attempt = UInt32(job.attempt)
        tell(list, event, gate: gate, into: &outbox)
    }

    func progressed(_ id: JobID, _ progress: Bytes, gate: UInt64, into outbox: inout Outbox) {
        guard let list = watchers[id] else { return }
        var event = Stint_V1_JobEvent()
        event.id = Data(id)
        event.state = .leased
        event.progress = Data(progress.copied)
        tell(list, event, gate: gate, into: &outbox)
    }

    private func tell(
        _ list: [Watcher], _ event: Stint_V1_JobEvent, gate: UInt64, into outbox: inout Outbox
    ) {
        // The result is one piece of memory, however many are told of it.
        var shared = event.result.count + event.progress.count
        for watcher in list {
            var event = event
            event.request = watcher.request
            outbox.add(.event(watcher.session, event, bytes: shared + event.error.utf8.count), gate: gate)
            shared = 0
        }
    }
}
