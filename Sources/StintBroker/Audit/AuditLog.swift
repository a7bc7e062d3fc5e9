import StintCore

/// What is written into the audit log, and when.
///
/// **Deeds** (a cancel, a replay, a discard, a revoked key) are one record each, in the commit that carries them out.
/// **Refusals** (a role that may not, a handshake that failed) are many when somebody tries: the first of a kind is a
/// record at once, those that follow are counted, and the count is a record when its window ends. Windows grow from one
/// second to one minute for as long as it goes on, so that whoever holds one key, or none, writes at most about a
/// record a minute.
struct AuditLog {
    private(set) var last: AuditHead
    /// Records for the open batch.
    private(set) var pending: [AuditRow] = []

    private struct Window {
        var kind: AuditKind
        var who: String
        var what: String
        var count = 0
        var length: Duration
        /// Nil: nothing came in the last one. The next begins with what comes next.
        var endsAt: Instant?
        var lastAt: Instant

        mutating func begin(at now: Instant) {
            length = min(length * 2, AuditLog.lengths.upperBound)
            endsAt = now + length
        }
    }
    /// In the order in which they were opened. Few, so they are looked through.
    private var windows: [Window] = []
    private static let windowsMax = 64
    fileprivate static let lengths: ClosedRange<Duration> = .seconds(1) ... .seconds(60)
    /// Kept by the store; of more, the oldest go.
    static let recordsMax: Int64 = 1_000_000

    init(after last: AuditHead) { self.last = last }

    /// When the next window ends.
    var wake: Instant? { windows.map { $0.endsAt ?? $0.lastAt + Self.lengths.upperBound }.min() }

    mutating func record(_ kind: AuditKind, who: String, what: String, count: Int = 1, at now: Moment) {
        precondition(count >= 1)
        var row = AuditRow(
            number: last.number + 1, at: now.wall, kind: kind, who: Self.bounded(who), what: Self.bounded(what),
            count: count, previous: last.digest, digest: [])
        row.digest = AuditChain.digest(row)
        last = AuditHead(number: row.number, digest: row.digest)
        pending.append(row)
    }

    mutating func counted(_ kind: AuditKind, who: String, what: String, count: Int = 1, at now: Moment) {
        var who = who
        if let place = place(kind, who) ?? (windows.count < Self.windowsMax ? nil : place(kind, Self.others)) {
            windows[place].count += count
            windows[place].what = what
            windows[place].lastAt = now.instant
            if windows[place].endsAt == nil { windows[place].begin(at: now.instant) }
            return
        }
        if windows.count >= Self.windowsMax { who = Self.others }
        let least = Self.lengths.lowerBound
        windows.append(
            Window(
                kind: kind, who: who, what: what, length: least, endsAt: now.instant + least, lastAt: now.instant))
        record(kind, who: who, what: what, count: count, at: now)
    }

    private static let others = "others"

    private func place(_ kind: AuditKind, _ who: String) -> Int? {
        windows.firstIndex { $0.kind == kind && $0.who == who }
    }

    /// Writes the counts of windows that have ended. Who was quiet for a minute is forgotten.
    ///
    /// - Parameter all: Also of windows that have not ended: the broker is about to end.
    mutating func endWindows(at now: Moment, all: Bool) {
        guard let wake, all || now.instant >= wake else { return }
        var open: [Window] = []
        for var window in windows {
            if let end = window.endsAt, all || now.instant >= end {
                if window.count > 0 {
                    record(window.kind, who: window.who, what: window.what, count: window.count, at: now)
                    window.count = 0
                    window.begin(at: now.instant)
                } else {
                    window.endsAt = nil
                }
            }
            if window.endsAt != nil || now.instant < window.lastAt + Self.lengths.upperBound { open.append(window) }
        }
        windows = open
    }

    mutating func takePending() -> [AuditRow] {
        defer { pending.removeAll() }
        return pending
    }

    /// Names of keys are short; what peers make up could be long.
    private static func bounded(_ text: String) -> String {
        guard text.utf8.count > AuditRow.textBytesMax else { return text }
        var cut = text
        while cut.utf8.count > AuditRow.textBytesMax - 3 { cut.removeLast() }
        return cut + "…"
    }
}
