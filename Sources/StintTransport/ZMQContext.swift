import CZeroMQ
import Glibc
import Synchronization

/// The room all sockets of a process share: libzmq's I/O threads live here.
///
/// **One per process**, ``ofThisProcess()``: with libzmq 4.3.4 two contexts that use CURVE crash when the first of them
/// ends (it closes libsodium's random source for both), `inproc` names and the authentication handler reach only
/// within one, and each has I/O threads of its own. Tests may make more.
///
/// Ending it cannot hang: every socket keeps its context alive and is closed with LINGER 0 before it lets go, so when
/// the last reference goes there is no open socket to wait for, and nothing unsent is waited for.
// Sendable, although it holds a pointer: libzmq's contexts are thread safe by its manual (`zmq_socket`, `zmq_ctx_term`
// may be called from any thread), the pointer never changes, and the only other state is atomic.
package final class ZMQContext: @unchecked Sendable {
    let raw: UnsafeMutableRawPointer
    private let monitorsMade = Atomic(0)

    /// - Parameter ioThreads: 1…16. One moves about a gigabyte a second; more help a host with many cores.
    package init(ioThreads: Int = 1) throws(TransportError) {
        precondition((1...16).contains(ioThreads), "a context has 1 to 16 I/O threads, not \(ioThreads)")
        guard let context = zmq_ctx_new() else { throw .system("make a ZeroMQ context", zmq_errno()) }
        raw = context
        // BLOCKY 0 lets every socket, also those that libzmq makes for itself, begin with LINGER 0.
        for (option, value) in [(ZMQ_IO_THREADS, Int32(ioThreads)), (ZMQ_BLOCKY, 0)] {
            let result = zmq_ctx_set(context, option, value)
            precondition(
                result == 0 && zmq_ctx_get(context, option) == value, "libzmq refused context option \(option)")
        }
    }

    deinit {
        while zmq_ctx_term(raw) != 0 {
            precondition(zmq_errno() == EINTR, "zmq_ctx_term failed: error \(zmq_errno())")
        }
    }

    /// Of the library that this process runs with: `4.3.4`.
    package static var libraryVersion: String {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        zmq_version(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }

    /// The context of this process, made at the first call and kept until the process ends.
    package static func ofThisProcess() throws(TransportError) -> ZMQContext { try theOne.get() }

    private static let theOne: Result<ZMQContext, TransportError> = {
        do throws(TransportError) { return .success(try ZMQContext()) } catch { return .failure(error) }
    }()

    /// A name for one monitor's `inproc` socket, never used twice.
    func nextMonitorName() -> String {
        "inproc://stint.monitor.\(monitorsMade.add(1, ordering: .relaxed).newValue)"
    }
}
