import Foundation
import StintCore
import StintStore

/// Bytes that the disk changed: one byte of the files of a store at rest is turned, the store is opened on it as a broker
/// opens it, and everything is read. It must say what it said before, or that it is damaged, with a way out.
package enum FlipTrial {
    /// How the store was left.
    package enum Rest: Hashable, Sendable, CaseIterable {
        /// Stopped: everything is in the database.
        case stopped
        /// Killed while nothing was done for a moment: the newest commits are in the log alone.
        case killed
        /// Killed within a tenth of a second of a commit, which the lock file does not know yet.
        case killedAtOnce
    }

    package enum Ending: Hashable, Sendable, CaseIterable {
        /// Every answer is as before.
        case same
        /// The store did not open, and said why.
        case refused
        /// It opened, and what was damaged was not told for good.
        case found
        /// A payload is not that of its digest: its job will be dead as corrupt.
        case quarantined
        /// The last batch is gone, as if it had never been finished: only ``Rest/killedAtOnce``.
        case lastBatchLost
    }

    package struct Report: Sendable {
        package var samples = 0
        package var endings: [Ending: Int] = [:]
        /// By file: what was turned.
        package var files: [String: Int] = [:]

        package init() {}

        package mutating func add(_ other: Report) {
            samples += other.samples
            endings.merge(other.endings, uniquingKeysWith: +)
            files.merge(other.files, uniquingKeysWith: +)
        }
    }

    package static func run(_ rest: Rest, seed: UInt64, samples: Int) throws -> Report {
        let root = DiskTrial.folder("flip")
        defer { try? FileManager.default.removeItem(atPath: root) }
        let load = try StoreLoad(seed: seed)
        let files = try files(rest, load, root + "/live")
        var random = SeededRandom(seed: seed &* 17)
        var report = Report()
        for _ in 0..<samples {
            let (name, offset) = place(in: files, &random)
            let mask = UInt8(1 + random.next(upTo: 254))
            report.samples += 1
            report.files[name, default: 0] += 1
            var turned = files
            turned[name]?[offset] ^= mask
            let what = "byte \(offset) of \(name) of a store that was \(rest), turned by \(mask)"
            let ending = try self.ending(turned, rest, load, root + "/flipped", what, seed)
            report.endings[ending, default: 0] += 1
        }
        return report
    }

    /// Any byte of any file is as likely as its file is chosen: the database and its log mostly, each of their first
    /// pages often, because most of what is read at every start lies there.
    private static func place(in files: [String: [UInt8]], _ random: inout SeededRandom) -> (String, Int) {
        let names = ["stint.db", "stint.db-wal"].filter { files[$0] != nil }
        let name =
            random.next(upTo: 19) == 0 ? "stint.db.lock" : names[Int(random.next(upTo: UInt64(names.count - 1)))]
        let count = files[name]?.count ?? 1
        let bound = random.next(upTo: 5) == 0 ? min(count, 4_096) : count
        return (name, Int(random.next(upTo: UInt64(bound - 1))))
    }

    /// The files of a store with pages of every kind, and a log with several commits behind the last checkpoint.
    private static func files(_ rest: Rest, _ load: StoreLoad, _ folder: String) throws -> [String: [UInt8]] {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let disk = TestDisk(folder: folder, isRecording: false)
        defer { disk.unmount() }
        let store = try SQLiteStore(path: folder + "/stint.db")
        let epoch = try store.recover(at: load.now).numbers.epoch
        func commit(_ count: Int) throws {
            for _ in 0..<count { try store.commit(load.batch(epoch: epoch, writesMax: 12)) }
        }
        try commit(40)
        while try store.maintain(isIdle: true) {}
        try commit(8)
        if rest == .killedAtOnce {
            _ = try store.maintain(isIdle: true)
            try commit(1)
        } else {
            while try store.maintain(isIdle: true) {}
        }
        if rest == .stopped {
            store.close()
            return try read(folder)
        }
        let files = try read(folder)
        disk.freeze()
        store.close()
        return files
    }

    private static func read(_ folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in ["stint.db", "stint.db-wal", "stint.db.lock"] {
            if let data = try? Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)), !data.isEmpty {
                files[name] = Array(data)
            }
        }
        return files
    }

    private static func ending(
        _ files: [String: [UInt8]], _ rest: Rest, _ load: StoreLoad, _ folder: String, _ what: String, _ seed: UInt64
    ) throws -> Ending {
        try CrashImages.write(files, to: folder)
        func broken(_ problem: String) -> DiskFailure { DiskFailure(what, seed: seed, [problem]) }
        do {
            let store = try SQLiteStore(path: folder + "/stint.db")
            defer { store.close() }
            let recovered = try store.recover(at: .none)
            let isLastLost = rest == .killedAtOnce && recovered.batch == load.last - 1
            guard recovered.batch == load.last || isLastLost else {
                throw broken("batch \(recovered.batch) is there and \(load.last) was acknowledged")
            }
            let reading = StoreReading(
                recovered, try store.makeReader(), against: try load.truth(at: recovered.batch))
            if let difference = reading.differences.first { throw broken("\(difference) differs, and nothing says so") }
            if isLastLost { return .lastBatchLost }
            if !reading.refused.isEmpty { return .found }
            return reading.quarantined > 0 ? .quarantined : .same
        } catch let error as StoreError {
            guard ["restore", "backup", "another file", "lock"].contains(where: error.description.contains) else {
                throw broken("it is refused without a way out: \(error.description)")
            }
            // Nothing is wiped: what is there is still there.
            for (name, bytes) in files where name != "stint.db.lock" {
                let now = FileManager.default.contents(atPath: folder + "/" + name)?.count ?? 0
                if now < bytes.count, name == "stint.db" {
                    throw broken("\(name) was cut from \(bytes.count) to \(now)")
                }
            }
            return .refused
        }
    }
}
