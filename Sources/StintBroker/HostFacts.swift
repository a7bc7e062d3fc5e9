import StintStore
import StintTransport

/// What is known of the ground the broker stands on: its store, its disk, its files. Looked at once a second on a thread of
/// its own, because all of it may have to wait for the disk.
package struct HostFacts: Hashable, Sendable {
    /// Of Stint.
    package var version = ""
    package var zmqVersion = ""
    package var sqliteVersion = ""
    package var storeBytes: Int64 = 0
    package var logBytes: Int64 = 0
    package var freeBytes: Int64 = 0
    package var storeIsFull = false
    package var hasReserve = false
    /// Mean of the last commits.
    package var commitMicroseconds = 0.0
    package var filesOpen = 0
    package var filesMax = 0
    /// Resident memory, and the most of it; 0: not known yet.
    package var memoryBytes: UInt64 = 0
    package var memoryMax: UInt64 = 0

    /// Nil while the process takes no more memory than it may.
    var memoryExcess: MemoryExcess? {
        guard memoryMax > 0, memoryBytes > memoryMax else { return nil }
        return MemoryExcess(resident: memoryBytes, most: memoryMax)
    }

    package init() {}
}
