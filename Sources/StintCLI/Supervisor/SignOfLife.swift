import Stint

/// Tells the service manager that `stint up` lives, for as long as its tasks get to run: a task beats, a thread looks whether
/// it did and tells. Without a service manager a supervisor is not watched: nobody would start it anew.
struct SignOfLife {
    private let watchdog: Watchdog
    private let beats: Task<Void, Never>

    init(toldTo manager: ServiceManager) throws {
        let pulse = Pulse(name: "supervisor")
        // The manager's own period is what counts here; the bound of the watchdog is longer than any of them.
        let watchdog = try Watchdog([pulse], .init(stallMax: .seconds(86_400), toldTo: manager), manager: manager)
        self.watchdog = watchdog
        beats = Task {
            while !Task.isCancelled {
                pulse.beat(.turning)
                try? await Task.sleep(for: watchdog.look / 2)
            }
        }
    }

    func stop() {
        beats.cancel()
        watchdog.stop()
    }
}
