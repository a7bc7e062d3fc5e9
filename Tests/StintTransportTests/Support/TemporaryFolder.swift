import Glibc
import Testing

/// A folder of a test, short enough for socket paths, that goes when the test ends.
final class TemporaryFolder {
    let path: String

    init() throws {
        let template = "/tmp/stint.XXXXXX"
        path = try template.withCString { template in
            let name = try #require(strdup(template))
            defer { free(name) }
            return String(cString: try #require(mkdtemp(name)))
        }
    }

    deinit {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink("\(path)/\(name)")
            }
            closedir(folder)
        }
        rmdir(path)
    }
}

/// A listening socket of the system at a path, as a process leaves it when it dies without cleaning up.
func makeListener(at path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    try #require(result == 0 && listen(descriptor, 8) == 0)
    return descriptor
}
