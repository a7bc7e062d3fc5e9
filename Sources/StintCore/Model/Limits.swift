/// Every bound of the protocol and the broker, in one place. What exceeds one is refused with its name, never cut and
/// never buffered without end.
public enum Limits {
    /// Bytes of one payload or result, unless configured smaller.
    public static let payloadBytesMax = 1_048_576
    /// Bytes of one message; the transport drops a peer that sends more.
    public static let messageBytesMax = 4 * 1_048_576
    /// Jobs in one enqueue message.
    public static let enqueueJobsMax = 10_000
    /// Attempts settled by one message.
    public static let settleJobsMax = 4_096
    /// Refused settlements in one answer to a worker; more than one message can settle.
    package static let settleRefusalsMax = 65_536
    /// Jobs in one assign message.
    public static let assignJobsMax = 1_024
    /// Bytes of payload in one assign message. One larger payload travels alone.
    public static let assignBytesMax = 2 * 1_048_576
    /// Leases named by one heartbeat or HELLO.
    public static let heldLeasesMax = 65_536
    public static let priorities = -100...100
    public static let attempts = 1...1_000
    public static let slots = 1...4_096
    /// Types known to one broker. A type is kept for ever once named, so their number is bounded.
    public static let typesMax = 10_000
    /// Types one worker serves.
    public static let workerTypesMax = 1_000
    public static let errorBytesMax = 16_384
    /// Bytes of log that are kept of one attempt.
    public static let logBytesMax = 65_536
    public static let progressBytesMax = 16_384
    public static let checkpointBytesMax = 65_536
    /// Bytes of all children that travel with one settlement.
    public static let childrenBytesMax = 262_144
    public static let childrenMax = 1_000
    /// Bytes of the extras that the jobs of one enqueue share, counted once for each job, as they are stored.
    public static let sharedExtrasBytesMax = 16 * 1_048_576
    /// Headers of the trace that one job carries, and bytes of one name, of one value, and of all of them together.
    public static let traceHeadersMax = 16
    public static let traceKeyBytesMax = 128
    public static let traceValueBytesMax = 1_024
    public static let traceBytesMax = 4_096
    /// How far in the future a job may be scheduled: ten years.
    public static let delayMax: Duration = .seconds(10 * 366 * 86_400)
    /// Jobs of one page of a listing.
    public static let listMax = 1_000
    /// Of them, those in one answer; the rest is asked for with its cursor.
    package static let listRowsPerAnswer = 50

    // What peers may cost together. A refusal by one of these is counted under its name, see ``LimitName``.

    /// Sessions at one time.
    package static let workerSessionsMax = 4_096
    package static let clientSessionsMax = 16_384
    /// Of them, those of one key.
    package static let keySessionsMax = 2_048
    /// Connections at one time: 8 192 that nobody vouches for yet fit beside all sessions, because ending one so that the
    /// next gets its place costs as much as a message.
    package static let workerConnectionsMax = 12_288
    package static let clientConnectionsMax = 24_576
    /// HELLOs that are answered a second, and at once; others wait, as many bytes of them as this.
    package static let hellosPerSecond = 1_000
    package static let hellosWaitingBytesMax = 64 * 1_048_576
    /// Requests of one client without an answer. Its window of bytes is reached long before.
    package static let requestsInFlightMax = 65_536
    /// The window of bytes that a client is told to keep.
    package static let clientWindowBytes = 8 * 1_048_576
    /// Rows that one turn reads to answer questions, and bytes of questions that wait, of all clients.
    package static let questionRowsPerTurn = 50
    package static let questionsWaitingBytesMax = 64 * 1_048_576
    /// Questions of a client that does not read its answers.
    package static let questionsUnreadMax = 1_024
    /// Bytes of large answers that wait for a commit, of all clients; beyond it no more of them are heard.
    package static let answersWaitingBytesMax = 64 * 1_048_576
    /// Bytes of answers that a client may leave unread before nothing more is worked out for it.
    package static let answersUnreadBytesMax = 1_048_576
    /// What one peer may leave untaken, and all of them together.
    package static let unreadFramesMax = 4_096
    package static let unreadBytesMax = 16 * 1_048_576
    package static let unreadBytesOfAllMax = 256 * 1_048_576
    /// Jobs that clients watch.
    package static let watchesMax = 100_000
    /// Between two notices of a job's progress to those who watch it; what comes in between is dropped but for the last.
    package static let progressInterval: Duration = .seconds(1)
    /// Bytes of the progress of all running jobs that are held; the oldest go first.
    package static let progressHeldBytesMax = 64 * 1_048_576
    /// Bytes of one connection whose message does not end, and of all such.
    package static let unfinishedBytesMax = 8 * 1_048_576
    package static let unfinishedBytesOfAllMax = 256 * 1_048_576
    /// Bytes of one connection that were received and not yet handed out: 4 windows of a client; a worker may come back
    /// with the results of all its leases.
    package static let clientHeldBytesMax = 32 * 1_048_576
    package static let workerHeldBytesMax = 1_024 * 1_048_576
    /// Frames of one connection, the same: all requests that a client may have without an answer, twice.
    package static let heldFramesMax = 131_072
    /// Until the first message of a connection, its handshake included.
    package static let silenceMax: Duration = .seconds(5)
    /// Useless messages of one connection at once, and forgiven a second.
    package static let uselessMessagesMax = 1_000
    package static let uselessMessagesPerSecond = 100

    /// Rows that one step of an operation touches.
    package static let stepRows = 500
    /// Scheduled jobs that one turn makes ready.
    package static let dueJobsPerTurn = 1_000
    /// Entries that all ready windows hold together.
    package static let windowEntriesMax = 100_000
    /// Rows of one page of a ready or scheduled line.
    package static let pageRows = 2_048
    /// Changes that a lane remembers while a page of it is being read.
    package static let pageChangesMax = 20_000
    /// Scheduled jobs in memory.
    package static let scheduledEntriesMax = 20_000
    /// Leases one worker may hold, running and prefetched.
    package static let workerLeasesMax = 4_096
    /// Prefetch is time: at most this much work waits at a worker, per slot.
    package static let prefetch: Duration = .milliseconds(10)
}
