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
