import Foundation
import StintCore

/// Goes through what a ``TestDisk`` recorded and builds the files as they may be after a power cut at any moment of it.
struct CrashImages {
    /// One file of a disk: what is certain, and what may or may not be there.
    private struct DiskFile {
        enum Change {
            case write(offset: Int, bytes: [UInt8])
            case truncate(size: Int)
        }
        var durable: [UInt8] = []
        var pending: [Change] = []
    }

    private enum NameChange { case create(String, Int), delete(String) }

    /// What was promised up to here.
    struct Promise {
        var acknowledged: UInt64 = 0
        var started: UInt64 = 0
        var epoch: UInt64 = 0
    }

    private var files: [Int: DiskFile] = [:]
    private var names: [String: Int] = [:]
    private var pendingNames: [NameChange] = []
    private var locks: [[UInt8]] = []
    private(set) var promise = Promise()

    init() {}

    /// Files that are certain.
    init(_ image: [String: [UInt8]], files numbers: [String: Int], promise: Promise) {
        for (name, number) in numbers {
            names[name] = number
            files[number] = DiskFile(durable: image[name] ?? [])
        }
        if let lock = image["stint.db.lock"] { locks = [lock] }
        self.promise = promise
    }

    mutating func take(_ event: TestDisk.Event) {
        switch event {
        case .create(let name, let file):
            files[file] = DiskFile()
            pendingNames.append(.create(name, file))
        case .delete(let name, let isSynced):
            pendingNames.append(.delete(name))
            if isSynced { settleNames() }
        case .write(let file, let offset, let bytes): files[file]?.pending.append(.write(offset: offset, bytes: bytes))
        case .truncate(let file, let size): files[file]?.pending.append(.truncate(size: size))
        case .sync(let file, let isFolderSynced):
            // Taken out, so that a large file is changed in place.
            guard var synced = files.removeValue(forKey: file) else { return }
            for change in synced.pending { Self.apply(change, to: &synced.durable) }
            synced.pending.removeAll()
            files[file] = synced
            if isFolderSynced { settleNames() }
        case .lock(let bytes, let isSynced):
            if isSynced { locks.removeAll() }
            if locks.last != bytes { locks.append(bytes) }
        case .mark(let acknowledged, let started, let epoch):
            promise = Promise(acknowledged: acknowledged, started: started, epoch: epoch)
        }
    }

    private mutating func settleNames() {
        for change in pendingNames { Self.apply(change, to: &names) }
        pendingNames.removeAll()
        let kept = Set(names.values)
        files = files.filter { kept.contains($0.key) }
    }

    private static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .create(let name, let file): names[name] = file
        case .delete(let name): names[name] = nil
        }
    }

    private static func apply(_ change: DiskFile.Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let new):
            if bytes.count < offset + new.count {
                bytes.append(contentsOf: repeatElement(0, count: offset + new.count - bytes.count))
            }
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        case .truncate(let size):
            if size < bytes.count {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
            }
        }
    }

    // MARK: Images

    /// How much of what was not synced is there.
    private enum Luck: CaseIterable { case all, none, some, prefix, mostSectors }

    /// The files of one image, by name, with that of the lock.
    func image(_ random: inout SeededRandom) -> [String: [UInt8]] {
        var names = names
        for change in pendingNames.prefix(Int(random.next(upTo: UInt64(pendingNames.count)))) {
            Self.apply(change, to: &names)
        }
        var image: [String: [UInt8]] = [:]
        for (name, file) in names.sorted(by: { $0.key < $1.key }) {
            guard let file = files[file] else { continue }
            image[name] = contents(of: file, &random)
        }
        if let lock = locks.randomElement(using: &random) { image["stint.db.lock"] = lock }
        return image
    }

    private func contents(of file: DiskFile, _ random: inout SeededRandom) -> [UInt8] {
        var bytes = file.durable
        let luck = Luck.allCases.randomElement(using: &random) ?? .all
        let sector = random.next(upTo: 1) == 0 ? 512 : 4_096
        let prefix = Int(random.next(upTo: UInt64(file.pending.count)))
        for (index, change) in file.pending.enumerated() {
            switch luck {
            case .all: Self.apply(change, to: &bytes)
            case .none: break
            case .some: if random.next(upTo: 1) == 0 { Self.apply(change, to: &bytes) }
            case .prefix: if index < prefix { Self.apply(change, to: &bytes) }
            case .mostSectors: tear(change, sector, &bytes, &random)
            }
        }
        // A size is written apart from what it counts: the end may be there as zeros.
        if random.next(upTo: 3) == 0, let size = fullSize(of: file), size > bytes.count {
            bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
        }
        return bytes
    }

    private func tear(
        _ change: DiskFile.Change, _ sector: Int, _ bytes: inout [UInt8], _ random: inout SeededRandom
    ) {
        guard case .write(let offset, let new) = change else {
            if random.next(upTo: 1) == 0 { Self.apply(change, to: &bytes) }
            return
        }
        // Cut where sectors of the disk end, not where the write begins.
        var start = offset
        while start < offset + new.count {
            let end = min(offset + new.count, (start / sector + 1) * sector)
            if random.next(upTo: 3) > 0 {
                Self.apply(.write(offset: start, bytes: Array(new[start - offset..<end - offset])), to: &bytes)
            }
            start = end
        }
    }

    private func fullSize(of file: DiskFile) -> Int? {
        var size = file.durable.count
        for change in file.pending {
            switch change {
            case .write(let offset, let bytes): size = max(size, offset + bytes.count)
            case .truncate(let cut): size = cut
            }
        }
        return size
    }

    /// Writes an image where a store can be opened on it.
    static func write(_ image: [String: [UInt8]], to folder: String) throws {
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, bytes) in image {
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
        }
    }
}
