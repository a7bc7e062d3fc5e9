import Glibc

/// The data of a command, on standard output. Every write is looked at: a full disk or a reader that is gone must not
/// look like success, least of all when what is lost are the ids of jobs that exist.
enum StandardOutput {
    struct WriteFailure: Error, Equatable, CustomStringConvertible {
        let code: Int32

        var description: String { String(cString: strerror(code)) }
    }

    /// Writes a text and the end of its line, and returns once the system has taken it.
    ///
    /// - Throws: ``CommandError`` with `failure`.
    static func write(_ text: some CustomStringConvertible) throws {
        do throws(WriteFailure) {
            try send(text.description + "\n", to: STDOUT_FILENO)
        } catch {
            // A reader that had enough, such as head, is no news to anybody.
            if error.code == EPIPE { throw CommandError(.failure, "") }
            throw CommandError(
                .failure, "the output cannot be written: \(error). What the command itself did stays done.")
        }
    }

    static func send(_ text: String, to descriptor: Int32) throws(WriteFailure) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
                continue
            }
            let code = errno
            switch code {
            case EINTR: continue
            case EAGAIN:
                // A terminal that another program made so.
                var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&watched, 1, -1)
            default: throw WriteFailure(code: code)
            }
        }
    }
}
