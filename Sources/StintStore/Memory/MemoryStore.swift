import StintCore
import Synchronization

/// What outlives a ``MemoryStore``: open it again on the same disk and everything committed is there.
package final class MemoryDisk: Sendable {
    struct Contents: Sendable {
        var image: MemoryImage
        var isOpen = false
    }
    let contents: Mutex<Contents>

    package init(_ image: MemoryImage = MemoryImage()) { contents = Mutex(Contents(image: image)) }
}

/// A store without a disk, for tests and simulation: the contract in its simplest form, and the reference for every
/// other store.
///
///     let crashed = MemoryStore(store.image())  // the same jobs, another life
package final class MemoryStore: Store {
    private let disk: MemoryDisk
    private let isClosed = Mutex(false)

    package init(disk: MemoryDisk) throws {
        let wasOpen = disk.contents.withLock { contents in
            defer { contents.isOpen = true }
            return contents.isOpen
        }
        if wasOpen {
            throw StoreError(.inUse, "this memory disk is open in another store. Close that store first.")
        }
        self.disk = disk
    }

    /// Opens a disk of its own that holds this image.
    package init(_ image: MemoryImage = MemoryImage()) {
        disk = MemoryDisk(image)
        disk.contents.withLock { $0.isOpen = true }
    }

    deinit { close() }

    /// What is on the disk now.
    package func image() -> MemoryImage { disk.contents.withLock { $0.image } }

    package func recover(at now: WallTime) throws -> RecoveredState {
        disk.contents.withLock { $0.image.recover(at: now) }
    }

    package func commit(_ batch: Batch) throws {
        disk.contents.withLock { $0.image.apply(batch) }
    }

    package func makeReader() throws -> any StoreReader { MemoryReader(disk) }

    package func maintain(isIdle: Bool) throws -> Bool { false }

    package func statistics() throws -> StoreStatistics {
        let commits = disk.contents.withLock { $0.image.batch }
        return StoreStatistics(bytes: 0, logBytes: 0, commits: Int64(commits), commitMicroseconds: 0, unindexed: 0)
    }

    package func close() {
        let wasClosed = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return isClosed
        }
        if !wasClosed { disk.contents.withLock { $0.isOpen = false } }
    }
}

extension MemoryImage {
    fileprivate mutating func recover(at now: WallTime) -> RecoveredState {
        numbers.epoch = Epoch.next(after: numbers.epoch, at: now)
        var state = RecoveredState(batch: batch, numbers: numbers)
        for (type, name) in types.entries {
            precondition(type.asInt == state.types.count, "type \(type.value) is numbered with a gap before it")
            state.types.append(name)
            state.counts.append(counts[type] ?? Counts())
        }
        state.workers = workers.entries.map(\.value)
        state.grants = grants.entries.map(\.value)
        let granted = Set(state.grants.lazy.flatMap(\.entries).map(\.serial))
        state.grantedJobs = granted.sorted().compactMap { jobs[$0]?.row }
        state.operations = operations.entries.map(\.value)
        if let record = audit.entries.last?.value {
            state.audit = AuditHead(number: record.number, digest: record.digest)
        }
        return state
    }
}
