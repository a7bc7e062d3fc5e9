/// How much of the queue is in memory, and how much one step does.
///
/// None of these decides what is right, only how often the rare paths are taken: pages, evictions, second steps, full
/// batches. Simulated lives therefore make them tiny; a broker has no reason to change them.
package struct Bounds: Hashable, Sendable {
    /// Entries that all ready windows hold together.
    package var windowEntries = Limits.windowEntriesMax
    /// Scheduled jobs in memory.
    package var scheduledEntries = Limits.scheduledEntriesMax
    /// Rows of one page of a ready or scheduled line; at least 4.
    package var pageRows = Limits.pageRows
    /// Changes that a window remembers while a page of it is being read.
    package var pageChanges = Limits.pageChangesMax
    /// Rows that one step of an operation touches.
    package var stepRows = Limits.stepRows
    /// Scheduled jobs that one turn makes ready.
    package var dueJobsPerTurn = Limits.dueJobsPerTurn
    /// Jobs in one assign message.
    package var assignJobs = Limits.assignJobsMax
    /// What one turn may spend on questions, in rows that are read for them.
    package var questionRowsPerTurn = Limits.questionRowsPerTurn
    /// Jobs of one page of a listing, whatever was asked for.
    package var listRows = Limits.listRowsPerAnswer
    /// Writes and bytes of the open batch beyond which clients are not read, and workers not beyond twice as much.
    package var batchWrites = 20_000
    package var batchBytes = 8 * 1_048_576
    /// Payloads of new jobs that are kept for their first grant; a power of two.
    package var cachedPayloads = 32_768
    /// HELLOs that each socket answers in a second, and bytes of those that wait for their turn.
    package var hellosPerSecond = Limits.hellosPerSecond
    package var hellosWaitingBytes = Limits.hellosWaitingBytesMax
    /// Frames that one peer may leave unread.
    package var unreadFrames = Limits.unreadFramesMax

    package init() {}
}
