import ArgumentParser
import Foundation
import Stint
import StintCore

/// A worker under torture: an ordinary program that links the library, with a handler for each ``JobKind``.
struct Work: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A worker of the torture, configured by its environment.", shouldDisplay: false)

    /// As many workers in this one process, each with a connection and a name of its own.
    @Option var count = 1

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let handlers = Self.handlers(noting: try EffectLog(folder: environment[EffectLog.variable] ?? "effects"))
        guard count > 1 else { return try await Worker(handlers: handlers).runUntilSignal() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...count {
                var options = try Worker.Options(environment: environment)
                options.name += ".\(number)"
                let worker = try Worker(handlers: handlers, options: options)
                group.addTask { try await worker.run() }
            }
            try await group.waitForAll()
        }
    }

    private struct Unlucky: Error {}

    private static func handlers(noting effects: EffectLog) -> HandlerRegistry {
        var handlers = HandlerRegistry()
        func register(
            _ kinds: JobKind..., body: @escaping @Sendable (JobPayload, JobContext) async throws -> Void
        ) {
            for kind in kinds {
                handlers.register(kind.rawValue) { (payload: JobPayload, context) in
                    try await body(payload, context)
                    return JobAnswer(fence: "\(context.fence)")
                }
            }
        }
        register(.quick, .child, .later) { _, context in try effects.note(context) }
        register(.parent) { _, context in
            let child = JobID(
                milliseconds: UInt64(Date.now.timeIntervalSince1970 * 1_000), counter: .random(in: 0..<1 << 12),
                random: .random(in: 0 ... .max))
            try effects.note(context, child: child)
            let payload = JobPayload(milliseconds: 0, padding: "")
            try context.enqueue(NewJob(type: JobKind.child.rawValue, payload: payload, id: child))
        }
        register(.flaky) { _, context in
            try effects.note(context)
            if context.attempt % 3 == 1 { throw Unlucky() }
        }
        register(.slow) { payload, context in
            try effects.note(context)
            try await Task.sleep(for: .milliseconds(payload.milliseconds / 2))
            try await context.checkpoint(payload.milliseconds)
            context.progress(0.5)
            try await Task.sleep(for: .milliseconds(payload.milliseconds / 2))
        }
        register(.held) { payload, context in
            try effects.note(context)
            try await Task.sleep(for: .milliseconds(payload.milliseconds))
        }
        register(.herd) { payload, context in
            try effects.note(context)
            if context.attempt == 1 { try await Task.sleep(for: .milliseconds(payload.milliseconds)) }
        }
        register(.doomed) { _, context in
            try effects.note(context)
            throw JobError.permanent("this one was never to succeed")
        }
        return handlers
    }
}
