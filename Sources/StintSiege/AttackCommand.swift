import ArgumentParser
import Foundation
import Glibc
import StintTransport

/// One attack, until standard input ends: what ``Attackers`` starts. A process of its own, because attackers that share a
/// heap with honest peers keep them waiting by its locks, and only the broker is to be measured.
struct AttackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attack", abstract: "Attacks until standard input ends.", shouldDisplay: false)

    @Argument var name: String
    @Argument var clientsPort: UInt16
    @Argument var workersPort: UInt16
    @OptionGroup var size: AttackSize

    /// Prints `exhausted` when every attacker that comes to an end has done all that it wanted to, and at last what was sent.
    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        OpenFiles.raiseLimit()
        Self.takeIdleTimeOnly()
        Processors.takeAsAttacker()
        guard let attack = Attack.all(size).first(where: { $0.name == name }) else {
            throw ValidationError("there is no attack \"\(name)\"")
        }
        let siege = Siege(clientsPort: clientsPort, workersPort: workersPort)
        attack.begin(siege)
        Thread.detachNewThread {
            while !siege.isExhausted { usleep(10_000) }
            Self.say("exhausted")
        }
        // Until the process that measures closes it, or ends however it does.
        while readLine() != nil {}
        siege.stop()
        Self.say("sent \(siege.note)")
    }

    private static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

    /// Real attackers would not use this host's processors: these have what everybody else leaves of them, and whoever
    /// wakes up takes it from them at once.
    private static func takeIdleTimeOnly() {
        // sched(7): SCHED_IDLE, whose name the C library shows to GNU sources only.
        let idle: Int32 = 5
        var nothing = sched_param(sched_priority: 0)
        let result = sched_setscheduler(0, idle, &nothing)
        precondition(result == 0, "sched_setscheduler: error \(errno)")
    }
}

/// How much of an attack there is.
struct AttackSize: ParsableArguments {
    @Option(help: "Frames of each flood.")
    var flood: Int = 1_000_000
    @Option(help: "Connections that are never finished.")
    var connections: Int = 2_000

    var arguments: [String] { ["--flood", "\(flood)", "--connections", "\(connections)"] }
}
