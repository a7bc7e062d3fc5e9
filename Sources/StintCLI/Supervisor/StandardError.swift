import Glibc

/// What a command says to people, on standard error: waits for its reader. What the supervisor passes on must not
/// wait; see ``LineOutput``.
package enum StandardError {
    package static func write(_ line: String) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno != EINTR { return }  // nobody is there to be told
            bytes = bytes.dropFirst(max(count, 0))
        }
    }
}
