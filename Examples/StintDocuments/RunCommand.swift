import ArgumentParser
import Foundation
import Papers
import Stint

/// The producer: enqueues one job for every document, watches what becomes of them, enqueues the report.
///
/// It is a client and nothing more. When it is stopped the jobs go on; only the report is then not asked for.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Push documents through the pipeline and show how it goes.",
        discussion: """
            Needs a running cluster: start one with "stint up". Without --docs it reads the licences and copyright \
            files of this system.
            """)

    @Option(help: "A folder of documents (.txt, .md, .html, .pdf), searched with the folders in it.")
    var docs: String?

    @Option(help: "Take only the first of the documents.")
    var limit: Int?

    @Option(help: "Where the files of runs go, each in a folder of its own.")
    var folder = ".stint/runs"

    @Flag(help: "Exit with 0 even when documents of yours could not be read.")
    var keepGoing = false

    @Flag(help: "Leave out the document that is there to show what failure looks like.")
    var noBroken = false

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit); it takes a number from 1 on.") }
    }

    func run() async throws {
        let run = Run(inside: folder)
        let (paths, broken) = try documents(of: run)
        let client = try StintClient()
        defer { client.close() }

        var watch = Watch(tracker: RunTracker(run: run, documents: paths.count, counts: try await client.counts()))
        try run.write(paths, to: .documents)
        Terminal.say("run \(run.name): \(paths.count) documents, files in \(run.folder)")
        try await enqueue(paths, of: run, broken: broken?.document, to: client)
        try await watch.untilDone(client)
        let report = try await watch.report(client)

        let summary = RunSummary(
            tracker: watch.tracker, seconds: watch.seconds, report: report, broken: broken,
            stint: ProcessInfo.processInfo.environment["STINT_COMMAND"] ?? "stint")
        Terminal.print(summary.text)
        let code = summary.exitCode(keepGoing: keepGoing)
        if code != 0 { throw ExitCode(code) }
    }

    /// The documents in the order of their numbers, and the one that is not there.
    private func documents(of run: Run) throws -> (paths: [String], broken: (document: Int, path: String)?) {
        var paths = try docs.map(DocumentFinder.documents) ?? DocumentFinder.systemDocuments()
        if let limit { paths = Array(paths.prefix(limit)) }
        guard !noBroken else { return (paths, nil) }
        let missing = "\(run.folder)/not-there-yet.txt"
        return (paths + [missing], (paths.count + 1, missing))
    }

    private func enqueue(_ paths: [String], of run: Run, broken: Int?, to client: StintClient) async throws {
        let jobs = try zip(1..., paths).map { document, path in
            try NewJob(
                type: ParsePaper.type,
                payload: ParsePaper.Payload(run: run, document: document, path: path),
                id: run.jobID(.parse, document: document),
                // First, and with fewer attempts than others, so that nobody has to wait for it to give up.
                options: document == broken ? JobOptions(priority: 10, attempts: 3) : JobOptions())
        }
        // Each message is stored whole or not at all. Sent again after a failure, jobs that exist are not made twice.
        for start in stride(from: 0, to: jobs.count, by: 1_000) {
            _ = try await client.enqueueAll(Array(jobs[start..<min(start + 1_000, jobs.count)]))
        }
    }
}
