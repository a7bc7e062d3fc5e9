import Foundation
import StintBroker
import StintCore
import StintWire
import SwiftProtobuf

// What the peers say: messages that are valid where they stand, and then have bytes of the input merged into them, which
// change a field, repeat one, or add what no version has.

extension FuzzedBroker {
    private static let types = ["a", "b", "c", "no such type", String(repeating: "x", count: 129)]

    private mutating func merged<M: SwiftProtobuf.Message>(_ message: M) -> M {
        guard input.byte() & 3 == 0 else { return message }
        var changed = message
        let bytes = input.take(upTo: 200)
        return (try? changed.merge(serializedBytes: bytes)) == nil ? message : changed
    }

    private mutating func type() -> String { Self.types[input.choice(upTo: 7) % Self.types.count] }

    /// One of few, so that they meet; now and then one of chance.
    private mutating func id() -> JobID {
        let choice = input.byte()
        if choice == 255 { return JobID(high: input.number(), low: input.number()) }
        return JobID(high: 0x0190_0000_0000_7000, low: UInt64(choice % 24))
    }

    // MARK: Workers

    mutating func workerSpeaks() {
        let index = input.choice(upTo: workers.count - 1)
        switch input.byte() % 16 {
        case 0, 1: hello(index)
        case 2...6: settle(index)
        case 7, 8: say(.heartbeat(merged(heartbeat(index))), index)
        case 9: say(.progress(merged(progress(index))), index)
        case 10: say(.checkpoint(merged(checkpoint(index))), index)
        case 11:
            var message = Stint_V1_Withdraw()
            message.type = type()
            say(.withdraw(merged(message)), index)
        case 12: say(.drain(Stint_V1_Drain()), index)
        case 13: say(.bye(Stint_V1_Bye()), index)
        case 14:
            // A new connection of the same process: its old session is heard from a wrong address.
            workers[index].address = 20 + UInt32(input.choice(upTo: 40))
        default: hello(index)
        }
    }

    private mutating func say(_ message: Stint_V1_Envelope.OneOf_Message, _ index: Int) {
        let session = max(1, workers[index].session)
        deliver(Frame.encode(message, session: session), toWorkers: true, at: workers[index].address)
    }

    private mutating func hello(_ index: Int) {
        if input.byte() & 7 != 0 || workers[index].session == 0 { workers[index].session = nextSession() }
        var hello = Stint_V1_WorkerHello()
        (hello.protocolMin, hello.protocolMax) = (1, 1)
        hello.instance = Data(JobID(high: 77, low: UInt64(index)))
        hello.name = "worker-\(index)"
        hello.pool = input.flag() ? "p" : "q"
        hello.slots = UInt32(1 + input.choice(upTo: 5))
        for _ in 0...input.choice(upTo: 2) {
            var served = Stint_V1_ServedType()
            served.name = Self.types[input.choice(upTo: 2)]
            hello.types.append(served)
        }
        let held = leases(index)
        let states: [Stint_V1_Held.State] = [.waiting, .running, .settled]
        hello.held = LeaseGroups(held).groups.map { group in
            var message = Stint_V1_Held()
            message.state = states[input.choice(upTo: 2)]
            (message.epoch, message.ids, message.sequences) = (group.epoch, group.ids, group.sequences)
            return message
        }
        workers[index].number = 0
        say(.workerHello(merged(hello)), index)
    }

    /// Some of what a worker holds, or another one holds, or nobody.
    private mutating func leases(_ index: Int) -> [LeaseReference] {
        let choice = input.byte()
        var leases = workers[choice & 0xE0 == 0 ? (index + 1) % workers.count : index].held
        if choice & 0x10 != 0 { leases = Array(leases.prefix(1 + Int(choice & 3))) }
        if choice & 0x0C == 0x0C {
            leases.append(
                LeaseReference(id: id(), token: FencingToken(epoch: turn.state.numbers.epoch, sequence: input.number()))
            )
        }
        return leases
    }

    private mutating func settle(_ index: Int) {
        let leases = leases(index)
        guard let epoch = leases.first?.token.epoch else { return }
        let same = leases.filter { $0.token.epoch == epoch }
        var message = Stint_V1_Settle()
        workers[index].number += 1
        message.number = workers[index].number
        message.epoch = epoch
        message.ids = Data(ids: same.map(\.id))
        message.sequences = same.map(\.token.sequence)
        message.runMicroseconds = same.map { _ in UInt32(input.byte()) << input.byte() % 25 }
        if input.flag() {
            message.resultBytes = same.map { _ in UInt32(input.choice(upTo: 20)) }
            message.results = Data(repeating: 0x31, count: message.resultBytes.reduce(0) { $0 + Int($1) })
        }
        for place in same.indices where input.flag() {
            var detail = Stint_V1_SettleDetail()
            detail.index = UInt32(place)
            detail.outcome = .init(rawValue: input.choice(upTo: 8)) ?? .failed
            detail.permanent = input.byte() & 7 == 0
            if input.byte() & 3 == 0 { detail.retryAfterMs = UInt64(input.byte()) << UInt64(input.byte() % 64) }
            if input.byte() & 3 == 0 { detail.error = "it broke" }
            for _ in 0..<input.choice(upTo: 2) { detail.children.append(group(jobsMax: 3)) }
            message.details.append(merged(detail))
        }
        say(.settle(merged(message)), index)
        workers[index].held.removeAll { same.contains($0) }
    }

    private mutating func heartbeat(_ index: Int) -> Stint_V1_Heartbeat {
        Stint_V1_Heartbeat(number: UInt64(input.byte()), running: leases(index))
    }

    private mutating func progress(_ index: Int) -> Stint_V1_Progress {
        var message = Stint_V1_Progress()
        message.reports = leases(index).map { lease in
            var report = Stint_V1_Progress.Report()
            report.id = Data(lease.id)
            (report.epoch, report.sequence) = (lease.token.epoch, lease.token.sequence)
            report.progress = Data("{}".utf8)
            return report
        }
        return message
    }

    private mutating func checkpoint(_ index: Int) -> Stint_V1_Checkpoint {
        var message = Stint_V1_Checkpoint()
        guard let lease = leases(index).first else { return message }
        message.number = UInt64(input.byte())
        message.id = Data(lease.id)
        (message.epoch, message.sequence) = (lease.token.epoch, lease.token.sequence)
        message.state = Data(input.take(upTo: 40))
        return message
    }

    // MARK: Clients

    mutating func clientSpeaks() {
        let index = input.choice(upTo: clients.count - 1)
        switch input.byte() % 16 {
        case 0:
            if input.byte() & 7 != 0 || clients[index].session == 0 { clients[index].session = nextSession() }
            var hello = Stint_V1_ClientHello()
            (hello.protocolMin, hello.protocolMax) = (1, 1)
            say(.clientHello(merged(hello)), from: index)
        case 1...7:
            var message = Stint_V1_Enqueue()
            message.request = nextRequest()
            for _ in 0...input.choice(upTo: 2) { message.groups.append(group(jobsMax: 12)) }
            say(.enqueue(merged(message)), from: index)
        case 8:
            var message = Stint_V1_Cancel()
            message.request = nextRequest()
            message.requestID = Data(id())
            message.id = Data(id())
            say(.cancel(merged(message)), from: index)
        case 9:
            var message = Stint_V1_GetJob()
            message.request = nextRequest()
            message.id = Data(id())
            say(.getJob(merged(message)), from: index)
        case 10:
            var message = Stint_V1_ListJobs()
            message.request = nextRequest()
            message.limit = UInt32(input.byte())
            message.state = .init(rawValue: input.choice(upTo: 8)) ?? .stateUnknown
            if input.flag() { message.type = type() }
            if input.flag() { message.cursor = Data(id()) }
            say(.listJobs(merged(message)), from: index)
        case 11:
            var message = Stint_V1_GetStatus()
            message.request = nextRequest()
            say(.getStatus(merged(message)), from: index)
        case 12, 13: handleDead(index)
        default:
            var message = Stint_V1_Watch()
            message.request = nextRequest()
            message.id = Data(id())
            message.stop = input.byte() & 3 == 0
            say(.watch(merged(message)), from: index)
        }
    }

    private mutating func handleDead(_ index: Int) {
        var selection = Stint_V1_DeadSelection()
        switch input.byte() & 3 {
        case 0: selection.all = true
        case 1: selection.type = type()
        default: for _ in 0..<input.choice(upTo: 4) { selection.ids.append(Data(id())) }
        }
        let request = Data(id())
        let dryRun = input.byte() & 7 == 0
        if input.flag() {
            var message = Stint_V1_ReplayDead()
            message.request = nextRequest()
            (message.requestID, message.selection, message.dryRun) = (request, selection, dryRun)
            say(.replayDead(merged(message)), from: index)
        } else {
            var message = Stint_V1_DiscardDead()
            message.request = nextRequest()
            (message.requestID, message.selection, message.dryRun) = (request, selection, dryRun)
            say(.discardDead(merged(message)), from: index)
        }
    }

    private mutating func say(_ message: Stint_V1_Envelope.OneOf_Message, from index: Int) {
        let session = max(1, clients[index].session)
        deliver(Frame.encode(message, session: session), toWorkers: false, at: clients[index].address)
    }

    private mutating func group(jobsMax: Int) -> Stint_V1_JobGroup {
        var group = Stint_V1_JobGroup()
        group.type = input.byte() & 7 == 0 ? type() : Self.types[input.choice(upTo: 2)]
        group.priority = Int32(Int8(bitPattern: input.byte()))
        group.attempts = UInt32(input.choice(upTo: 4))
        switch input.byte() & 7 {
        case 0: group.delayMs = UInt64(input.byte()) << UInt64(input.byte() % 64)
        case 1: group.runAtMs = Int64(truncatingIfNeeded: input.number())
        case 2: group.runAtMs = now.wall.milliseconds + Int64(input.byte()) * 100
        default: break
        }
        if input.byte() & 7 == 0 { group.extras.metadata = Data(input.take(upTo: 60)) }
        for _ in 0...input.choice(upTo: jobsMax - 1) {
            group.ids.append(input.flag() ? Data(freshID()) : Data(id()))
            let count = input.choice(upTo: 12)
            group.payloadBytes.append(UInt32(count))
            group.payloads.append(Data(repeating: input.byte(), count: count))
        }
        return merged(group)
    }

    // MARK: Answers

    /// A frame has arrived: it is decoded as its receiver would, and a worker notes what it holds.
    mutating func hear(_ frame: OutgoingFrame) {
        do {
            let (session, message) = try Frame.decode(frame.body)
            switch message {
            case .assign(let assign):
                let jobs = try assign.jobs()
                expectHolds(!jobs.isEmpty && jobs.count <= Limits.assignJobsMax, "an assign of \(jobs.count) jobs")
                guard let index = workers.firstIndex(where: { $0.session == session }) else { return }
                workers[index].held += jobs.map(\.lease)
            case .revoke(let revoke):
                let lost = try revoke.lost.filter { $0.reason != .jobCancelled }.flatMap { try $0.leases() }
                for index in workers.indices { workers[index].held.removeAll { lost.contains($0) } }
            case .workerWelcome(let welcome):
                let lost = try welcome.terms().lost
                for index in workers.indices { workers[index].held.removeAll { lost.contains($0) } }
            default: break
            }
        } catch {
            expectHolds(false, "what the broker says does not decode: \(error)")
        }
    }
}

extension FuzzedBroker {
    /// Plain lives to begin with: workers join, jobs come, are settled, asked for, cancelled.
    static var seeds: [[UInt8]] {
        (0..<48).map { seed in
            var random = SeededRandom(seed: UInt64(seed))
            let count = 40 + Int(random.next(upTo: 600))
            return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
    }
}
