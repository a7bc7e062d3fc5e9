import Foundation
import StintCore
import StintStore

/// The disk of a simulated broker. What is on it is kept in the simplest store there is, and everything that is said is
/// held against that. In some lives the broker itself works on a ``SQLiteLife``: real files, whose writes a kill cuts in
/// two, and of which a power cut leaves what was not synced in part and in any order. Both have to tell the same.
final class LifeDisk {
    private let truth = MemoryDisk()
    private var memory: MemoryStore?
    private let sqlite: SQLiteLife?
    /// What the two tell differently.
    private(set) var problems: [String] = []

    init(_ plan: LifePlan) throws {
        sqlite = plan.disk == .memory ? nil : try SQLiteLife(seed: plan.seed, forgetsSyncs: plan.disk == .lying)
    }

    /// What is on the disk.
    var image: MemoryImage { truth.image }

    /// A process of the broker opens its store.
    func open(at wall: WallTime) throws -> RecoveredState {
        let memory = try MemoryStore(disk: truth)
        self.memory = memory
        let expected = try memory.recover(at: wall)
        guard let sqlite else { return expected }
        let found = try sqlite.open(at: wall)
        var same = expected
        same.numbers.epoch = found.numbers.epoch
        if found != same { problems.append("SQLite recovers \(found), and batch \(expected.batch) left \(same)") }
        return found
    }

    func makeReader() throws -> any StoreReader {
        if let sqlite { return try sqlite.makeReader() }
        guard let memory else { throw StoreError(.failed, "no store is open") }
        return try memory.makeReader()
    }

    func commit(_ batch: Batch) throws {
        try sqlite?.commit(batch)
        // A disk that lost a batch is found out by now, and what follows does not follow what was said.
        if problems.isEmpty { try memory?.commit(batch) }
    }

    /// The process ends, and what it was committing is on the disk or not.
    ///
    /// - Parameter isLucky: Whether it is, where nothing but chance decides.
    /// - Returns: Whether it is.
    func processEnds(committing batch: Batch?, isLucky: Bool) throws -> Bool {
        guard let memory else { return false }
        let before = image.batch
        var isOnDisk = batch != nil && isLucky
        if let sqlite {
            let found = try sqlite.processEnds(committing: batch)
            isOnDisk = batch.map { $0.number == found } ?? false
            if found != before, !isOnDisk {
                problems.append("batch \(before) was acknowledged, and after the broker's end the last one is \(found)")
            }
        }
        if isOnDisk, problems.isEmpty, let batch { try memory.commit(batch) }
        memory.close()
        self.memory = nil
        return isOnDisk
    }

    /// Asks for everything that can be asked for, once the process has ended.
    func compare(_ asked: (RecoveredState, any StoreReader) -> StoreReading.Truth, at wall: WallTime) throws {
        guard let sqlite else { return }
        let found = try sqlite.open(at: wall)
        let memory = try MemoryStore(disk: truth)
        let truth = asked(try memory.recover(at: wall), try memory.makeReader())
        let reading = StoreReading(found, try sqlite.makeReader(), against: truth)
        problems += reading.differences.map { "\($0) differs between SQLite and what was committed" } + reading.refused
        problems += try sqlite.inspect()
    }
}
