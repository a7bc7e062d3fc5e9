import Foundation
import StintCore

/// How an ordinary executable serves a type: what is run, what it is given, how its output is read. The `handlers`
/// section of `cluster.json` says it in JSON.
///
///     ExecSpec(argv: ["sha256sum", "{{payload.path}}"], input: .none, output: .raw)
///
/// There is no shell between `argv` and the program: an argument is one argument, whatever stands in the payload.
package struct ExecSpec: Sendable, Hashable {
    /// What the program finds on its standard input.
    package enum Input: Sendable, Hashable {
        /// One line of JSON, `{"job":{…},"payload":…}`, then end of file. See ``ExecInput``.
        case job
        /// Nothing: `/dev/null`.
        case none
    }

    /// How its standard output is read. Standard error is the job's log in either case.
    package enum Output: Sendable, Hashable {
        /// Line by line: messages and log lines. See ``HandlerMessage``.
        case messages
        /// The last 64 KiB become the result, as a JSON string.
        case raw
    }

    package struct Limits: Sendable, Hashable {
        /// The longest line, 1…16 777 216 bytes.
        package var lineBytesMax: Int
        /// Standard output and standard error of one attempt together. Past it the attempt is stopped and fails.
        package var outputBytesMax: Int
        /// Lines of one attempt that reach the job's log; the others are counted and dropped.
        package var logLinesMax: Int

        package init(lineBytesMax: Int = 1 << 20, outputBytesMax: Int = 64 << 20, logLinesMax: Int = 10_000) {
            precondition((1...1 << 24).contains(lineBytesMax) && outputBytesMax > 0 && logLinesMax >= 0)
            self.lineBytesMax = lineBytesMax
            self.outputBytesMax = outputBytesMax
            self.logLinesMax = logLinesMax
        }
    }

    /// The program, then its arguments; in the arguments `{{payload.path}}` and the like are replaced. A name without
    /// a slash is looked up in `PATH`; a relative path counts from `directory`.
    package var argv: [String]
    /// Added to the variables that every handler is given. See ``ExecEnvironment``.
    package var environment: [String: String]
    /// Nil: the worker's own.
    package var directory: String?
    package var input: Input
    package var output: Output
    /// Whether a value of the payload may begin an argument with `-`, where a program could take it for an option.
    package var allowDashValues: Bool
    /// Between the polite signal (SIGTERM) and the last one (SIGKILL), when the attempt is to stop.
    package var grace: Duration
    package var limits: Limits

    package init(
        argv: [String], environment: [String: String] = [:], directory: String? = nil, input: Input = .job,
        output: Output = .messages, allowDashValues: Bool = false, grace: Duration = .seconds(10),
        limits: Limits = Limits()
    ) {
        self.argv = argv
        self.environment = environment
        self.directory = directory
        self.input = input
        self.output = output
        self.allowDashValues = allowDashValues
        self.grace = grace
        self.limits = limits
    }

    /// Everything that is wrong with it, each in a sentence; empty when it can be registered. Whether the program
    /// exists is not asked here but at every attempt: it can be installed, and removed, at any time.
    package var problems: [String] {
        var problems: [String] = []
        if argv.first?.isEmpty ?? true {
            problems.append("\"exec\" names no program: write the one to run, then its arguments.")
        }
        for (index, argument) in argv.enumerated() {
            do throws(ArgumentTemplate.Problem) {
                let template = try ArgumentTemplate(argument)
                if index == 0, !template.isLiteral {
                    problems.append(
                        "\"\(argument)\" takes the program itself from the job: only arguments are substituted.")
                }
            } catch {
                problems.append(error.sentence)
            }
        }
        for name in environment.keys.sorted() where !ExecEnvironment.isValid(name: name) {
            problems.append(
                "\"\(name)\" is no name of an environment variable: use A-Z a-z 0-9 _ and begin with none of 0-9.")
        }
        for name in environment.keys.sorted() where environment[name]?.utf8.contains(0) == true {
            problems.append("the environment variable \"\(name)\" contains a NUL character, which no program can read.")
        }
        return problems
    }
}
