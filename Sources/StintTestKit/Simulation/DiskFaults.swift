import StintCore
import StintStore

/// What is wrong with the simulated disk.
final class DiskFaults {
    /// The next commit fails; it may be on the disk all the same.
    var failsCommit = false
    /// The next read fails.
    var failsRead = false
    /// There is no room: new jobs are refused, and a commit waits.
    var isFull = false
    /// Of payloads whose bits have changed.
    var corrupt: Set<Int64> = []
}

/// A reader of a disk that has ``DiskFaults``.
final class FaultyReader: StoreReader {
    private let reader: any StoreReader
    private let faults: DiskFaults

    init(_ reader: any StoreReader, _ faults: DiskFaults) {
        self.reader = reader
        self.faults = faults
    }

    private func read<Result>(_ body: (any StoreReader) throws -> Result) throws -> Result {
        if faults.failsRead {
            faults.failsRead = false
            throw BrokerProcess.End.storeFailed
        }
        return try body(reader)
    }

    func payload(serial: Int64) throws -> StoredPayload? {
        guard var stored = try read({ try $0.payload(serial: serial) }) else { return nil }
        if faults.corrupt.contains(serial) { stored.payload.append(0) }
        return stored
    }

    func row(_ id: JobID) throws -> JobRow? { try read { try $0.row(id) } }
    func row(serial: Int64) throws -> JobRow? { try read { try $0.row(serial: serial) } }
    func known(_ ids: [JobID]) throws -> [KnownJob] { try read { try $0.known(ids) } }
    func firstID(above id: JobID) throws -> JobID? { try read { try $0.firstID(above: id) } }
    func outcome(of token: FencingToken, serial: Int64) throws -> Outcome? {
        try read { try $0.outcome(of: token, serial: serial) }
    }
    func readyPage(type: TypeIndex, from position: ReadyPosition, limit: Int) throws -> JobPage {
        try read { try $0.readyPage(type: type, from: position, limit: limit) }
    }
    func scheduledPage(from position: SchedulePosition, limit: Int) throws -> JobPage {
        try read { try $0.scheduledPage(from: position, limit: limit) }
    }
    func details(_ id: JobID, attemptBytesMax: Int) throws -> StoredJob? {
        try read { try $0.details(id, attemptBytesMax: attemptBytesMax) }
    }
    func list(_ query: JobQuery) throws -> JobListing { try read { try $0.list(query) } }
    func finished(_ query: FinishedQuery) throws -> [JobRow] { try read { try $0.finished(query) } }
    func audit(after number: Int64, limit: Int) throws -> [AuditRow] {
        try read { try $0.audit(after: number, limit: limit) }
    }
    func answer(_ request: RequestID) throws -> [UInt8]? { try read { try $0.answer(request) } }
}
