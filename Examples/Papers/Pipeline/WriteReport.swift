import Stint

/// `report`: from the files of a run to one page about it.
///
/// It has to run last. A job that waits for a set of others comes in a later version of Stint; until then whoever
/// started the run enqueues this one when all documents have ended, as `stint-documents run` does.
public struct WriteReport: JobHandler {
    public static let type = "report"

    public struct Payload: Codable, Sendable {
        public var run: Run
        /// Documents that ended in the dead letters; the first ``failuresMax`` of them.
        public var failures: [ReportContent.Failure]
        /// So many failures have room in a payload, whatever their messages say.
        public static let failuresMax = 1_000

        public init(run: Run, failures: [ReportContent.Failure]) {
            self.run = run
            self.failures = failures.prefix(Payload.failuresMax).map(\.shortened)
        }
    }

    public struct Result: Codable, Hashable, Sendable {
        public var path: String
        public var documents: Int
        public var claims: Int
        public var entities: Int
    }

    public init() {}

    public func run(_ payload: Payload, _ context: JobContext) async throws -> Result {
        let run = payload.run
        let documents = try run.read([String].self, from: .documents)
        var content = ReportContent(run: run.name, startedAt: run.startedAt)
        let failures = Dictionary(payload.failures.map { ($0.document, $0) }, uniquingKeysWith: { first, _ in first })
        for (document, path) in zip(1..., documents) {
            try Task.checkCancellation()
            if document % 50 == 0 {
                context.progress(Double(document) / Double(documents.count), step: document, of: documents.count)
            }
            try content.add(document: document, path: path, failure: failures[document], of: run)
        }
        try run.write(ReportPage(content).html, to: .report)
        return Result(
            path: run.path(.report), documents: documents.count, claims: content.claims, entities: content.entities)
    }
}
