import StintCore
import StintTestKit
import Testing

/// The ways to break the rules of a batch.
enum Mistake: String, CaseIterable, Codable {
    case takenSerial, takenID, updateOfNothing, finishOfNothing, replayOfNothing, deleteOfNothing
    case attemptRetiredTwice, skippedBatch, repeatedBatch, otherEpoch

    func commit(to scenario: StoreScenario) throws {
        let row = scenario.retire(scenario.insert())
        try scenario.commit()
        var other = row
        other.serial = 77
        switch self {
        case .takenSerial:
            other = row
            other = JobRow(
                id: scenario.nextID(), serial: row.serial, type: row.type, state: .ready, priority: 0, rank: 99,
                runAt: row.runAt, createdAt: row.createdAt, attemptsMax: 1, payloadBytes: 0, digest: 0)
            scenario.write(.insert, other)
        case .takenID: scenario.insert(id: row.id)
        case .updateOfNothing: scenario.write(.update, other)
        case .finishOfNothing: scenario.finish(other)
        case .replayOfNothing: scenario.replay(other)
        case .deleteOfNothing: scenario.write(.delete, other)
        case .attemptRetiredTwice: scenario.write(.retire, row)
        case .skippedBatch: _ = scenario.takeOpenBatch()
        case .repeatedBatch:
            let batch = scenario.takeOpenBatch()
            try scenario.store.commit(batch)
            try scenario.store.commit(batch)
        case .otherEpoch: scenario.numbers.epoch -= 1
        }
        try scenario.commit()
    }
}

// Goal: a batch that breaks the rules never reaches the disk. Method: each mistake ends a process of its own.
@Suite("Batches that break the rules") struct StoreTrapTests {
    @Test("trap", arguments: Mistake.allCases, StoreKind.allCases)
    func trap(mistake: Mistake, kind: StoreKind) async throws {
        // Made here: a process that traps cleans nothing up.
        let folder = try TemporaryFolder()
        let path = folder.path
        await #expect(processExitsWith: .failure) { [mistake, kind, path = path as String] in
            try mistake.commit(to: StoreScenario(kind.factory(in: path)))
        }
    }

    @Test("and the same steps without a mistake do not", arguments: StoreKind.allCases)
    func nothingElseTraps(kind: StoreKind) throws {
        let folder = try TemporaryFolder()
        let scenario = try StoreScenario(kind.factory(in: folder.path))
        defer { scenario.close() }
        let row = scenario.retire(scenario.insert())
        try scenario.commit()
        scenario.finish(row)
        scenario.insert()
        try scenario.commit()
    }
}
