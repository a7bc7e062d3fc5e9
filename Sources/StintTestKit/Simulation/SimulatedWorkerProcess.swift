import Foundation
import StintCore
import StintTransport
import StintWire

/// A worker process of a simulated life: the real ``WorkerSession`` with a will of its own, decided by the simulation.
final class SimulatedWorkerProcess {
    /// A settle message that waits for its confirmation.
    struct Settlement {
        var message: Stint_V1_Settle
        var completions: [(index: Int, lease: LeaseReference)]
    }

    let name: String
    let instance: InstanceID
    let types: [String]
    let slots: Int
    var address: PeerAddress
    var session: WorkerSession
    /// Hears nothing and says nothing until this moment.
    var silentUntil: Instant?
    var hasEnded = false

    var waiting: [SimulatedPeer.Assignment] = []
    var running: [SimulatedPeer.Assignment] = []
    /// Told to stop.
    var stopping: [LeaseReference] = []
    var settlements: [UInt64: Settlement] = [:]
    /// Leases of which everything was heard; lies are made of them.
    var past: [SimulatedPeer.Assignment] = []
    var inbox: [[UInt8]] = []
    private var checkpointNumber: UInt64 = 0

    init(
        _ name: String, instance: InstanceID, session: SessionID, types: [String], slots: Int, address: PeerAddress,
        at now: Moment, settings: BrokerState.Settings
    ) {
        self.name = name
        self.instance = instance
        self.types = types
        self.slots = slots
        self.address = address
        self.session = WorkerSession(
            session: session, lease: settings.lease, heartbeat: settings.heartbeat, at: now)
    }

    func isSilent(at now: Moment) -> Bool { silentUntil.map { now.instant < $0 } ?? false }

    /// Starts what may be started.
    func startWaiting() {
        while !session.isSuspended, running.count < slots, !waiting.isEmpty {
            let next = waiting.removeFirst()
            session.began(next.lease)
            running.append(next)
        }
    }

    func drop(_ lease: LeaseReference) {
        waiting.removeAll { $0.lease == lease }
        running.removeAll { $0.lease == lease }
        stopping.removeAll { $0 == lease }
    }

    // MARK: Messages

    func hello() -> Stint_V1_Envelope.OneOf_Message {
        var hello = Stint_V1_WorkerHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.instance = Data(instance)
        hello.incarnation = session.incarnation
        hello.name = name
        hello.pool = "pool"
        hello.slots = UInt32(slots)
        hello.types = types.map { type in
            var served = Stint_V1_ServedType()
            served.name = type
            return served
        }
        func add(_ leases: [LeaseReference], _ state: Stint_V1_Held.State) {
            for group in LeaseGroups(leases).groups {
                var held = Stint_V1_Held()
                held.state = state
                held.epoch = group.epoch
                held.ids = group.ids
                held.sequences = group.sequences
                hello.held.append(held)
            }
        }
        let held = session.heldLeases
        add(held.filter { !$0.isRunning }.map(\.lease), .waiting)
        add(held.filter(\.isRunning).map(\.lease), .running)
        add(session.unconfirmed.flatMap(\.leases), .settled)
        return .workerHello(hello)
    }

    func heartbeat(_ number: UInt64) -> Stint_V1_Envelope.OneOf_Message {
        .heartbeat(Stint_V1_Heartbeat(number: number, running: running.map(\.lease)))
    }

    func checkpoint(_ assignment: SimulatedPeer.Assignment) -> Stint_V1_Envelope.OneOf_Message {
        checkpointNumber += 1
        var message = Stint_V1_Checkpoint()
        message.number = checkpointNumber
        message.id = Data(assignment.id)
        message.epoch = assignment.token.epoch
        message.sequence = assignment.token.sequence
        message.state = Data(assignment.token.description.utf8)
        return .checkpoint(message)
    }

    func progress(_ assignment: SimulatedPeer.Assignment) -> Stint_V1_Envelope.OneOf_Message {
        var report = Stint_V1_Progress.Report()
        report.id = Data(assignment.id)
        report.epoch = assignment.token.epoch
        report.sequence = assignment.token.sequence
        report.progress = Data("0.5".utf8)
        var message = Stint_V1_Progress()
        message.reports = [report]
        return .progress(message)
    }
}
