import Foundation
import Stint
import Testing

@testable import Papers

@Suite("Runs and their ids") struct RunTests {
    private let moment = Date(timeIntervalSince1970: 1_751_205_930.25)

    @Test("every job of a run has an id of its own, a UUID of version 7")
    func unique() {
        let run = Run(startedAt: moment, tag: .max, inside: "/runs")
        var ids: Set<JobID> = []
        for step in Run.Step.allCases {
            for document in [0, 1, 2, 255, 256, 65_536, 16_777_215] { ids.insert(run.jobID(step, document: document)) }
        }
        #expect(ids.count == Run.Step.allCases.count * 7)
        for id in ids {
            let text = Array(id.description)
            #expect(text[14] == "7" && text[19] == "8")
        }
        #expect(!ids.contains(run.id))
    }

    @Test("the same run names the same ids; another run, started in the same moment, others")
    func deterministic() {
        let run = Run(startedAt: moment, tag: 1, inside: "/runs")
        #expect(run.jobID(.claims, document: 9) == Run(id: run.id, folder: "/x").jobID(.claims, document: 9))
        #expect(
            run.jobID(.parse, document: 1) != Run(startedAt: moment, tag: 2, inside: "/runs").jobID(.parse, document: 1)
        )
        #expect(run.jobID(.parse, document: 1) < run.jobID(.parse, document: 2))
    }

    @Test("the name of a run tells when it started")
    func name() {
        let run = Run(startedAt: moment, tag: 0xABC_DEF1_2300, inside: "/runs")
        #expect(run.name.hasPrefix("20250629-140530-"))
        #expect(run.folder == "/runs/\(run.name)")
        #expect(abs(run.startedAt.timeIntervalSince(moment)) < 0.001)
    }

    @Test("a run travels through JSON unchanged")
    func coding() throws {
        let run = Run(inside: "relative")
        #expect(run.folder.hasPrefix("/"))
        #expect(try JSONDecoder().decode(Run.self, from: JSONEncoder().encode(run)) == run)
    }

    @Test("a folder that cannot be written fails in a sentence")
    func unwritable() {
        let run = Run(id: Run(inside: "/").id, folder: "/dev/null/run")
        let error = #expect(throws: JobError.self) { try run.write("x", to: .report) }
        #expect(
            error?.message
                == "cannot write \"/dev/null/run/report.html\": Not a directory. "
                + "Make room there or mend its permissions."
        )
    }

    @Test("a file that is not what it should be names itself")
    func garbled() throws {
        let folder = try TemporaryFolder()
        let run = Run(inside: folder.path)
        try run.write("{", to: .claims(1))
        let error = #expect(throws: JobError.self) { try run.read(FoundClaims.self, from: .claims(1)) }
        #expect(error?.kind == .permanent)
        #expect(error?.message.contains("0001.claims.json") == true)
    }
}

@Suite("Finding documents") struct DocumentFinderTests {
    @Test("documents are found in a folder and below, sorted, without hidden and foreign files")
    func folder() throws {
        let folder = try TemporaryFolder()
        for name in ["b.md", "a.txt", "deep/er/c.html", ".hidden.txt", ".git/x.txt", "d.png", "README", "e.pdf"] {
            try folder.write(name, "x")
        }
        let documents = try DocumentFinder.documents(in: folder.path)
        #expect(
            documents.map { $0.dropFirst(folder.path.count + 1) } == [
                "README", "a.txt", "b.md", "deep/er/c.html", "e.pdf",
            ])
    }

    @Test("further names of one file are left out, links to elsewhere are not")
    func links() throws {
        let (folder, other) = (try TemporaryFolder(), try TemporaryFolder())
        let real = try folder.write("z.txt", "x")
        let outside = try other.write("o.txt", "x")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: "\(folder.path)/a.txt", withDestinationPath: real)
        try files.createSymbolicLink(atPath: "\(folder.path)/b.txt", withDestinationPath: outside)
        try files.createSymbolicLink(atPath: "\(folder.path)/c.txt", withDestinationPath: outside)
        try files.createSymbolicLink(atPath: "\(folder.path)/d.txt", withDestinationPath: "/nowhere")
        let documents = try DocumentFinder.documents(in: folder.path)
        #expect(documents == ["\(folder.path)/b.txt", "\(folder.path)/z.txt"])
    }

    @Test("no folder and an empty folder are told apart, each with a next step")
    func nothing() throws {
        let folder = try TemporaryFolder()
        let missing = #expect(throws: DocumentFinder.NoDocuments.self) { try DocumentFinder.documents(in: "/nowhere") }
        #expect(missing?.description.contains("\"/nowhere\" is not a folder") == true)
        let empty = #expect(throws: DocumentFinder.NoDocuments.self) { try DocumentFinder.documents(in: folder.path) }
        #expect(empty?.description.contains("there is no document") == true)
        #expect(throws: DocumentFinder.NoDocuments.self) {
            try DocumentFinder.systemDocuments(licences: "/nowhere", packages: "/nowhere")
        }
    }

    @Test("without a folder the licences of the system are taken", .enabled(if: Licences.isHere))
    func system() throws {
        let documents = try DocumentFinder.systemDocuments()
        #expect(documents.contains("\(Licences.folder)/GPL-3"))
        #expect(!documents.contains("\(Licences.folder)/GPL"))
        #expect(Set(documents).count == documents.count)
    }
}
