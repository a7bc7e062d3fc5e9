import Logging
import StintCore
import StintTransport

/// What peers may cost at each socket. A connection is an open file, so where the system allows few of them there are
/// fewer connections: libzmq spins at its limit, and the store needs files of its own.
struct SocketLimits: Sendable {
    private(set) var workers: RouterSocket.Limits
    private(set) var clients: RouterSocket.Limits
    /// Open files that all of them together could use, when the system allows fewer.
    let filesMissing: (allowed: Int, wanted: Int)?

    /// Open files when all connections are there.
    var files: Int { workers.connections.connectionsMax + clients.connections.connectionsMax + Self.ownFiles }

    /// Files that are kept for the store, the log, and connections that are just being ended.
    static let ownFiles = 256

    /// - Parameters:
    ///   - files: How many the process may have open; nil: the system does not tell.
    ///   - memoryMax: How much memory it may take.
    init(files: Int?, memoryMax: UInt64) {
        var limits = RouterSocket.Limits(frameBytesMax: Limits.messageBytesMax)
        // Few, because libzmq counts frames and not their bytes; the rest waits in BlockedFrames, where they are counted.
        limits.framesToSendMax = 128
        limits.connections.unfinishedBytesMax = UInt64(Limits.unfinishedBytesMax)
        limits.connections.unfinishedBytesOfAllMax = UInt64(Limits.unfinishedBytesOfAllMax)
        limits.connections.heldBytesOfAllMax = memoryMax / 4
        limits.connections.heldFramesMax = UInt64(Limits.heldFramesMax)
        limits.connections.silenceMax = Limits.silenceMax.inNanoseconds
        limits.connections.uselessMax = Double(Limits.uselessMessagesMax)
        limits.connections.uselessPerSecond = Double(Limits.uselessMessagesPerSecond)
        (workers, clients) = (limits, limits)
        workers.connections.connectionsMax = Limits.workerConnectionsMax
        workers.connections.heldBytesMax = UInt64(Limits.workerHeldBytesMax)
        clients.connections.connectionsMax = Limits.clientConnectionsMax
        clients.connections.heldBytesMax = UInt64(Limits.clientHeldBytesMax)
        let connections = Limits.workerConnectionsMax + Limits.clientConnectionsMax
        let wanted = connections + Self.ownFiles
        guard let files, files < wanted else {
            filesMissing = nil
            return
        }
        filesMissing = (files, wanted)
        let room = max(64, files * 4 / 5 - Self.ownFiles)
        workers.connections.connectionsMax = max(16, room * Limits.workerConnectionsMax / connections)
        clients.connections.connectionsMax = max(48, room * Limits.clientConnectionsMax / connections)
    }

    func warn(_ logger: Logger) {
        guard let filesMissing else { return }
        // Most systems allow some thousands without being asked, and most clusters need some dozens; who comes near hears
        // of it from `stint doctor`.
        logger.log(
            level: clients.connections.connectionsMax < 1_000 ? .warning : .debug,
            "the system allows fewer open files than the broker could use; raise the limit (ulimit -n, LimitNOFILE)",
            metadata: [
                "open_files": "\(filesMissing.allowed)", "wanted": "\(filesMissing.wanted)",
                "worker_connections": "\(workers.connections.connectionsMax)",
                "client_connections": "\(clients.connections.connectionsMax)",
            ])
    }
}
