/// Collects attempts, newest first, for as long as they fit into a bound; what does not fit and everything older is left
/// out.
struct NewestAttempts {
    private var room: Int
    private var newestFirst: [StoredAttempt] = []
    private(set) var isFull = false

    init(bytesMax: Int) {
        precondition(bytesMax >= 0)
        room = bytesMax
        isFull = bytesMax == 0
    }

    mutating func add(_ attempt: StoredAttempt) {
        precondition(newestFirst.last.map { $0.token > attempt.token } ?? true, "attempts come newest first")
        guard !isFull, attempt.bytes <= room else {
            isFull = true
            return
        }
        room -= attempt.bytes
        newestFirst.append(attempt)
    }

    var oldestFirst: [StoredAttempt] { newestFirst.reversed() }
}
