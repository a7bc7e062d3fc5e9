import Foundation
import Glibc
import StintBroker
import StintCore

extension DoctorFacts.HostFacts {
    /// This host, now.
    static func now() -> Self {
        var host = Self()
        host.zmqVersion = LibraryVersions.zmq
        host.sqliteVersion = LibraryVersions.sqlite
        host.now = clock()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            host.openFiles = (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
        }
        return host
    }

    static func clock() -> WallTime { WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }
}
