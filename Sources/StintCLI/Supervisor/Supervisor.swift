import Foundation
import Glibc
import Stint
import StintCore
import Synchronization

/// Keeps the processes of `stint up` running: starts them, starts again what dies, and ends them in order.
///
///     opening ──the broker is ready──► running
///        └──it keeps failing──► run() returns how
///
///     running ──drain()──► highest order drains ──all ended──► next order … the broker last ──► run() returns
///        │                     │ drainLimit: SIGKILL to the groups that are left
///        └──────kill()─────────┴──► SIGKILL to every group at once ──► run() returns
///
/// When the supervisor itself is killed nothing of this happens; then every child sees the end of its ``Lifeline``.
package final class Supervisor: Sendable {
    /// How long one order of children may drain before it is killed.
    package static let drainLimit: Duration = .seconds(60)

    private enum Phase { case running, draining, killed }

    private struct State {
        var phase = Phase.running
        /// Orders above this one, and this one, are to end.
        var drainsFrom = Int.max
        /// The children that run or wait to be started again, by their place in the plan.
        var children: [Int: Child] = [:]
        var drain: Task<Void, Never>?
        /// The children that must announce themselves, and have not yet.
        var unannounced: Set<Int> = []
        /// How a child ended that never announced itself.
        var failure: Failure?
    }

    /// The cluster could not be opened.
    package struct Failure: Error, Hashable {
        /// Of the child that kept failing.
        package let exitCode: Int32
        package let sentence: String
    }

    private struct Child {
        var control: ProcessControl?
        var wait: Task<Void, Never>?
        let ended: Task<Void, Never>
    }

    private let plans: [ChildPlan]
    private let backoff: RestartBackoff
    private let drainLimit: Duration
    private let say: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameter say: Takes whole lines, from any thread. The default writes them to standard error.
    package init(
        plans: [ChildPlan], backoff: RestartBackoff = RestartBackoff(), drainLimit: Duration = Supervisor.drainLimit,
        say: @escaping @Sendable (String) -> Void = LineOutput(descriptor: STDERR_FILENO).write
    ) {
        self.plans = plans.sorted { $0.order < $1.order }
        self.backoff = backoff
        self.drainLimit = drainLimit
        self.say = say
    }

    /// Runs all children until they have been drained or killed. Those that announce themselves start first, the others
    /// when all of them are ready.
    ///
    /// - Parameters:
    ///   - readiness: Where no child announces itself: returns when the cluster answers, throws when it does not yet; then
    ///     it is asked again after a wait of 100 ms, growing to 1 s.
    ///   - onReady: Called once, when the cluster serves.
    /// - Throws: ``Failure`` when a child that announces itself has failed five times in a row before it ever did, or once
    ///   with exit code 2, which no repetition mends. Nothing runs any more then.
    package func run(
        readiness: @escaping @Sendable () async throws -> Void = {}, onReady: @escaping @Sendable () -> Void = {}
    ) async throws(Failure) {
        let (children, isOpen) = state.withLock { state -> ([Task<Void, Never>], Bool) in
            precondition(state.children.isEmpty, "a supervisor runs once")
            guard state.phase != .killed else { return ([], false) }
            state.unannounced = Set(plans.indices.filter { plans[$0].announcesItself })
            for index in plans.indices where plans[index].order < state.drainsFrom {
                state.children[index] = Child(ended: Task { await self.keep(index, onReady) })
            }
            return (state.children.values.map(\.ended), state.unannounced.isEmpty)
        }
        let ready = isOpen ? Task { await self.waitUntilReady(readiness, onReady) } : nil
        for child in children { await child.value }
        ready?.cancel()
        await ready?.value
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    private func announced(_ index: Int, _ onReady: @Sendable () -> Void) {
        let opens = state.withLock { state -> Bool in
            guard state.unannounced.remove(index) != nil, state.unannounced.isEmpty else { return false }
            for (other, child) in state.children where !plans[other].announcesItself { child.wait?.cancel() }
            return state.phase == .running
        }
        if opens { onReady() }
    }

    /// A child that announces itself, and has not, fails: true when that was once too often.
    private func givesUp(_ index: Int, _ life: Life, _ isLate: Bool) -> Bool {
        let gives = state.withLock { state -> Bool in
            guard state.unannounced.contains(index), isLate || life.exitCode == 2 else { return false }
            state.failure = Failure(exitCode: life.exitCode, sentence: "\(plans[index].name) \(life.sentence)")
            return true
        }
        if gives { drain() }
        return gives
    }

    /// Ends all children in order: SIGTERM to the highest order, then to the next when it has ended. Returns at once;
    /// ``run(readiness:onReady:)`` returns when all have ended. A second call changes nothing.
    package func drain() {
        state.withLock { state in
            guard state.phase == .running else { return }
            state.phase = .draining
            state.drain = Task { await self.drainInOrder() }
        }
    }

    /// SIGKILL to every child's group, now.
    package func kill() {
        state.withLock { state in
            state.phase = .killed
            state.drainsFrom = .min
            for child in state.children.values {
                child.control?.kill()
                child.wait?.cancel()
            }
        }
    }

    /// What a terminal's Ctrl-C or an init's SIGTERM does: the first drains, the second kills.
    package func interrupt() {
        let isFirst = state.withLock { $0.phase == .running }
        if isFirst { drain() } else { kill() }
    }

    private func drainInOrder() async {
        for order in Set(plans.map(\.order)).sorted(by: >) {
            let ending = state.withLock { state -> [Task<Void, Never>] in
                state.drainsFrom = min(state.drainsFrom, order)
                return plans.indices.filter { plans[$0].order >= order }.compactMap { index in
                    guard let child = state.children[index] else { return nil }
                    child.control?.stop(grace: drainLimit)
                    child.wait?.cancel()
                    return child.ended
                }
            }
            for task in ending { await task.value }
        }
    }

    /// The lives of one child.
    private func keep(_ index: Int, _ onReady: @escaping @Sendable () -> Void) async {
        var backoff = backoff
        let plan = plans[index]
        if !plan.announcesItself { await pause(index, .seconds(1 << 32)) { !$0.unannounced.isEmpty } }
        while true {
            let start = ContinuousClock.now
            guard let ending = await live(index, onReady) else { return }
            if mustEnd(index) {
                // One that was just started could not listen to the signal yet, and held nothing.
                let isYoung = ending.isTerminated && .now - start < .seconds(1)
                if !ending.isClean, !isYoung { say("\(plan.name) \(ending.sentence), instead of draining to its end.") }
                return
            }
            let (wait, saysSo) = backoff.wait(after: .now - start)
            if givesUp(index, ending, saysSo) { return }
            let again = "it is started again in \(Self.spelled(wait))."
            if saysSo {
                say(
                    """
                    \(plan.name) has failed \(RestartBackoff.quickFailuresMax) times in a row, at last it \
                    \(ending.sentence)\(ending.hint); \(again)
                    """)
            } else {
                say("\(plan.name) \(ending.sentence); \(again)")
            }
            await pause(index, wait)
        }
    }

    /// One life of one child; nil when none may begin any more.
    private func live(_ index: Int, _ onReady: @escaping @Sendable () -> Void) async -> Life? {
        do throws(LaunchProblem) {
            let control = try ProcessControl()
            let mayBegin = state.withLock { state in
                guard plans[index].order < state.drainsFrom else { return false }
                state.children[index]?.control = control
                return true
            }
            guard mayBegin else { return nil }
            let process = ChildProcess(plan: plans[index], control: control, say: say) {
                self.announced(index, onReady)
            }
            return Life(ending: try await process.run())
        } catch {
            return Life(problem: error)
        }
    }

    private func mustEnd(_ index: Int) -> Bool {
        state.withLock { state in
            state.children[index]?.control = nil
            return plans[index].order >= state.drainsFrom
        }
    }

    /// Waits, unless the child is to end meanwhile.
    private func pause(_ index: Int, _ wait: Duration, if isNeeded: (State) -> Bool = { _ in true }) async {
        let pause = state.withLock { state -> Task<Void, Never>? in
            guard plans[index].order < state.drainsFrom, isNeeded(state) else { return nil }
            let task = Task { _ = try? await Task.sleep(for: wait) }
            state.children[index]?.wait = task
            return task
        }
        await pause?.value
    }

    private func waitUntilReady(
        _ readiness: @Sendable () async throws -> Void, _ onReady: @Sendable () -> Void
    ) async {
        var wait = Duration.milliseconds(100)
        while !Task.isCancelled {
            if (try? await readiness()) != nil {
                if !Task.isCancelled { onReady() }
                return
            }
            try? await Task.sleep(for: wait)
            wait = min(wait * 2, .seconds(1))
        }
    }

    private static func spelled(_ wait: Duration) -> String {
        let milliseconds = wait.inMilliseconds
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds) ms"
    }
}

/// How a life ended, in words.
private struct Life {
    var sentence: String
    var hint = ""
    /// What the supervisor would end with for it.
    var exitCode: Int32 = 1
    var isClean: Bool { exitCode == 0 }
    /// Ended by the signal that asks for a drain, as a program is that does not listen to it.
    var isTerminated = false

    init(ending: ProcessEnding) {
        sentence = ending.description
        if case .exited(let code) = ending { exitCode = code }
        isTerminated = ending == .signalled(SIGTERM)
        if ending == .exited(code: 2) {
            hint = " (a mistake in its command line or configuration: see its lines above)"
        }
    }

    init(problem: LaunchProblem) {
        sentence = "did not start, because " + problem.reason.trimmingCharacters(in: ["."])
    }
}
