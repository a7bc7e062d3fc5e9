import Glibc

/// The file of an `ipc://` socket, looked at before it is bound.
///
/// libzmq removes whatever stands at the path, without a question, and binds. That is right for the socket of a dead
/// process, which nobody else cleans up. It would also delete a file of the user, or take the path of a broker that is
/// alive, whose next connections would then go to the wrong one. Two brokers that start at the same moment can both
/// pass; the lock on the store decides between those.
struct SocketFile {
    let path: String

    func prepareForBinding(_ endpoint: Endpoint) throws(TransportError) {
        try checkFolder(endpoint)
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .system("look at \"\(path)\"", errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw TransportError(
                .addressUnavailable, retryable: false,
                """
                will not bind "\(endpoint)": there is a file at that path that is not a socket, and binding would \
                delete it. Choose another path, or remove the file.
                """)
        }
        if try isAnswered() { throw .addressInUse(endpoint) }
    }

    private func checkFolder(_ endpoint: Endpoint) throws(TransportError) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw TransportError(
                .addressUnavailable, retryable: false,
                """
                cannot bind "\(endpoint)": the folder \(TransportError.quoted(folder)) does not exist. Make it, best \
                with `mkdir -m 700`, or choose another path.
                """)
        }
    }

    /// Does a process accept connections there? The trial connection is ended at once; a listener does not mind.
    private func isAnswered() throws(TransportError) -> Bool {
        let trial = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard trial >= 0 else { throw .system("look at \"\(path)\"", errno) }
        defer { _ = close(trial) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            precondition(path.utf8.count < room.count, "Endpoint lets no longer path through")
            room.copyBytes(from: path.utf8)
        }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(trial, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // ECONNREFUSED: the file has outlived its process. ENOENT: it went meanwhile. A full backlog (EAGAIN) or a file
        // of another user (EACCES) is not ours to remove.
        return result == 0 || (errno != ECONNREFUSED && errno != ENOENT)
    }
}

extension TransportError {
    static func addressInUse(_ endpoint: Endpoint) -> TransportError {
        let finding =
            switch endpoint.address {
            case .tcp(_, let port): "`ss -ltnp sport = :\(port)` names it"
            case .ipc(let path): "`ss -lxp src \(path)` names it"
            case .inproc: "it is a socket of this process"
            }
        return TransportError(
            .addressInUse, retryable: true,
            """
            cannot bind "\(endpoint)": another socket listens there (\(finding)). Stop that process, or choose another \
            address for this one.
            """)
    }
}
