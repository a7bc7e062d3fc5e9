import Dispatch
import StintCore
import StintStore
import StintTransport
import Synchronization

/// The thread that reads pages of lines, so that the loop does not wait for the disk.
final class PageReader: Sendable {
    private struct State {
        var requests: [PageRequest] = []
        var pages: [(PageRequest, JobPage)] = []
        var failure: String?
        var isStopped = false
    }

    private let store: any Store
    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)
    /// Of the reading thread.
    let pulse = Pulse(name: "stint-pages")
    private let onPage: @Sendable () -> Void

    init(store: any Store, onPage: @escaping @Sendable () -> Void) {
        self.store = store
        self.onPage = onPage
    }

    /// The body of the thread.
    func run() {
        do {
            let reader = try store.makeReader()
            while true {
                pulse.rest()
                wakeUp.wait()
                while let request = state.withLock({ $0.requests.isEmpty ? nil : $0.requests.removeFirst() }) {
                    pulse.beat(.reading)
                    let page = try Self.read(request, with: reader)
                    state.withLock { $0.pages.append((request, page)) }
                    onPage()
                }
                if state.withLock({ $0.isStopped }) { return pulse.rest() }
            }
        } catch {
            state.withLock { $0.failure = "\(error)" }
            pulse.rest()
            onPage()
        }
    }

    private static func read(_ request: PageRequest, with reader: any StoreReader) throws -> JobPage {
        switch request {
        case .ready(let type, let from, let limit): try reader.readyPage(type: type, from: from, limit: limit)
        case .scheduled(let from, let limit): try reader.scheduledPage(from: from, limit: limit)
        }
    }

    func ask(_ requests: [PageRequest]) {
        guard !requests.isEmpty else { return }
        state.withLock { $0.requests.append(contentsOf: requests) }
        wakeUp.signal()
    }

    /// Pages that have come, and why there will be no more, if so.
    func take() -> (pages: [(PageRequest, JobPage)], failure: String?) {
        state.withLock { state in
            defer { state.pages.removeAll() }
            return (state.pages, state.failure)
        }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wakeUp.signal()
    }
}
