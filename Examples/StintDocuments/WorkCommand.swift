import ArgumentParser
import Papers
import Stint

/// The worker. Broker, pool, slots and keys come from the environment that `stint up` sets.
struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Run jobs of the paper pipeline until told to drain (SIGTERM).")

    func run() async throws {
        let worker = try Worker(handlers: PaperHandlers.registry)
        try await worker.runUntilSignal()
    }
}
