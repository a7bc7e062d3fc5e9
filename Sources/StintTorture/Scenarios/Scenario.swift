import Foundation
import Stint
import StintCore
import Synchronization

/// One way to torment a cluster. Each lies in a file of its own and is a value here.
struct Scenario: Sendable {
    let name: String
    /// One sentence for `--help`.
    let about: String
    /// - Throws: ``NotRun``, ``Judgement``, ``Broken``.
    let run: @Sendable (Stage) async throws -> Figures

    static let all: [Scenario] = [.kill, .stop, .restart, .adopt, .herd, .handshakes, .disk, .io, .network, .clock]

    static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}

/// Why a scenario cannot run here. It is reported as not run, never as passed.
struct NotRun: Error {
    let sentence: String
}

/// What a scenario is given: its seed, how much to do, and where to build.
final class Stage: Sendable {
    let seed: UInt64
    let sizes: Sizes
    /// Exists, and is kept when the scenario fails.
    let folder: String
    private let rigs = Mutex<[Rig]>([])

    init(seed: UInt64, sizes: Sizes, folder: String) {
        self.seed = seed
        self.sizes = sizes
        self.folder = folder
    }

    func rig(_ name: String, _ options: Rig.Options = Rig.Options()) throws -> Rig {
        let rig = try Rig(folder: "\(folder)/\(name)", seed: seed, options: options)
        rigs.withLock { $0.append(rig) }
        return rig
    }

    /// Ends whatever still runs.
    func clear() async {
        for rig in rigs.withLock({ $0 }) { await rig.killAll() }
    }
}
