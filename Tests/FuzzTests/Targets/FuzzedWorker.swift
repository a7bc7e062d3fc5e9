import Foundation
import StintCore
import StintWire
import SwiftProtobuf

@testable import Stint

extension FuzzTarget {
    /// A worker's session under a broker that lies: an input is what that broker says, and when.
    static let worker = FuzzTarget(
        name: "worker", bytesMax: 1_024,
        run: { bytes in
            var worker = FuzzedWorker(bytes)
            worker.live()
        },
        seeds: { FuzzedBroker.seeds + Golden.frames.map { [0] + $0 } })
}

/// The rules of ``WorkerSession`` behind the real decoders, as ``WorkerThread`` joins them. Whatever the broker says, time
/// goes on, every settlement is sent or kept, and a drain ends.
private struct FuzzedWorker {
    private var input: FuzzInput
    private var now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000), wall: WallTime(milliseconds: 1_900_000_000_000))
    private var session: WorkerSession
    private var actions: [WorkerSession.Action] = []
    private var waiting: [LeaseReference] = []
    private var kept: Set<UInt64> = []
    private var fresh: UInt64 = 1

    init(_ bytes: [UInt8]) {
        input = FuzzInput(bytes)
        session = WorkerSession(session: SessionID(1), lease: .seconds(15), heartbeat: .seconds(1), at: now)
    }

    mutating func live() {
        session.start(&actions)
        perform()
        while !input.isEmpty, session.phase != .ended {
            act()
            var calls = 0
            while session.tick(fresh: nextSession(), at: now, &actions) <= now.instant {
                calls += 1
                expectHolds(calls < 8, "a session wants to be called again at once for ever")
            }
            session.endIfDone(&actions)
            perform()
        }
        guard session.phase != .ended else { return }
        session.drain(&actions)
        session.abandonEverything(&actions)
        perform()
        expectHolds(session.phase == .ended, "a worker that gives up does not end")
    }

    private mutating func nextSession() -> SessionID {
        fresh += 1
        return SessionID(fresh)
    }

    private mutating func act() {
        switch input.byte() % 16 {
        case 0: hear(input.take(upTo: 600))
        case 1: now.instant = now.instant + .milliseconds(Int64(input.byte()) * 61)
        case 2: session.lostSession(fresh: nextSession(), at: now, &actions)
        case 3: session.drain(&actions)
        case 4...6: settle()
        case 7, 8: hear(Frame.encode(.workerWelcome(merged(Stint_V1_WorkerWelcome())), session: session.session.value))
        case 9: hear(Frame.encode(.settled(merged(Stint_V1_Settled())), session: session.session.value))
        case 10: hear(Frame.encode(.revoke(revoke()), session: session.session.value))
        case 11: hear(Frame.encode(.pong(merged(Stint_V1_Pong())), session: session.session.value))
        default: hear(Frame.encode(.assign(assign()), session: session.session.value))
        }
    }

    private mutating func merged<M: SwiftProtobuf.Message>(_ message: M) -> M {
        var changed = message
        let bytes = input.take(upTo: 200)
        return (try? changed.merge(serializedBytes: bytes)) == nil ? message : changed
    }

    private mutating func assign() -> Stint_V1_Assign {
        var message = Stint_V1_Assign()
        (message.epoch, message.firstSequence) = (UInt64(input.byte()), UInt64(input.byte()))
        var type = Stint_V1_AssignedType()
        type.name = "a"
        message.types = [type]
        for _ in 0...input.choice(upTo: 4) {
            message.ids.append(JobID(high: 1, low: UInt64(input.choice(upTo: 15))))
            message.payloadBytes.append(1)
            message.payloads.append(0x31)
        }
        return input.flag() ? merged(message) : message
    }

    private mutating func revoke() -> Stint_V1_Revoke {
        var message = Stint_V1_Revoke()
        let leases = session.heldLeases.map(\.lease).filter { _ in input.flag() }
        message.lost = Stint_V1_Lost.groups(leases, reason: input.flag() ? .jobCancelled : .leaseLost)
        return input.flag() ? merged(message) : message
    }

    /// As the worker's thread takes a frame.
    private mutating func hear(_ frame: [UInt8]) {
        guard let (value, message) = try? Frame.decode(frame), value == session.session.value else { return }
        do {
            switch message {
            case .workerWelcome(let welcome):
                let terms = try welcome.terms()
                session.welcomed(
                    lease: terms.lease, heartbeat: terms.heartbeat, lost: terms.lost, cancelled: terms.cancelled,
                    at: now, &actions)
            case .sayHello: session.lostSession(fresh: nextSession(), at: now, &actions)
            case .pong(let pong): session.pong(pong.number, at: now)
            case .assign(let assign):
                let jobs = try assign.jobs()
                for job in jobs { _ = job.detail.map { TraceHeaders($0.extras) } }
                session.assigned(jobs.map(\.lease), &actions)
            case .settled(let settled): session.confirmed(upTo: settled.upTo, &actions)
            case .revoke(let revoke):
                let (lost, cancelled) = try revoke.lost.leases()
                session.revoked(lost, &actions)
                session.cancelRequested(cancelled, &actions)
            default: break
            }
        } catch {
            expectHolds(error is WireError, "\(error)")
        }
        perform()
    }

    private mutating func settle() {
        let done = waiting.prefix(1 + input.choice(upTo: 3)).filter { session.holds($0) }
        waiting.removeFirst(min(waiting.count, 4))
        guard !done.isEmpty else { return }
        for lease in done { session.began(lease) }
        kept.insert(session.settled(Array(done), &actions))
        perform()
    }

    private mutating func perform() {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll()
            for action in batch {
                switch action {
                case .start(let leases): waiting += leases
                case .abandon(let lease): waiting.removeAll { $0 == lease }
                case .settle(let key, let number):
                    expectHolds(kept.contains(key) && number > 0, "a settlement lost its bytes")
                case .forget(let key): expectHolds(kept.remove(key) != nil, "a settlement was forgotten twice")
                case .recall:
                    let back = waiting.filter { session.holds($0) }
                    waiting = []
                    if !back.isEmpty { kept.insert(session.settled(back, &actions)) }
                case .hello, .heartbeat, .cancel, .suspend, .resume, .drain, .bye, .rebuild: break
                }
            }
        }
    }
}
