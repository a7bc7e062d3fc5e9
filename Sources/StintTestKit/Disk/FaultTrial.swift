import Foundation
import StintCore
import StintStore

/// Errors of the device at every call in turn: a script of commits and upkeep is run with its n-th call of each step
/// failing, for every n that any step has. What fails must say so and end that life; the next life must hold all that
/// was acknowledged; and the script goes on.
package enum FaultTrial {
    package struct Report: Sendable {
        /// Calls that were made to fail, by kind.
        package var faults: [TestDisk.Call: Int] = [:]
        /// Failures after which the batch under way was on disk all the same, and not.
        package var durable = 0
        package var lost = 0
        /// Failures of calls that nothing hangs on: no life ended.
        package var harmless = 0
        /// Lives that could not begin, because the disk was still full.
        package var refusedStarts = 0
        package var operations = 0

        package init() {}

        package var points: Int { faults.values.reduce(0, +) }

        package mutating func add(_ other: Report) {
            faults.merge(other.faults, uniquingKeysWith: +)
            durable += other.durable
            lost += other.lost
            harmless += other.harmless
            refusedStarts += other.refusedStarts
            operations = other.operations
        }
    }

    /// Runs the script with the call of this number failing in each of its steps.
    ///
    /// - Returns: No faults when no step has so many calls.
    package static func run(_ fault: TestDisk.Fault, call: Int, seed: UInt64, operations: Int) throws -> Report {
        let folder = DiskTrial.folder("fault")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let life = FaultLife(
            disk: TestDisk(folder: folder, isRecording: fault == .powerCut), fault: fault, call: call, seed: seed,
            load: try StoreLoad(seed: seed))
        defer {
            life.disk.unmount()
            try? FileManager.default.removeItem(atPath: folder)
        }
        try life.run(operations: operations)
        return life.report
    }
}

/// One run of the script.
private final class FaultLife {
    let disk: TestDisk
    private let fault: TestDisk.Fault
    private let call: Int
    private let seed: UInt64
    private let load: StoreLoad
    private var random: SeededRandom
    private var store: SQLiteStore?
    private var epoch: UInt64 = 0
    private var acknowledged: UInt64 = 0
    private var images = CrashImages()
    var report = FaultTrial.Report()

    init(disk: TestDisk, fault: TestDisk.Fault, call: Int, seed: UInt64, load: StoreLoad) {
        self.disk = disk
        self.fault = fault
        self.call = call
        self.seed = seed
        self.load = load
        random = SeededRandom(seed: seed)
    }

    func run(operations: Int) throws {
        try begin(started: 0)
        while load.operationsDone < operations {
            switch random.next(upTo: 11) {
            case 0: try step(started: load.last) { try self.reopen() }
            case 1, 2, 3: try step(started: load.last) { _ = try self.store?.maintain(isIdle: true) }
            default:
                var batch = try load.batch(epoch: epoch, writesMax: 16)
                if try step(started: batch.number, isCommit: true, { try self.store?.commit(batch) }) {
                    acknowledged = batch.number
                }
                // A batch whose outcome was unknown, and that is not there, comes again, as the peers send it again.
                while acknowledged < batch.number {
                    batch.numbers.epoch = epoch
                    try store?.commit(batch)
                    acknowledged = batch.number
                    note()
                }
            }
        }
        report.operations = load.operationsDone
        guard let store else { return }
        try expectTruth(try store.recover(at: .none), store)
        store.close()
    }

    /// One step with its fault. False when it failed; then the next life has begun.
    @discardableResult
    private func step(started: UInt64, isCommit: Bool = false, _ body: () throws -> Void) throws -> Bool {
        disk.arm(fault, afterCalls: call)
        var failure: StoreError?
        do { try body() } catch let error as StoreError { failure = error }
        guard let hit = disk.hit else {
            if let failure { throw broken("a step fails without a fault: \(failure.description)") }
            disk.revive()
            note()
            return true
        }
        report.faults[hit, default: 0] += 1
        guard failure != nil || fault == .powerCut else {
            // Upkeep that found no room, the cut of a log that is longer than it need be, the end of a life.
            report.harmless += 1
            disk.giveSpace()
            disk.revive()
            note()
            return true
        }
        if let store, isCommit { try expectDead(store) }
        disk.freeze()
        store?.close()
        store = nil
        if fault == .powerCut { try cutPower() }
        disk.revive()
        try begin(started: started)
        return started == acknowledged
    }

    /// A commit that failed is the last: the store takes no more, and does not touch the disk for them.
    private func expectDead(_ store: SQLiteStore) throws {
        var batch = Batch(number: acknowledged + 1, numbers: BrokerNumbers())
        batch.numbers.epoch = epoch
        disk.freeze()
        do {
            try store.commit(batch)
            throw broken("a commit succeeds after one that failed")
        } catch is StoreError {
            if disk.callsWhenDead > 0 { throw broken("a store that failed writes on") }
        }
    }

    /// The files as the power cut leaves them.
    private func cutPower() throws {
        for event in disk.takeEvents() { images.take(event) }
        let image = images.image(&random)
        try disk.replaceFiles(with: image)
        images = CrashImages(image, files: disk.files, promise: .init())
    }

    private func reopen() throws {
        store?.close()
        store = nil
        try open()
    }

    private func open() throws {
        let store = try SQLiteStore(path: disk.folder + "/stint.db")
        do {
            disk.noteLock(isSynced: false)
            let recovered = try store.recover(at: load.now)
            guard recovered.numbers.epoch > epoch else { throw broken("epoch \(epoch) comes again") }
            epoch = recovered.numbers.epoch
            disk.noteLock(isSynced: true)
            self.store = store
        } catch {
            store.close()
            throw error
        }
    }

    /// Begins a life after a failure, and holds it against the ledger.
    private func begin(started: UInt64) throws {
        do {
            try open()
        } catch let error as StoreError where fault == .noSpace && [.full, .failed].contains(error.code) {
            // Still full. It says so, and begins once there is room.
            report.refusedStarts += 1
            disk.giveSpace()
            try open()
        }
        disk.giveSpace()
        guard let store else { return }
        let recovered = try store.recover(at: .none)
        epoch = recovered.numbers.epoch
        disk.noteLock(isSynced: true)
        guard (acknowledged...max(acknowledged, started)).contains(recovered.batch) else {
            throw broken("batch \(recovered.batch) is there; \(acknowledged) was acknowledged and \(started) begun")
        }
        if started > acknowledged {
            if recovered.batch == started { report.durable += 1 } else { report.lost += 1 }
        }
        acknowledged = recovered.batch
        // The number of the batch says what is there, because batches are whole or not there; whether they are, is read
        // after every fourth failure, and at the end.
        if report.points % 4 == 1 { try expectTruth(recovered, store) }
        note()
    }

    private func expectTruth(_ recovered: RecoveredState, _ store: SQLiteStore) throws {
        let reading = StoreReading(recovered, try store.makeReader(), against: try load.truth(at: recovered.batch))
        if let difference = (reading.differences + reading.refused).first {
            throw broken("after the failure \(difference) is not as it was acknowledged")
        }
    }

    private func note() {
        guard fault == .powerCut else { return }
        disk.noteLock(isSynced: false)
        for event in disk.takeEvents() { images.take(event) }
    }

    private func broken(_ problem: String) -> DiskFailure {
        DiskFailure("\(fault) at call \(call) of a step", seed: seed, [problem])
    }
}
