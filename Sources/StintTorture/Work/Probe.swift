import Foundation
import Stint

/// Asks from the driver itself: is a job taken now?
struct Probe {
    let client: StintClient
    private let ledger: LedgerWriter

    init(client: StintClient, rig: Rig) throws {
        self.client = client
        ledger = try LedgerWriter(path: rig.path("ledger/probe"))
    }

    /// Sends one job until it is acknowledged.
    ///
    /// - Throws: ``Broken`` when it is not taken for a minute.
    @discardableResult
    func awaitAcknowledgement() async throws -> JobID {
        let id = client.nextJobID()
        let job = try NewJob(
            type: JobKind.quick.rawValue, payload: JobPayload(milliseconds: 0, padding: "probe"), id: id)
        ledger.intend([id])
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try await client.enqueueAll([job], timeout: .seconds(2))
                ledger.acknowledge([id])
                return id
            } catch let error as StintError where error.isRetryable {
                guard ContinuousClock.now < deadline else {
                    throw Broken("for 60 s no job was taken, though nothing was in the way any more: \(error)")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
