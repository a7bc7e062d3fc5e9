import StintCore
import StintStore

/// Everything that a store says when it is asked for everything, part by part: what of it differs from what it should
/// say, and what it refuses to say because it is damaged.
struct StoreReading {
    /// What the simplest store there is says of the same batches.
    struct Truth {
        let recovered: RecoveredState
        let reader: any StoreReader
        /// Every id, serial, token and request that was ever used.
        var ids: [JobID] = []
        var serials: [Int64] = []
        var tokens: [(token: FencingToken, serial: Int64)] = []
        var requests: [RequestID] = []
    }

    private let reader: any StoreReader
    private let truth: Truth
    private(set) var differences: [String] = []
    /// Sentences of damage that was found where something was read.
    private(set) var refused: [String] = []
    /// Payloads that differ, and whose digest says so: their jobs are never run.
    private(set) var quarantined = 0

    init(_ recovered: RecoveredState, _ reader: any StoreReader, against truth: Truth) {
        self.reader = reader
        self.truth = truth
        compare(recovered, truth.recovered)
        for type in 0..<max(recovered.types.count, truth.recovered.types.count) {
            ask("the ready line of type \(type)") {
                try $0.readyPage(type: TypeIndex(type), from: .first, limit: 10_000).rows
            }
        }
        ask("the schedule") { try $0.scheduledPage(from: .first, limit: 10_000).rows }
        let states: [JobState?] = [nil, .waiting, .scheduled, .ready, .completed, .dead, .cancelled]
        for state in states {
            ask("the listing of \(state?.name ?? "all") jobs") { try Self.list(state, $0) }
            guard let state, state.isFinal else { continue }
            ask("the finished jobs that are \(state.name)") {
                try $0.finished(
                    FinishedQuery(
                        state: state, type: nil, before: WallTime(milliseconds: .max), afterTime: .none, afterSerial: 0,
                        limit: 10_000))
            }
        }
        ask("which ids are known") { try $0.known(truth.ids) }
        for id in truth.ids { ask("the details of job \(id)") { try $0.details(id) } }
        for serial in truth.serials { askPayload(serial) }
        for (token, serial) in truth.tokens {
            ask("the outcome of attempt \(token)") { try $0.outcome(of: token, serial: serial) }
        }
        for request in truth.requests { ask("an answer") { try $0.answer(request) } }
    }

    /// All pages of a listing.
    private static func list(_ state: JobState?, _ reader: any StoreReader) throws -> [StoredJob] {
        var jobs: [StoredJob] = []
        var query = JobQuery(state: state, limit: 1_000)
        while true {
            let page = try reader.list(query)
            jobs += page.jobs
            guard let last = page.last else { return jobs }
            query.after = last
        }
    }

    private mutating func compare(_ found: RecoveredState, _ expected: RecoveredState) {
        var numbers = found.numbers
        numbers.epoch = expected.numbers.epoch
        expect(found.batch == expected.batch, "the number of the batch")
        expect(numbers == expected.numbers, "the numbers to be given next")
        expect(found.types == expected.types, "the types")
        expect(found.workers == expected.workers, "the workers")
        expect(found.counts == expected.counts, "the counts")
        expect(found.grants == expected.grants, "the grants")
        expect(found.grantedJobs == expected.grantedJobs, "the jobs of the grants")
        expect(found.operations == expected.operations, "the operations")
    }

    private mutating func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        if !holds { differences.append(what()) }
    }

    /// Asks both the same. Damage that is told is no difference.
    private mutating func ask<Value: Equatable>(
        _ what: @autoclosure () -> String, _ question: (any StoreReader) throws -> Value
    ) {
        do {
            expect(try question(reader) == question(truth.reader), what())
        } catch let error as StoreError where error.code == .corrupt {
            refused.append("\(what()): \(error.description)")
        } catch {
            differences.append("\(what()): \(error)")
        }
    }

    private mutating func askPayload(_ serial: Int64) {
        do {
            let found = try reader.payload(serial: serial)
            let expected = try truth.reader.payload(serial: serial)
            guard found != expected else { return }
            // What the broker does with it: a payload whose digest is not that of the row is not sent.
            if let found, let expected, found.digest == expected.digest,
                found.payload.withUnsafeBytes(Digest.of) != found.digest
            {
                quarantined += 1
            } else {
                differences.append("the payload of job \(serial)")
            }
        } catch let error as StoreError where error.code == .corrupt {
            refused.append("the payload of job \(serial): \(error.description)")
        } catch {
            differences.append("the payload of job \(serial): \(error)")
        }
    }
}
