import Glibc
import Synchronization

/// A thread that sees to it that other threads turn, and ends the process when one of them no longer does.
///
/// A loop that hangs in a disk, in a lock or in a bug of a library keeps its sockets and its lock: peers connect and are
/// never answered, and no other broker can take over. Ending is the mend: nothing acknowledged can be lost by it, what
/// supervises the process starts it again, and the next life adopts the leases.
///
/// **When.** After ``Settings/stallMax`` in which a thread did not turn at all, counted in looks of this thread; see
/// ``StallJudge`` for what that spares. Waiting for work, and waiting for room on a full disk, are turns.
/// **How.** One line on standard error that names the thread, the place where it stands and what the kernel says of it,
/// then `_exit` with ``exitCode``. No logger is asked: its lock or its pipe may be what the thread hangs in. A thread that
/// the kernel holds in a disk that never answers (state D) holds the end up too, whoever sends it.
package final class Watchdog: Sendable {
    /// What the process ends with: EX_SOFTWARE of `sysexits.h`. No command uses it for anything else.
    package static let exitCode: Int32 = 70
    package static let stallMaxDefault: Duration = .seconds(30)

    package struct Settings: Sendable {
        /// How long a thread may stand still.
        package var stallMax: Duration
        /// How often the watchdog looks, which is also how often an idle loop has to turn.
        package var look: Duration
        /// How many looks make up ``stallMax``.
        var looksMax: Int { max(1, Int(stallMax / look)) }

        /// - Parameter manager: The service manager that wants to be told that the process lives, if any: then there are
        ///   at least four looks in its period.
        package init(stallMax: Duration = Watchdog.stallMaxDefault, toldTo manager: ServiceManager? = nil) {
            precondition(stallMax >= .milliseconds(30), "a watchdog needs a bound of 30 ms or more")
            self.stallMax = stallMax
            let told = manager?.watchdogPeriod.map { max($0 / 4, .milliseconds(10)) }
            look = min(stallMax / 30, told ?? stallMax / 30)
        }
    }

    /// A thread that stands still.
    package struct Stall: Sendable, CustomStringConvertible {
        package let thread: String
        package let place: Pulse.Place
        let stillFor: Duration
        let kernel: String

        package var description: String {
            let seconds = stillFor / .seconds(1)
            let time = seconds >= 10 ? "\(Int(seconds))" : "\((seconds * 10).rounded() / 10)"
            return "the thread \(thread) has not turned for \(time) s: it stands in \"\(place)\"\(kernel)"
        }
    }

    /// How often an idle loop has to turn.
    package let look: Duration
    private let bell: Waker
    private let isStopped = Atomic(false)
    private let thread: Mutex<SocketThread?> = Mutex(nil)

    /// Begins to look.
    ///
    /// - Parameters:
    ///   - manager: Told that the process lives, for as long as every thread turns.
    ///   - onStall: What to do with threads that stand; asked once. The default ends the process.
    package init(
        _ pulses: [Pulse], _ settings: Settings = Settings(), manager: ServiceManager? = nil,
        onStall: @escaping @Sendable ([Stall]) -> Void = { Watchdog.endProcess($0) }
    ) throws(TransportError) {
        look = settings.look
        bell = try Waker()
        let (bell, look) = (bell, settings.look)
        let started = try SocketThread(name: "stint-watchdog") { [weak self] in
            var judge = StallJudge(threads: pulses.count, looksMax: settings.looksMax)
            while true {
                bell.wait(upTo: look)
                guard let self, !isStopped.load(ordering: .acquiring) else { return }
                let readings = pulses.map(\.reading)
                let stalled = judge.look(readings)
                guard stalled.isEmpty else {
                    return onStall(
                        stalled.map {
                            Stall(
                                thread: pulses[$0].name, place: readings[$0].place,
                                stillFor: look * settings.looksMax, kernel: Self.kernelState(of: pulses[$0].thread))
                        })
                }
                if judge.allTurn { manager?.isAlive() }
            }
        }
        thread.withLock { $0 = started }
    }

    /// The threads may stand still from now on. Returns when the watchdog will do nothing any more.
    package func stop() {
        isStopped.store(true, ordering: .releasing)
        bell.wake()
        thread.withLock { $0 }?.join()
    }

    deinit {
        isStopped.store(true, ordering: .releasing)
        bell.wake()
    }

    // MARK: The end

    package static func endProcess(_ stalls: [Stall]) -> Never {
        for stall in stalls {
            lastWords(
                "stint: \(stall). The process ends with exit code \(exitCode), so that it can be started anew; nothing "
                    + "that was acknowledged is lost.")
        }
        _exit(exitCode)
    }

    /// Says it if anybody listens: waits for the reader for a second, no longer.
    private static func lastWords(_ line: String) {
        var watched = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&watched, 1, 1_000) > 0 else { return }
        // Shorter than PIPE_BUF, so a pipe that takes something takes it whole.
        let bytes = Array((line + "\n").utf8.prefix(2_000))
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// ` (the kernel says: D (disk sleep), in folio_wait_bit_common)`, or nothing where it does not tell.
    private static func kernelState(of thread: Int32?) -> String {
        guard let thread else { return "" }
        let folder = "/proc/self/task/\(thread)"
        let state = firstBytes(of: "\(folder)/status").split(separator: "\n").first { $0.hasPrefix("State:") }
        guard let state = state?.dropFirst(6).drop(while: { $0 == " " || $0 == "\t" }) else { return "" }
        let place = firstBytes(of: "\(folder)/wchan")
        return " (the kernel says: \(state)\(place.isEmpty || place == "0" ? "" : ", in \(place)"))"
    }

    private static func firstBytes(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
