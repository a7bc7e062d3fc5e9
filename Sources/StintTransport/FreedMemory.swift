import CZeroMQ

/// Memory that was freed and that the C library keeps for the next one who asks. libzmq's messages are most of it.
package enum FreedMemory {
    /// Gives it back to the system. Threads that want memory meanwhile wait.
    package static func giveBack() { stint_give_memory_back() }
}
