import Foundation
import Logging
import ServiceLifecycle
import StintCore
import StintTransport
import StintWire
import Synchronization
import Tracing

/// A process that runs handlers for a broker.
///
///     var handlers = HandlerRegistry()
///     handlers.register(ParsePaper())
///     let worker = try Worker(handlers: handlers)     // broker, pool and slots from the environment
///     try await worker.runUntilSignal()
///
/// **Joining.** It connects by itself and keeps trying, across restarts of the broker too; what runs meanwhile goes on and is
/// adopted.
/// **Draining.** On graceful shutdown it takes nothing new, gives back what has not begun, lets running handlers finish for
/// ``Options/drainLimit``, then cancels them and gives their jobs back without using up an attempt.
public final class Worker: Service {
    /// Who the worker is. Each can come from the environment.
    public struct Options: Sendable {
        /// `STINT_WORKERS`, else `tcp://127.0.0.1:7412`.
        public var endpoint: String
        /// `STINT_POOL`, else `default`.
        public var pool: String
        /// Handlers at a time, 1…4 096: `STINT_SLOTS`, else the number of cores.
        public var slots: Int
        /// `STINT_WORKER`, else host name and process id.
        public var name: String
        /// For a broker that is encrypted: `STINT_KEY`, else the file that `STINT_KEY_FILE` names, else none.
        public var key: ConnectionKey?
        /// How long running handlers may take to finish when the worker is to end: `STINT_DRAIN_LIMIT_MS`, else 30 s.
        public var drainLimit: Duration
        /// How long the worker's own thread may stand still before the process ends itself, with exit code 70, so that
        /// what supervises it starts it anew: `STINT_WATCHDOG_MS`, 1 s…1 h, else 30 s. A handler may block for as long
        /// as it likes; it has no part in this.
        public var watchdog: Duration

        /// - Throws: ``StintError`` with code `configuration`, naming the variable.
        public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
            func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
            func number(_ key: String, _ allowed: ClosedRange<Int>, or fallback: Int) throws -> Int {
                guard let text = value(key) else { return fallback }
                guard let number = Int(text), allowed.contains(number) else {
                    throw StintError(
                        .configuration, isRetryable: false,
                        "\(key) is \"\(text)\"; expected a whole number from \(allowed.lowerBound) to \(allowed.upperBound)"
                    )
                }
                return number
            }
            endpoint = value("STINT_WORKERS") ?? "tcp://127.0.0.1:7412"
            pool = value("STINT_POOL") ?? "default"
            key = try ConnectionKey(environment: environment)
            slots = try number("STINT_SLOTS", Limits.slots, or: ProcessInfo.processInfo.activeProcessorCount)
            name = value("STINT_WORKER") ?? Self.defaultName
            drainLimit = .milliseconds(try number("STINT_DRAIN_LIMIT_MS", 0...86_400_000, or: 30_000))
            watchdog = .milliseconds(try number("STINT_WATCHDOG_MS", 1_000...3_600_000, or: 30_000))
        }

        private static var defaultName: String {
            let host = ProcessInfo.processInfo.hostName.map { TypeName.isValid(String($0)) ? $0 : "-" }
            return "\(String(host).prefix(100))-\(ProcessInfo.processInfo.processIdentifier)"
        }
    }

    public let options: Options
    private let handlers: HandlerRegistry
    private let logger: Logger
    private let tracer: (any Tracer)?
    private let control: WorkerControl

    /// - Parameters:
    ///   - logger: Nil: to standard error, level by `LOG_LEVEL`.
    ///   - tracer: Of the attempts' spans. Nil: the one of `InstrumentationSystem` when ``run()`` is called; none is needed.
    /// - Throws: ``StintError`` with code `configuration`.
    public init(
        handlers: HandlerRegistry, options: Options? = nil, logger: Logger? = nil, tracer: (any Tracer)? = nil
    ) throws {
        let options = try options ?? Options()
        for (what, name) in [("pool", options.pool), ("worker", options.name)] where !TypeName.isValid(name) {
            throw StintError(
                .configuration, isRetryable: false, "\"\(name)\" is not a name of a \(what): expected \(TypeName.rule)")
        }
        self.options = options
        self.handlers = handlers
        self.tracer = tracer
        var logger = logger ?? Logger.toStandardError(label: "stint.worker")
        logger[metadataKey: "worker"] = "\(options.name)"
        self.logger = logger
        do {
            control = try WorkerControl()
        } catch {
            throw StintError(.configuration, isRetryable: false, "\(error)")
        }
    }

    /// Runs until graceful shutdown (or cancellation) has drained the worker.
    public func run() async throws { try await run(toldTo: nil) }

    /// - Parameter manager: Told that the worker is there, lives and drains.
    private func run(toldTo manager: ServiceManager?) async throws {
        let queue = RunQueue(slots: options.slots, waker: control.waker)
        let reports = ReportOutbox(waker: control.waker)
        let watchdog = try startThread(queue, reports, manager)
        defer { watchdog.stop() }
        manager?.isReady("\(handlers.types.count) types for the broker at \(options.endpoint)")
        let runners = handlers.runners
        let logger = logger
        let tracing = AttemptTracing(spans: SpanSource(tracer), worker: options.name, pool: options.pool)
        queue.start { run in
            guard let runner = runners[run.attempt.type] else {
                return (.released(withdraws: true, reason: "no handler for this type is registered here"), nil)
            }
            guard !tracing.isIdle(for: run.attempt) else {
                return (await runner(run.attempt, run.channel, logger), nil)
            }
            return await tracing.run(run.attempt, run.channel, logger, runner)
        }
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                try await control.ended()
            } onCancel: { [control, options] in
                manager?.isStopping()
                control.drain(limit: options.drainLimit)
            }
        } onGracefulShutdown: { [control, options] in
            manager?.isStopping()
            control.drain(limit: options.drainLimit)
        }
    }

    /// Runs until SIGTERM or SIGINT, or until standard input ends when `STINT_LIFELINE=stdin` says that a supervisor holds
    /// it; then drains and returns. The process is the worker's own: a service manager that started it (systemd with
    /// `Type=notify`) hears that it is there, lives and drains.
    public func runUntilSignal() async throws {
        let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
        Lifeline.watch { [control, options] in control.drain(limit: options.drainLimit) }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: ManagedWorker(worker: self, manager: manager),
                        successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    private struct ManagedWorker: Service {
        let worker: Worker
        let manager: ServiceManager?

        func run() async throws { try await worker.run(toldTo: manager) }
    }

    private func startThread(
        _ queue: RunQueue, _ reports: ReportOutbox, _ manager: ServiceManager?
    ) throws -> Watchdog {
        if let limit = OpenFiles.raiseLimit() {
            logger.debug("open files", metadata: ["limit": "\(limit.now)", "limit_before": "\(limit.before)"])
        }
        let identity = WorkerThread.Identity(
            instance: InstanceID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max)), name: options.name,
            pool: options.pool, types: handlers.types, slots: options.slots, build: "", key: options.key)
        let pulse = Pulse(name: "stint-worker")
        let watching = Watchdog.Settings(stallMax: options.watchdog, toldTo: manager)
        do {
            let watchdog = try Watchdog([pulse], watching, manager: manager)
            let dealer = try DealerSocket(
                in: ZMQContext.ofThisProcess(), connectingTo: Endpoint(options.endpoint),
                limits: DealerSocket.Limits(
                    frameBytesMax: Limits.messageBytesMax, reconnectMilliseconds: Int.random(in: 200...500)),
                security: options.key?.security)
            _ = try SocketThread(name: "stint-worker") { [control, logger] in
                WorkerThread(
                    dealer: dealer, waker: control.waker, queue: queue, reports: reports, control: control,
                    identity: identity, pulse: pulse, idleMax: watching.look, logger: logger
                ).run()
                control.end()
            }
            return watchdog
        } catch let error as TransportError {
            throw StintError(.configuration, isRetryable: false, error.description)
        }
    }
}

/// What the rest of the process tells the worker's thread, and hears from it.
final class WorkerControl: Sendable {
    private struct State {
        var drainLimit: Duration?
        var refusal: Refusal?
        var hasJoined = false
    }

    let waker: Waker
    private let state = Mutex(State())
    private let ending: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)

    init() throws {
        waker = try Waker()
        ending = AsyncStream.makeStream(of: Void.self)
    }

    var drainLimit: Duration? { state.withLock { $0.drainLimit } }

    func drain(limit: Duration) {
        state.withLock { $0.drainLimit = $0.drainLimit ?? limit }
        waker.wake()
    }

    func joined() { state.withLock { $0.hasJoined = true } }

    /// The broker will never take this worker as it is: end, and say why.
    func refused(_ refusal: Refusal) {
        state.withLock { $0.refusal = refusal }
        if !refusal.isRetryable { drain(limit: .zero) }
    }

    func end() { ending.continuation.finish() }

    func ended() async throws {
        // A task of its own: who is cancelled drains, and that takes as long as it takes.
        await Task { [ending] in for await _ in ending.stream {} }.value
        if let refusal = state.withLock({ $0.refusal }), !refusal.isRetryable { throw StintError(refusal) }
    }
}

extension Logger {
    /// A logger to standard error, level by the environment's `LOG_LEVEL` (info). Says so when that names no level.
    package static func toStandardError(label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .info
        let name = ProcessInfo.processInfo.environment["LOG_LEVEL"] ?? ""
        if let level = Logger.Level(rawValue: name.lowercased()) {
            logger.logLevel = level
        } else if !name.isEmpty {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            logger.warning("LOG_LEVEL is \"\(name)\", which is no level; info is taken. Known are: \(known)")
        }
        return logger
    }
}
