import DequeModule
import StintCore
import StintWire

/// Questions that wait for an answer. They change nothing, may cost a thousand rows each, and anybody may ask as many as he
/// likes; so each turn has a share for them, and what is over waits here, while jobs are enqueued and settled in every turn.
///
///     asked ──► waits behind those of its session ──► its session's turn comes ──► answered
///                      │                                  ▲
///                      └── its asker does not read ───────┘ when it reads again
///
/// **Fair.** One question of each session at a time, round and round: who asks a thousand waits for a thousand, and who
/// asks one waits for one of each of the others. Those of one session are answered in the order in which they were asked.
/// **The share** is counted in rows that were read and bytes that were built, never in time: the same questions are answered
/// in the same turns wherever they are asked. What a question costs is known when it is answered, so one that costs more
/// than the share is owed by the turns that follow. A turn with something to commit is not kept from it by questions, one
/// turn of two at the least.
/// **Bounded.** A session may have as many as it may have requests without an answer; all of them together as many bytes as
/// a bound, and beyond it only a session with few of them is heard. One that does not read has fewer: it asks for nothing
/// that it wants.
struct Questions {
    struct Waiting {
        var message: Stint_V1_Envelope.OneOf_Message
        /// About what it takes while it waits.
        var bytes: Int
    }
    private struct Asker {
        var waiting: Deque<Waiting> = []
        /// It has a place in the round.
        var isInOrder = false
    }

    private let share: Int
    private let bytesMax: Int
    private var askers: [SessionID: Asker] = [:]  // for lookup only
    /// The round: sessions that have questions and read, the next one first, each once.
    private var order: Deque<SessionID> = []
    /// Sessions that do not take what they are sent.
    private var deaf: Set<SessionID> = []  // for lookup only
    private var bytes = 0
    /// What may still be spent in this turn; below zero: what is owed.
    private var left = 0
    private var hasGivenWay = false

    /// Of a message that waits, beside its bytes on the wire.
    private static let overhead = 256
    /// A session with fewer than so many is heard although all of them together have reached the bound, if it asks in few
    /// words.
    private static let alwaysHeard = 4
    private static let smallBytes = 1_024

    /// - Parameters:
    ///   - share: Of one turn, as ``spend(rows:bytes:)`` counts.
    ///   - bytesMax: Of all that wait.
    init(share: Int = Limits.questionRowsPerTurn, bytesMax: Int = Limits.questionsWaitingBytesMax) {
        precondition(share > 0 && bytesMax > 0)
        self.share = share
        self.bytesMax = bytesMax
    }

    /// Nobody waits who could be answered.
    var isIdle: Bool { order.isEmpty }

    /// The session does not take what it is sent.
    func isDeaf(_ session: SessionID) -> Bool { deaf.contains(session) }

    /// How many of a session wait.
    func count(of session: SessionID) -> Int { askers[session]?.waiting.count ?? 0 }

    /// Puts a question behind those of its session; false when too many wait, and then nothing was changed.
    mutating func add(_ message: Stint_V1_Envelope.OneOf_Message, bytes: Int, from session: SessionID) -> Bool {
        let bytes = bytes + Self.overhead
        let own = count(of: session)
        guard own < Limits.questionsUnreadMax || !deaf.contains(session) else { return false }
        let isSmall = own < Self.alwaysHeard && bytes <= Self.smallBytes
        guard self.bytes + bytes <= bytesMax || isSmall else { return false }
        askers[session, default: Asker()].waiting.append(Waiting(message: message, bytes: bytes))
        self.bytes += bytes
        enter(session)
        return true
    }

    /// A turn begins: it has its share, less what is owed. What the last one did not spend is not saved.
    mutating func beginTurn() {
        left = min(share, left + share)
        hasGivenWay = false
    }

    /// Leaves this turn to what is to be committed, so that nobody who enqueues waits for answers of others first. False when
    /// the last one was left to it already.
    mutating func giveWay() -> Bool {
        defer { hasGivenWay.toggle() }
        return !hasGivenWay
    }

    /// Takes the next question, if this turn has something to spend. Whoever takes it answers it and says what that cost.
    mutating func next() -> (session: SessionID, message: Stint_V1_Envelope.OneOf_Message)? {
        guard left > 0 else { return nil }
        while let session = order.popFirst() {
            guard let place = askers.index(forKey: session) else {
                preconditionFailure("a place in the round is nobody's")
            }
            askers.values[place].isInOrder = false
            guard !deaf.contains(session), let taken = askers.values[place].waiting.popFirst() else {
                if askers.values[place].waiting.isEmpty { askers.remove(at: place) }
                continue
            }
            bytes -= taken.bytes
            precondition(bytes >= 0, "fewer than no bytes of questions wait")
            if askers.values[place].waiting.isEmpty { askers.remove(at: place) } else { enter(session) }
            return (session, taken.message)
        }
        return nil
    }

    /// What an answer cost.
    mutating func spend(rows: Int, bytes: Int) {
        precondition(rows >= 0 && bytes >= 0)
        left -= 1 + rows + bytes / Self.bytesPerRow
    }

    /// Building so many bytes takes about as long as reading a row.
    private static let bytesPerRow = 1_024

    /// The session takes what it is sent, or does so no more: then its questions wait.
    mutating func session(_ session: SessionID, reads: Bool) {
        guard reads else {
            _ = deaf.insert(session)
            return
        }
        guard deaf.remove(session) != nil else { return }
        enter(session)
    }

    /// The session has ended, and nobody waits for its answers.
    mutating func forget(_ session: SessionID) {
        deaf.remove(session)
        guard let place = askers.index(forKey: session) else { return }
        for question in askers.values[place].waiting { bytes -= question.bytes }
        precondition(bytes >= 0, "fewer than no bytes of questions wait")
        askers.values[place].waiting.removeAll()
        // Its place in the round is taken away when it comes up; a session of that name that asks before has no second one.
        if !askers.values[place].isInOrder { askers.remove(at: place) }
    }

    private mutating func enter(_ session: SessionID) {
        guard !deaf.contains(session), let place = askers.index(forKey: session), !askers.values[place].isInOrder
        else { return }
        askers.values[place].isInOrder = true
        order.append(session)
    }
}
