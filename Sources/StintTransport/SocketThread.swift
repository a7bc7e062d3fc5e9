import CZeroMQ
import Glibc
import Synchronization

/// A plain named thread, for what owns sockets. ZeroMQ sockets belong to one thread (two senders abort the process),
/// and a thread of the cooperative pool would be blocked by their waiting.
///
/// The body is `sending`: sockets made elsewhere can be handed over once, and the compiler sees that nobody keeps them.
/// Signals that end or interrupt a program stay with the main thread. A child process that is started from here would
/// inherit that mask, so start none.
package final class SocketThread: Sendable {
    private let thread: pthread_t
    private let isJoined = Mutex(false)

    package static let nameBytesMax = 15
    private static let mainThreadSignals = [
        SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGCHLD, SIGUSR1, SIGUSR2,
    ]

    /// - Parameters:
    ///   - name: 1…15 bytes, shown by `top -H` and debuggers.
    ///   - stackBytes: Address space, not memory: pages count when they are touched.
    package init(
        name: String, stackBytes: Int = 2 * 1_048_576, body: sending @escaping () -> Void
    ) throws(TransportError) {
        precondition((1...Self.nameBytesMax).contains(name.utf8.count), "a thread's name has 1 to 15 bytes: \(name)")
        precondition(stackBytes >= 131_072, "a socket thread needs 128 KiB of stack or more, got \(stackBytes)")
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        let pageBytes = Int(getpagesize())
        pthread_attr_setstacksize(&attributes, (stackBytes + pageBytes - 1) / pageBytes * pageBytes)

        // A thread inherits the mask of its maker. Blocking around the creation leaves no moment in which the new
        // thread could be given a signal, which blocking as its first deed would.
        var blocked = sigset_t()
        var before = sigset_t()
        sigemptyset(&blocked)
        for signal in Self.mainThreadSignals { sigaddset(&blocked, signal) }
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var created = pthread_t()
        let result = pthread_create(&created, &attributes, { Start.run($0) }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw .system("start the thread \"\(name)\"", result)
        }
        thread = created
    }

    deinit {
        if !isJoined.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Returns when the body has returned. Blocks; never from the thread itself, never from a Swift task.
    package func join() {
        precondition(pthread_equal(thread, pthread_self()) == 0, "a thread cannot wait for its own end")
        // A second caller waits at the lock until the first one's join is through.
        isJoined.withLock { isJoined in
            guard !isJoined else { return }
            let result = pthread_join(thread, nil)
            precondition(result == 0, "pthread_join failed: error \(result)")
            isJoined = true
        }
    }

    /// Carries the body through pthread_create's one pointer.
    private final class Start {
        let name: String
        let body: () -> Void

        init(name: String, body: sending @escaping () -> Void) {
            self.name = name
            self.body = body
        }

        static func run(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
            guard let pointer else { preconditionFailure("a thread started without its body") }
            let start = Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue()
            stint_name_this_thread(start.name)
            start.body()
            return nil
        }
    }
}
