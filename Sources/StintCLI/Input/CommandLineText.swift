import Foundation
import Glibc

/// The words that a command was called with, before anything is made of them.
enum CommandLineText {
    /// Swift puts U+FFFD in the place of what is not UTF-8, so a payload or a name would silently be another one.
    ///
    /// - Throws: ``CommandError`` with `usage`.
    static func check() throws {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let word = CommandLine.unsafeArgv[index] else { break }
            guard String(validatingCString: word) == nil else { continue }
            throw CommandError(
                .usage, "argument \(index) is not UTF-8; give a payload in another encoding as a converted @file")
        }
    }

    /// Keeps the number of a standard stream that was closed from being given to the next file or socket that is opened,
    /// which would then be read as input or written to as output. Reading from it, or writing to it, fails as before.
    static func holdClosedStreams() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", mode)
        }
    }

    /// The command as it was typed, with more words: what a shell takes to run it again.
    static func repeated(_ command: [String] = CommandLine.arguments, adding words: [String] = []) -> String {
        let safe = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:@=,+")
        return (command + words).map { word in
            !word.isEmpty && word.unicodeScalars.allSatisfy(safe.contains)
                ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
        }.joined(separator: " ")
    }
}
