import Foundation
import StintCore
import StintStore

/// Power cuts: the store works under a random load on a ``TestDisk``, and every image of ``CrashImages`` must open with
/// all that was acknowledged up to its moment, nothing half, and an epoch that was never used.
package enum CrashTrial {
    package struct Report: Sendable {
        package var images = 0
        package var batches = 0
        package var syncs = 0
        /// Images in which a batch was there that nobody had acknowledged yet.
        package var ahead = 0

        package init() {}

        package static func + (left: Report, right: Report) -> Report {
            var sum = left
            sum.images += right.images
            sum.batches += right.batches
            sum.syncs += right.syncs
            sum.ahead += right.ahead
            return sum
        }
    }

    /// One life of a store, cut at every sync and between.
    ///
    /// - Parameter forgetsSyncs: A disk that lies about them, to see that it is found out.
    package static func run(
        seed: UInt64, images count: Int, steps: Int = 120, forgetsSyncs: Bool = false
    ) throws -> Report {
        let root = DiskTrial.folder("crash")
        defer { try? FileManager.default.removeItem(atPath: root) }
        let live = root + "/live"
        try FileManager.default.createDirectory(atPath: live, withIntermediateDirectories: true)
        let disk = TestDisk(folder: live)
        defer { disk.unmount() }
        let load = try StoreLoad(seed: seed)
        var random = SeededRandom(seed: seed &* 31)
        try work(disk, load, steps: steps, &random)

        var report = Report()
        report.batches = Int(load.last)
        let events = disk.takeEvents()
        var images = CrashImages()
        for (index, event) in events.enumerated() {
            // As many as are due by now, spread over the events; where a file is synced, once more before it counts.
            if case .sync = event { report.syncs += 1 }
            let isSync = if case .sync = event { true } else { false }
            let due = count * (index + 1) / events.count
            if isSync, report.images < count {
                try judge(images, &report, load, root, seed, index, &random)
            }
            if !isSync || !forgetsSyncs { images.take(event) }
            while report.images < due { try judge(images, &report, load, root, seed, index, &random) }
        }
        return report
    }

    private static func work(
        _ disk: TestDisk, _ load: StoreLoad, steps: Int, _ random: inout SeededRandom
    ) throws {
        let path = disk.folder + "/stint.db"
        func open() throws -> (SQLiteStore, UInt64) {
            let store = try SQLiteStore(path: path)
            disk.noteLock(isSynced: false)
            let epoch = try store.recover(at: load.now).numbers.epoch
            disk.noteLock(isSynced: true)
            disk.mark(acknowledged: load.last, started: load.last, epoch: epoch)
            return (store, epoch)
        }
        var (store, epoch) = try open()
        for _ in 0..<steps {
            switch random.next(upTo: 19) {
            case 0:
                store.close()
                (store, epoch) = try open()
            case 1:
                // Killed: nothing of its end reaches the disk.
                disk.freeze()
                store.close()
                disk.revive()
                (store, epoch) = try open()
            case 2...5:
                _ = try store.maintain(isIdle: true)
                disk.noteLock(isSynced: false)
            default:
                let batch = try load.batch(epoch: epoch)
                disk.mark(acknowledged: batch.number - 1, started: batch.number, epoch: epoch)
                try store.commit(batch)
                disk.mark(acknowledged: batch.number, started: batch.number, epoch: epoch)
            }
        }
        store.close()
    }

    private static func judge(
        _ images: CrashImages, _ report: inout Report, _ load: StoreLoad, _ root: String, _ seed: UInt64, _ event: Int,
        _ random: inout SeededRandom
    ) throws {
        report.images += 1
        let folder = root + "/image"
        try CrashImages.write(images.image(&random), to: folder)
        let (batch, problems) = try DiskTrial.judge(folder, images.promise, load)
        guard problems.isEmpty else {
            throw DiskFailure("a power cut at event \(event)", seed: seed, problems)
        }
        if batch > images.promise.acknowledged { report.ahead += 1 }
    }
}
