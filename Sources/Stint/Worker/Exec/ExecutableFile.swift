import Foundation
import Glibc

/// Finds the program of a command, and says in a sentence why it cannot be started.
///
/// Asked before each start, because only before it can the cases be told apart: a missing program, one that is not
/// executable and one whose interpreter is missing all end in the same error of `execve`. A shell's "command not
/// found" (exit code 127) looks alike too, but there the program itself did start.
package enum ExecutableFile {
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The absolute path of the program.
    ///
    /// - Parameters:
    ///   - command: With a slash, a path counted from `directory`; without one, a name that is looked up in
    ///     `folders` (first, when given) and then in `path`.
    ///   - directory: Where the program will run. Nil: where this process does.
    package static func find(
        _ command: String, path: String, directory: String? = nil, folders: [String] = []
    ) throws(Problem) -> String {
        if let directory, !isDirectory(directory) {
            throw Problem(description: "the working directory \"\(directory)\" does not exist or is no directory.")
        }
        let here = FileManager.default.currentDirectoryPath
        let base = directory.map { absolute($0, from: here) } ?? here
        if command.contains("/") {
            let file = absolute(command, from: base)
            if let reason = reasonNotToRun(file) { throw Problem(description: "\"\(command)\" \(reason)") }
            return file
        }
        // As a shell does: a file that cannot be run does not end the search, but is named when nothing else is found.
        var found: Problem?
        for folder in folders + path.split(separator: ":").map(String.init) {
            let file = absolute(command, from: absolute(folder, from: base))
            guard access(file, F_OK) == 0 else { continue }
            guard let reason = reasonNotToRun(file) else { return file }
            found = found ?? Problem(description: "\"\(file)\" \(reason)")
        }
        throw found
            ?? Problem(
                description: """
                    "\(command)" is in no folder of PATH (\(path)). Install it, or write its path with a slash.
                    """)
    }

    private static func absolute(_ path: String, from base: String) -> String {
        path.hasPrefix("/") ? path : base + "/" + path
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func reasonNotToRun(_ file: String) -> String? {
        var status = stat()
        guard stat(file, &status) == 0 else { return "does not exist or cannot be reached." }
        guard status.st_mode & S_IFMT == S_IFREG else { return "is no regular file." }
        guard access(file, X_OK) == 0 else { return "is not executable: run chmod +x on it." }
        guard let interpreter = interpreter(of: file) else { return nil }
        if access(interpreter, X_OK) == 0 { return nil }
        return interpreter.hasSuffix("\r")
            ? "has Windows line endings, so that its first line names an interpreter that does not exist."
            : "needs the interpreter \"\(interpreter)\", which does not exist or is not executable."
    }

    /// What stands behind `#!`, nil for anything but a script.
    private static func interpreter(of file: String) -> String? {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }  // executable but not readable is allowed for a binary
        defer { close(descriptor) }
        var head = [UInt8](repeating: 0, count: 256)  // BINPRM_BUF_SIZE: the kernel reads no more either
        let count = read(descriptor, &head, head.count)
        guard count > 2, head[0] == UInt8(ascii: "#"), head[1] == UInt8(ascii: "!") else { return nil }
        let line = head[2..<count].prefix { $0 != UInt8(ascii: "\n") }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        return words.first.map { String(decoding: $0, as: UTF8.self) }
    }
}
