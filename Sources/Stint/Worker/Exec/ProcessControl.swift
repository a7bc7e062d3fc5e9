import Foundation
import Glibc
import Synchronization
import SystemPackage

/// The one handle that others hold on a running process: asks its ``ProcessPump`` to stop it, from any thread, at
/// any time, also before it has started and after it has ended.
package final class ProcessControl: Sendable {
    struct Wishes {
        /// Stop politely, then after this long by force.
        var stop: Duration?
        var isKilled = false
        /// Standard output is not read while anybody holds it: the child waits in its write.
        var holds = 0
        /// The process was still running when it was told to stop.
        var hasSignalled = false
    }

    private let wishes = Mutex(Wishes())
    let wakeInput: Int32
    private let wakeOutput: Int32

    /// - Throws: ``LaunchProblem/shortage(_:)`` when no descriptors are left.
    package init() throws(LaunchProblem) {
        let pipe = try Pipes.make()
        (wakeInput, wakeOutput) = (pipe.readEnd, pipe.writeEnd)
        Pipes.setNonBlocking(wakeInput)
        Pipes.setNonBlocking(wakeOutput)
    }

    deinit {
        close(wakeInput)
        close(wakeOutput)
    }

    /// SIGTERM to the process group now, SIGKILL after the grace. The first call decides.
    package func stop(grace: Duration) {
        change { $0.stop = $0.stop ?? grace }
    }

    /// SIGKILL to the process group now.
    package func kill() {
        change { $0.isKilled = true }
    }

    func hold() { wishes.withLock { $0.holds += 1 } }
    func letGo() { change { $0.holds -= 1 } }

    func noteSignal() { wishes.withLock { $0.hasSignalled = true } }
    var hasSignalled: Bool { wishes.withLock { $0.hasSignalled } }

    /// What is wished now; empties the pipe first, so that a later wish wakes again.
    func read() -> Wishes {
        var bytes = (UInt64(0), UInt64(0))
        while withUnsafeMutableBytes(of: &bytes, { Glibc.read(wakeInput, $0.baseAddress, $0.count) }) > 0 {}
        return wishes.withLock { $0 }
    }

    private func change(_ edit: (inout Wishes) -> Void) {
        wishes.withLock { edit(&$0) }
        // The reading end is ours and open as long as this object lives, so there is no SIGPIPE; a full pipe is
        // a wake-up that is already on its way.
        var byte: UInt8 = 1
        _ = write(wakeOutput, &byte, 1)
    }
}

/// Pipes that no child inherits by accident: close-on-exec from the first moment (`pipe2`), whatever other code of
/// this process forks meanwhile.
enum Pipes {
    static func make() throws(LaunchProblem) -> (readEnd: Int32, writeEnd: Int32) {
        do {
            let pipe = try FileDescriptor.pipe(options: .closeOnExec)
            return (pipe.readEnd.rawValue, pipe.writeEnd.rawValue)
        } catch {
            throw .shortage("this process could not open a pipe: \(error).")
        }
    }

    /// Only for our end. The flag belongs to one end of a pipe, so the child's stays an ordinary blocking one.
    static func setNonBlocking(_ descriptor: Int32) {
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    }

    static func openNull(_ mode: Int32) throws(LaunchProblem) -> Int32 {
        let descriptor = open("/dev/null", mode | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .shortage("this process could not open /dev/null: \(String(cString: strerror(errno))).")
        }
        return descriptor
    }
}
