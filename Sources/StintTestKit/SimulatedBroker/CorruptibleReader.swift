import StintCore
import StintStore

/// Which payloads went bad on their disk.
final class Corruption {
    var serials: Set<Int64> = []
}

/// A reader of a store whose disk loses bits: payloads named by a ``Corruption`` come back changed, all else as it is.
final class CorruptibleReader: StoreReader {
    private let reader: any StoreReader
    private let corruption: Corruption

    init(_ reader: any StoreReader, _ corruption: Corruption) {
        self.reader = reader
        self.corruption = corruption
    }

    func payload(serial: Int64) throws -> StoredPayload? {
        guard var stored = try reader.payload(serial: serial) else { return nil }
        if corruption.serials.contains(serial) { stored.payload.append(0) }
        return stored
    }

    func row(_ id: JobID) throws -> JobRow? { try reader.row(id) }
    func row(serial: Int64) throws -> JobRow? { try reader.row(serial: serial) }
    func known(_ ids: [JobID]) throws -> [KnownJob] { try reader.known(ids) }
    func firstID(above id: JobID) throws -> JobID? { try reader.firstID(above: id) }
    func outcome(of token: FencingToken, serial: Int64) throws -> Outcome? {
        try reader.outcome(of: token, serial: serial)
    }
    func readyPage(type: TypeIndex, from position: ReadyPosition, limit: Int) throws -> JobPage {
        try reader.readyPage(type: type, from: position, limit: limit)
    }
    func scheduledPage(from position: SchedulePosition, limit: Int) throws -> JobPage {
        try reader.scheduledPage(from: position, limit: limit)
    }
    func details(_ id: JobID, attemptBytesMax: Int) throws -> StoredJob? {
        try reader.details(id, attemptBytesMax: attemptBytesMax)
    }
    func list(_ query: JobQuery) throws -> JobListing { try reader.list(query) }
    func finished(_ query: FinishedQuery) throws -> [JobRow] { try reader.finished(query) }
    func answer(_ request: RequestID) throws -> [UInt8]? { try reader.answer(request) }
    func audit(after number: Int64, limit: Int) throws -> [AuditRow] { try reader.audit(after: number, limit: limit) }
}
