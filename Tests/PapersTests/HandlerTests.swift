import Foundation
import Stint
import Testing

@testable import Papers

// Goal: each step does its work and says what it should, alone. Method: a handler is called with a payload and a
// channel that records; there is no broker, no worker and no other step than those a test calls itself.
@Suite("Steps of the pipeline") struct HandlerTests {
    private let folder: TemporaryFolder
    private let run: Run

    init() throws {
        folder = try TemporaryFolder()
        run = Run(inside: folder.path)
    }

    private func parse(_ path: String, document: Int = 1) async throws -> (ParsePaper.Result, RecordingChannel.Said) {
        try await ParsePaper().attempt(.init(run: run, document: document, path: path))
    }

    // MARK: parse_paper

    @Test("parse_paper leaves the text and enqueues its two children")
    func parses() async throws {
        let path = try folder.write("a.html", "<p>You <b>must</b> stay.</p><p>Really &amp; truly.</p>")
        let (result, said) = try await parse(path, document: 7)
        #expect(
            result
                == ParsePaper.Result(
                    textPath: "\(run.folder)/0007.txt", kind: .html, characters: 32, words: 5, paragraphs: 2))
        #expect(try String(contentsOfFile: result.textPath, encoding: .utf8) == "You must stay.\n\nReally & truly.\n")
        #expect(said.children.map(\.type) == ["extract_claims", "checksum"])
        #expect(said.children.map(\.id) == [run.jobID(.claims, document: 7), run.jobID(.checksum, document: 7)])
        #expect(String(decoding: said.children[1].payload, as: UTF8.self) == "{\"path\":\"\(path)\"}")
    }

    @Test("a step that runs twice leaves the same files and the same children")
    func twice() async throws {
        let path = try folder.write("a.txt", "You must stay.")
        let first = try await parse(path)
        let second = try await parse(path)
        #expect(first.0 == second.0)
        #expect(first.1.children.map(\.id) == second.1.children.map(\.id))
        #expect(first.1.children.map(\.payload) == second.1.children.map(\.payload))
        let names = try FileManager.default.contentsOfDirectory(atPath: run.folder)
        #expect(names.sorted() == ["0001.paper.json", "0001.txt"])
    }

    @Test("a document that is not there is tried again, and the message is a sentence with a next step")
    func missing() async throws {
        let error = await #expect(throws: JobError.self) { try await parse("\(folder.path)/gone.txt") }
        #expect(error?.kind == .retry(after: nil))
        #expect(error?.message.contains("gone.txt\": No such file or directory. Put it there") == true)
    }

    @Test("what will never be a document fails for good", arguments: ["x.docx", "x.png"])
    func unsupported(name: String) async throws {
        let path = try folder.write(name, "text")
        let error = await #expect(throws: JobError.self) { try await parse(path) }
        #expect(error?.kind == .permanent)
        #expect(error?.message.contains(DocumentKind.endings) == true)
    }

    @Test("a folder, a pipe and bytes that are no text fail for good")
    func noText() async throws {
        let binary = try folder.write("binary", Data([65, 0, 66]))
        let pipe = "\(folder.path)/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [folder.path, pipe, binary] {
            let error = await #expect(throws: JobError.self) { try await parse(path) }
            #expect(error?.kind == .permanent, "\(path)")
        }
    }

    @Test("an empty document is one with no words")
    func empty() async throws {
        let (result, _) = try await parse(try folder.write("empty.txt", ""))
        #expect(result.words == 0 && result.characters == 0 && result.paragraphs == 0)
    }

    // MARK: extract_claims

    @Test("extract_claims writes the claims and enqueues the detection")
    func extracts() async throws {
        _ = try await parse(try folder.write("a.txt", "You must keep this notice. A house stood there."))
        let (result, said) = try await ExtractClaims().attempt(.init(run: run, document: 1))
        #expect(result == .init(claimsPath: "\(run.folder)/0001.claims.json", sentences: 2, claims: 1))
        #expect(said.children.map(\.id) == [run.jobID(.entities, document: 1)])
        let found = try run.read(FoundClaims.self, from: .claims(1))
        #expect(found.claims.map(\.sentence) == ["You must keep this notice."])
    }

    @Test("a text that an earlier step should have left is worth another try")
    func noEarlierStep() async {
        let error = await #expect(throws: JobError.self) {
            try await ExtractClaims().attempt(.init(run: run, document: 1))
        }
        #expect(error?.kind == .retry(after: nil))
        #expect(error?.message.contains("0001.txt") == true)
    }

    // MARK: detect_entities

    private struct Report: Decodable {
        var fraction: Double
        var step: Int
        var steps: Int
        var fields: DetectEntities.Progress
    }

    @Test("detect_entities reports every type as it goes")
    func progress() async throws {
        try run.write("Boston, Paris, Boston. jane@example.org", to: .text(1))
        let (result, said) = try await DetectEntities().attempt(
            .init(run: run, document: 1, entityTypes: ["Place", "Email", "Dragon"]))
        #expect(result == .init(totalFound: 4, totalEmitted: 3, errors: 1))
        let reports = try said.progress.map { try JSONDecoder().decode(Report.self, from: $0) }
        #expect(reports.map(\.fields.processedEntityTypes) == [0, 1, 2, 3])
        #expect(reports.map(\.fields.currentEntityType) == ["Place", "Email", "Dragon", nil])
        #expect(reports.map(\.fields.entitiesFound) == [0, 3, 4, 4])
        #expect(reports.map(\.fields.entitiesEmitted) == [0, 2, 3, 3])
        #expect(reports.allSatisfy { $0.fields.totalEntityTypes == 3 && $0.steps == 3 })
        #expect(reports.last?.fraction == 1)
        #expect(said.log == ["\"Dragon\" is no entity type of this version"])
        #expect(said.checkpoints.isEmpty)
    }

    @Test("an attempt goes on where the last one saved, and finds the same")
    func resumes() async throws {
        try run.write("Boston and Paris. jane@example.org, https://example.org", to: .text(1))
        let payload = DetectEntities.Payload(run: run, document: 1, entityTypes: nil)
        let (whole, _) = try await DetectEntities().attempt(payload)
        let entities = try run.read(FoundEntities.self, from: .entities(1))

        // With no time between checkpoints, one is made after each type but the last.
        let (_, said) = try await DetectEntities(checkpointEvery: .zero).attempt(payload)
        #expect(said.checkpoints.count == EntityType.allCases.count - 1)
        #expect(!run.exists(.unfinishedEntities(1)))

        var unfinished = FoundEntities()
        for type in ["Person", "Organization", "Place"] {
            unfinished.add(type, in: Prose("Boston and Paris. jane@example.org, https://example.org"))
        }
        try run.write(unfinished, to: .unfinishedEntities(1))
        let (resumed, later) = try await DetectEntities().attempt(payload, number: 2, checkpoint: said.checkpoints[2])
        #expect(resumed == whole)
        #expect(later.progress.count == EntityType.allCases.count - 3 + 1)
        #expect(try run.read(FoundEntities.self, from: .entities(1)) == entities)
    }

    @Test("a checkpoint whose file is gone begins anew")
    func lostCheckpoint() async throws {
        try run.write("Boston", to: .text(1))
        let (result, _) = try await DetectEntities().attempt(
            .init(run: run, document: 1, entityTypes: nil), number: 2,
            checkpoint: Data("{\"processedEntityTypes\":3}".utf8))
        #expect(result.totalFound == 1)
    }

    @Test("a cancelled task stops between two types")
    func cancelled() async throws {
        try run.write("Boston", to: .text(1))
        let run = run
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await DetectEntities().attempt(.init(run: run, document: 1, entityTypes: nil))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!run.exists(.entities(1)))
    }

    // MARK: report, and all of it

    @Test("real licences go from file to report", .enabled(if: Licences.isHere))
    func realDocuments() async throws {
        let paths = Licences.paths + ["\(folder.path)/gone.txt"]
        try run.write(paths, to: .documents)
        for (document, path) in zip(1..., Licences.paths) {
            _ = try await parse(path, document: document)
            _ = try await ExtractClaims().attempt(.init(run: run, document: document))
            _ = try await DetectEntities().attempt(.init(run: run, document: document, entityTypes: nil))
        }
        let failure = ReportContent.Failure(
            document: paths.count, job: "\(run.jobID(.parse, document: paths.count))", type: "parse_paper",
            message: "cannot read it")
        let (result, said) = try await WriteReport().attempt(.init(run: run, failures: [failure]))
        #expect(result.documents == paths.count)
        #expect(result.claims > 100)
        #expect(result.entities > 20)
        #expect(said.children.isEmpty)
        let page = try String(contentsOfFile: result.path, encoding: .utf8)
        for path in Licences.paths { #expect(page.contains(path.lastTwoComponents)) }
        #expect(page.contains("stint dead replay \(failure.job)"))

        let again = try await WriteReport().attempt(.init(run: run, failures: [failure]))
        #expect(again.result == result)
        #expect(try String(contentsOfFile: result.path, encoding: .utf8) == page)
    }

    @Test("a run in which nothing could be read still has a report")
    func nothingRead() async throws {
        try run.write(["/nowhere/a.txt"], to: .documents)
        let (result, _) = try await WriteReport().attempt(.init(run: run, failures: []))
        #expect(result.documents == 1 && result.claims == 0)
    }

    @Test("the failures of a report fit into a payload, however many and long they are")
    func boundedPayload() throws {
        let long = String(repeating: "é", count: 20_000)
        let failures = (1...5_000).map {
            ReportContent.Failure(
                document: $0, job: "\(run.jobID(.parse, document: $0))", type: "parse_paper", message: long)
        }
        let payload = WriteReport.Payload(run: run, failures: failures)
        #expect(payload.failures.count == WriteReport.Payload.failuresMax)
        #expect(try JSONEncoder().encode(payload).count < Limits.payloadBytesMax)
    }

    @Test("the worker serves the four Swift types and leaves the executable to its pool")
    func registry() {
        #expect(PaperHandlers.registry.types == ["detect_entities", "extract_claims", "parse_paper", "report"])
    }
}
