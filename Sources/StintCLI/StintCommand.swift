import ArgumentParser
import Foundation
import Stint

/// The terminal's door to a cluster. Data goes to standard output, talk to standard error; exit codes are
/// ``ExitStatus``.
@main
struct StintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint",
        abstract: "A background-job cluster: durable jobs, leased to workers, retried, and never lost.",
        discussion: """
            EXAMPLES
              stint up                                  run the cluster of ./cluster.json
              stint enqueue checksum '{"path":"a.txt"}' --wait
              stint status --watch
              stint dead list && stint dead replay --all
            """,
        version: Self.version,
        subcommands: [
            Up.self, BrokerCommand.self, WorkerCommand.self, Enqueue.self, Jobs.self, JobCommand.self, Cancel.self,
            Dead.self, Status.self, DoctorCommand.self, Backup.self, Restore.self, Audit.self, Keys.self, Bench.self,
            Bench.Produce.self, Bench.Work.self, GuardCommand.self,
        ])

    static let version = "0.1.0"

    // What the parser says begins as everything else that is said does.
    static let _errorPrefix = "stint: "

    static func main() async {
        CommandLineText.holdClosedStreams()
        do {
            try CommandLineText.check()
            try CommandNames.check(CommandLine.arguments.dropFirst())
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            ExitStatus.end(with: error, helpFor: self)
        }
    }
}

/// What the exit code says. Scripts rely on these.
enum ExitStatus: Int32 {
    case ok = 0
    case failure = 1
    case usage = 2
    case notFound = 3
    /// Because of keys: unknown, revoked, expired, or of a role that may not.
    case forbidden = 4
    case conflict = 5
    case unreachable = 6
    /// No answer in time, or one whose outcome is unknown.
    case timeout = 7
    /// `--wait`: the job is dead or cancelled.
    case jobFailed = 9

    /// Says what went wrong and ends the process.
    static func end(with error: any Error, helpFor command: any ParsableCommand.Type) -> Never {
        if let error = error as? CommandError {
            if !error.message.isEmpty { StandardError.write("stint: \(error.message)") }
            exit(error.status.rawValue)
        }
        if let error = error as? StintError {
            StandardError.write("stint: \(error.sentence)")
            exit(ExitStatus(error.code).rawValue)
        }
        if let error = error as? ConfigError {
            StandardError.write("\(error.description)")
            exit(ExitStatus.usage.rawValue)
        }
        let code = command.exitCode(for: error)
        if code == .success || code == .validationFailure || error is CleanExit {
            let message = command.fullMessage(for: error)
            if code == .success {
                do { try StandardOutput.write(message) } catch { end(with: error, helpFor: command) }
                exit(ExitStatus.ok.rawValue)
            }
            StandardError.write(message)
            exit(ExitStatus.usage.rawValue)
        }
        if let exitCode = error as? ExitCode { exit(exitCode.rawValue) }
        StandardError.write("stint: \(error)")
        exit(ExitStatus.failure.rawValue)
    }

    init(_ code: StintError.Code) {
        switch code {
        case .notFound: self = .notFound
        case .conflict, .wrongState: self = .conflict
        case .unreachable: self = .unreachable
        case .forbidden, .notAdmitted: self = .forbidden
        case .outcomeUnknown, .closed: self = .timeout
        case .invalid, .configuration: self = .usage
        default: self = .failure
        }
    }
}

extension StintError {
    /// The description without the name of a field of the wire in front, which means nothing at a terminal.
    var sentence: String {
        guard let end = description.firstRange(of: ": ") else { return description }
        let name = description[..<end.lowerBound]
        let isField =
            name.contains(".")
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || "._[]0123456789".utf8.contains(byte)
            }
        return isField ? String(description[end.upperBound...]) : description
    }
}

/// A command that ends with a sentence and a code.
struct CommandError: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
