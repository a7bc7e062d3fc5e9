import Foundation
import StintCore
import StintStore
import Synchronization

/// A folder whose files SQLite reaches through us: every write, cut, sync and removal is recorded, any of them can be
/// made to fail, and the files can be rebuilt as a power cut may have left them.
///
///     let disk = TestDisk(folder: "/dev/shm/a-folder")
///     defer { disk.unmount() }
///     let store = try SQLiteStore(path: disk.folder + "/stint.db")
///
/// The files are real, so the store can be opened, locked and looked after as ever. What the store writes past SQLite is
/// the lock file, whose notes are sampled (``noteLock(isSynced:)``), and the reserve, whose bytes mean nothing.
///
/// **What a power cut leaves**: of every file all that was written before its last sync; of what was written since any
/// part, in units of 512 or 4,096 bytes, in any order, and any size up to the one it had; of names made or removed since
/// the folder was synced the first few. A sector is never half old and half new.
package final class TestDisk: Sendable {
    /// What can fail, in the order in which it happens.
    package enum Call: Hashable, Sendable { case write, truncate, sync }

    package enum Fault: Hashable, Sendable, CaseIterable {
        /// The call fails once, with an error of the device. After that nothing more reaches the disk of this process.
        case error
        /// Some bytes of a write are there, and then it fails for want of room, which there is again at once. Of the other
        /// calls, which are whole or not, as ``error``.
        case shortWrite
        /// From this call on the disk is full, until there is ``giveSpace()``.
        case noSpace
        /// A write is cut short, and the power goes.
        case powerCut
    }

    enum Event: Sendable {
        case create(name: String, file: Int)
        case delete(name: String, isSynced: Bool)
        case write(file: Int, offset: Int, bytes: [UInt8])
        case truncate(file: Int, size: Int)
        /// - Parameter isFolderSynced: SQLite's files sync their folder with the first sync of a log they made.
        case sync(file: Int, isFolderSynced: Bool)
        case lock(bytes: [UInt8], isSynced: Bool)
        /// Everything up to this batch was acknowledged, and this one is under way.
        case mark(acknowledged: UInt64, started: UInt64, epoch: UInt64)
    }

    private struct State: Sendable {
        var events: [Event] = []
        var files: [String: Int] = [:]
        /// Logs and journals that were made and not synced yet.
        var fresh: Set<Int> = []
        var nextFile = 0
        var calls = 0
        var fault: (call: Int, fault: Fault)?
        var hit: Call?
        var isFull = false
        var isDead = false
        var callsWhenDead = 0
        var isRecording = true
    }

    package let folder: String
    private let state = Mutex(State())

    /// - Parameter isRecording: Keeps what was written, for ``images``; faults need it only for ``Fault/powerCut``.
    package init(folder: String, isRecording: Bool = true) {
        self.folder = folder
        state.withLock { $0.isRecording = isRecording }
        DiskFiles.mount(self)
    }

    package func unmount() { DiskFiles.unmount(folder) }

    // MARK: Faults

    /// Calls of SQLite so far that could have failed.
    package var calls: Int { state.withLock { $0.calls } }
    /// The call that was made to fail, once it was.
    package var hit: Call? { state.withLock { $0.hit } }
    /// Writes that were tried after the first failure, by a process that should have ended.
    package var callsWhenDead: Int { state.withLock { $0.callsWhenDead } }

    /// Lets the call with this number, counted from now and from 0, fail.
    package func arm(_ fault: Fault, afterCalls calls: Int) {
        state.withLock { state in
            state.fault = (state.calls + calls, fault)
            state.hit = nil
            state.callsWhenDead = 0
        }
    }

    package func giveSpace() { state.withLock { $0.isFull = false } }

    /// Nothing that this process still does reaches the files, as if it had ended here.
    package func freeze() { state.withLock { $0.isDead = true } }

    /// Another process begins.
    package func revive() {
        state.withLock { state in
            state.isDead = false
            state.fault = nil
        }
    }

    enum Verdict { case goOn, fail(full: Bool), cut, short }

    /// Counts a call and says what becomes of it.
    func judge(_ call: Call) -> Verdict {
        state.withLock { state in
            if state.isDead {
                state.callsWhenDead += 1
                return .fail(full: false)
            }
            defer { state.calls += 1 }
            if let fault = state.fault, fault.call == state.calls {
                state.fault = nil
                state.hit = call
                switch fault.fault {
                case .error: return .fail(full: false)
                case .shortWrite: return call == .write ? .short : .fail(full: false)
                case .noSpace: state.isFull = true
                case .powerCut:
                    state.isDead = true
                    return .cut
                }
            }
            // A cut to a smaller size needs no room.
            return state.isFull && call != .truncate ? .fail(full: call == .write) : .goOn
        }
    }

    var isDead: Bool { state.withLock { $0.isDead } }

    // MARK: Recording

    /// The number of a file that is opened; one that is not known was made just now.
    func opened(_ name: String, isLog: Bool) -> Int {
        state.withLock { state in
            if let file = state.files[name] { return file }
            let file = state.nextFile
            state.nextFile += 1
            state.files[name] = file
            if isLog { state.fresh.insert(file) }
            state.events.append(.create(name: name, file: file))
            return file
        }
    }

    func deleted(_ name: String, isSynced: Bool) {
        state.withLock { state in
            if state.files.removeValue(forKey: name) != nil {
                state.events.append(.delete(name: name, isSynced: isSynced))
            }
        }
    }

    func wrote(_ file: Int, _ offset: Int, _ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            if state.isRecording { state.events.append(.write(file: file, offset: offset, bytes: Array(bytes))) }
        }
    }

    func truncated(_ file: Int, _ size: Int) {
        state.withLock { state in
            if state.isRecording { state.events.append(.truncate(file: file, size: size)) }
        }
    }

    func synced(_ file: Int) {
        state.withLock { state in
            let isFolderSynced = state.fresh.remove(file) != nil
            if state.isRecording { state.events.append(.sync(file: file, isFolderSynced: isFolderSynced)) }
        }
    }

    /// Takes down what the lock file of the store says now.
    package func noteLock(isSynced: Bool) {
        guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: folder + "/stint.db.lock")) else { return }
        state.withLock { $0.events.append(.lock(bytes: Array(bytes), isSynced: isSynced)) }
    }

    package func mark(acknowledged: UInt64, started: UInt64, epoch: UInt64) {
        state.withLock { $0.events.append(.mark(acknowledged: acknowledged, started: started, epoch: epoch)) }
    }

    /// Takes what was recorded since the last time.
    func takeEvents() -> [Event] {
        state.withLock { state in
            defer { state.events.removeAll() }
            return state.events
        }
    }

    /// Puts these files in the place of all that was there; what they hold is certain.
    func replaceFiles(with image: [String: [UInt8]]) throws {
        try CrashImages.write(image, to: folder)
        state.withLock { state in
            state.events.removeAll()
            state.files.removeAll()
            state.fresh.removeAll()
            for name in image.keys.sorted() where name != "stint.db.lock" {
                state.files[name] = state.nextFile
                state.nextFile += 1
            }
        }
    }

    /// The numbers of the files that are there, by name.
    var files: [String: Int] { state.withLock { $0.files } }
}
