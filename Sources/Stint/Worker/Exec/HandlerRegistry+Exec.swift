import Foundation
import Logging
import StintCore

extension HandlerRegistry {
    /// Serves a type with an ordinary executable, started anew for every attempt.
    ///
    ///     handlers.exec("checksum", ExecSpec(argv: ["sha256sum", "{{payload.path}}"], output: .raw), guard: guardian)
    ///
    /// A program that cannot be started gives the job back without an attempt and withdraws the type from this
    /// worker: the backlog waits, visibly, instead of dying of a missing file.
    ///
    /// - Parameter guard: Ends the program's whole process group when this process dies.
    /// - Precondition: ``ExecSpec/problems`` is empty, and the type is valid and not registered yet.
    package mutating func exec(_ type: String, _ spec: ExecSpec, guard guardian: ProcessGuard) {
        let runner = ExecRunner(spec: spec, guardian: guardian)
        register(type) { attempt, channel, _ in await runner.run(attempt, channel) }
    }
}
