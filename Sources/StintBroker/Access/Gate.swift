import Glibc
import Logging
import StintCore
import StintTransport
import Synchronization

/// Lets peers of an encrypted broker in: the gatekeeper's judge, and the thread that looks whether the list of keys was
/// changed.
///
/// The gatekeeper only looks keys up; the list is read here, four times a second by its file's facts and in full when
/// those changed. The loop is told through ``BrokerControl`` and looks at nothing.
final class Gate: Sendable {
    fileprivate struct State {
        var keys: KnownKeys
        /// By who, for the audit log. Few: known keys by name, and one for all unknown ones.
        var refused: [String: RefusedKnock] = [:]
        /// Why the list could not be read when it was last tried.
        var trouble: KeyFileError?
    }

    /// One socket's door.
    struct Door: Sendable {
        let domain: String
        let count: ConnectionCount
        let connectionsMax: Int

        init(_ domain: String, _ count: ConnectionCount, _ connectionsMax: Int) {
            self.domain = domain
            self.count = count
            self.connectionsMax = connectionsMax
        }
    }

    private let folder: KeyFolder
    private let doors: [Door]
    private let state: Mutex<State>
    private let control: BrokerControl
    private let logger: Logger
    private let end: Waker

    /// The file as it was before the list was first read.
    private let firstSeen: Facts
    /// The list with which the broker starts.
    let firstKeys: KnownKeys

    static let lookEvery: Duration = .milliseconds(250)
    private static let refusedMax = 64

    /// - Throws: ``KeyFileError`` when the list cannot be read.
    init(folder: KeyFolder, doors: [Door], control: BrokerControl, logger: Logger) throws(KeyFileError) {
        guard let waker = try? Waker() else { throw KeyFileError("No more files can be opened.") }
        end = waker
        self.folder = folder
        self.doors = doors
        firstSeen = Self.facts(of: folder.listFile)
        firstKeys = try folder.list()
        state = Mutex(State(keys: firstKeys))
        self.control = control
        self.logger = logger
    }

    // MARK: On the gatekeeper's thread

    func judge(_ knock: Gatekeeper.Knock) -> Gatekeeper.Verdict {
        guard let door = doors.first(where: { $0.domain == knock.domain }) else { return .refused }
        let now = WallTime(milliseconds: WallClock.milliseconds())
        return state.withLock { state in
            let key = state.keys[knock.key]
            switch key?.standing(at: now) {
            case .valid:
                // Strangers make room for who has a key; peers with a session do not.
                guard door.count.vouchedFor < door.connectionsMax else {
                    door.count.turnedAway()
                    return .busy
                }
                return .admitted
            case .none: state.note("unknown keys", "\(knock.domain): unknown key", knock.address, Self.refusedMax)
            case .revoked: state.note(key?.name ?? "", "\(knock.domain): revoked key", knock.address, Self.refusedMax)
            case .expired: state.note(key?.name ?? "", "\(knock.domain): expired key", knock.address, Self.refusedMax)
            }
            return .refused
        }
    }

    // MARK: On a thread of its own

    func run() {
        var seen = firstSeen
        while !end.wait(upTo: Self.lookEvery) {
            let refused = state.withLock { state in
                defer { state.refused.removeAll() }
                return state.refused.values.sorted { $0.who < $1.who }
            }
            if !refused.isEmpty { control.knocked(refused) }
            let now = Self.facts(of: folder.listFile)
            guard now != seen else { continue }
            // What could not be read is read again at the next look: what was in the way may go, and the change that it
            // hides may be a revocation.
            guard reload() else { continue }
            seen = now
        }
    }

    func stop() { end.wake() }

    /// - Returns: False when the list cannot be read. Each reason is said once.
    private func reload() -> Bool {
        do {
            let keys = try OpenFiles.withSpare { () throws(KeyFileError) in try folder.list() }
            state.withLock { state in
                state.keys = keys
                state.trouble = nil
            }
            control.keysChanged(keys)
            logger.info("the list of keys was changed", metadata: ["keys": "\(keys.all.count)"])
            return true
        } catch {
            let isNew = state.withLock { state in
                defer { state.trouble = error }
                return state.trouble != error
            }
            if isNew { logger.error("the list of keys stays as it was", metadata: ["reason": "\(error)"]) }
            return false
        }
    }

    /// What changes when the file is replaced.
    private struct Facts: Equatable {
        var inode: UInt64 = 0
        var size: Int64 = -1
        var seconds = 0
        var nanoseconds = 0
    }

    private static func facts(of file: String) -> Facts {
        var facts = stat()
        guard stat(file, &facts) == 0 else { return Facts() }
        return Facts(
            inode: UInt64(facts.st_ino), size: Int64(facts.st_size), seconds: facts.st_mtim.tv_sec,
            nanoseconds: facts.st_mtim.tv_nsec)
    }
}

extension Gate.State {
    fileprivate mutating func note(_ who: String, _ why: String, _ address: String, _ most: Int) {
        let who = refused[who] == nil && refused.count >= most ? "others" : who
        let what = address.isEmpty ? why : "\(why), from \(address)"
        refused[who] = RefusedKnock(who: who, what: what, count: (refused[who]?.count ?? 0) + 1)
    }
}
