import Foundation
import StintCore
import StintStore

/// The store of a simulated broker in real files, on a ``TestDisk``. Whenever its process ends, a commit or a checkpoint
/// under way is cut at one of its writes or syncs, and half of the time the power goes as well.
final class SQLiteLife {
    private let disk: TestDisk
    private let root: String
    private var images = CrashImages()
    private var random: SeededRandom
    private let forgetsSyncs: Bool
    private var store: SQLiteStore?
    private var path: String { disk.folder + "/stint.db" }

    init(seed: UInt64, forgetsSyncs: Bool) throws {
        self.forgetsSyncs = forgetsSyncs
        root = DiskTrial.folder("life")
        try FileManager.default.createDirectory(atPath: root + "/disk", withIntermediateDirectories: true)
        disk = TestDisk(folder: root + "/disk")
        random = Chance(seed, .disk).random
    }

    deinit {
        store?.close()
        disk.unmount()
        try? FileManager.default.removeItem(atPath: root)
    }

    func open(at wall: WallTime) throws -> RecoveredState {
        let store = try SQLiteStore(path: path)
        self.store = store
        disk.noteLock(isSynced: false)
        let recovered = try store.recover(at: wall)
        disk.noteLock(isSynced: true)
        takeEvents()
        return recovered
    }

    func makeReader() throws -> any StoreReader { try opened().makeReader() }

    func commit(_ batch: Batch) throws {
        let store = try opened()
        try store.commit(batch)
        if random.next(upTo: 29) == 0 {
            _ = try store.maintain(isIdle: random.next(upTo: 1) == 0)
            disk.noteLock(isSynced: false)
        }
        takeEvents()
    }

    /// - Returns: The last batch that is there afterwards.
    func processEnds(committing batch: Batch?) throws -> UInt64 {
        let fault: TestDisk.Fault = random.next(upTo: 1) == 0 ? .powerCut : .error
        disk.arm(fault, afterCalls: Int(random.next(upTo: 15)))
        if let batch { try? store?.commit(batch) }
        if random.next(upTo: 1) == 0 { _ = try? store?.maintain(isIdle: true) }
        disk.freeze()
        store?.close()
        store = nil
        disk.revive()
        takeEvents()
        if random.next(upTo: 1) == 0 {
            let image = images.image(&random)
            try disk.replaceFiles(with: image)
            images = CrashImages(image, files: disk.files, promise: .init())
        }
        return try lastBatch()
    }

    private func lastBatch() throws -> UInt64 {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        return try store.makeReader().scheduledPage(from: .first, limit: 1).batch
    }

    /// What `stint doctor` would find in it.
    func inspect() throws -> [String] {
        store?.close()
        store = nil
        return StoreInspection(of: path, depth: .whole).findings.filter {
            $0.severity == .failure && $0.subject != "room"
        }.map { "inspection: \($0.sentence)" }
    }

    private func opened() throws -> SQLiteStore {
        guard let store else { throw StoreError(.failed, "no store is open") }
        return store
    }

    private func takeEvents() {
        for event in disk.takeEvents() {
            if case .sync = event, forgetsSyncs { continue }
            images.take(event)
        }
    }
}
