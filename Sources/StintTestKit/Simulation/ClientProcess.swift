import Foundation
import StintCore
import StintWire

/// A client's process in a simulated world: the real ``ClientSession``, and around it what the library does with a thread.
final class ClientProcess {
    enum Wish {
        case enqueue([JobID], [Stint_V1_JobGroup], isConflict: Bool)
        /// A job that was asked to be discarded just before; with its number on disk at that time, that request, and the number
        /// of discards so far.
        case enqueueAnew(JobID, Stint_V1_JobGroup, former: Int64, discard: RequestID, discards: Int)
        /// Breaks a limit, and has to be refused.
        case nonsense([Stint_V1_JobGroup])
        case cancel(JobID, RequestID)
        case replay(Stint_V1_DeadSelection, RequestID, dryRun: Bool)
        case discard(Stint_V1_DeadSelection, RequestID, dryRun: Bool)
        /// With what was known of the job when it was asked for.
        case get(JobID, Ledger.Job?)
        case list(JobState?, String, limit: Int, cursor: Data, seen: Int, last: JobID?)
        case status(health: Bool)
        /// Records of the audit log after this one.
        case audit(after: UInt64)
        case watch(JobID)
        case unwatch(JobID)

        /// By which a repetition is known; of those that are carried out once.
        var request: RequestID? {
            switch self {
            case .cancel(_, let request), .replay(_, let request, _), .discard(_, let request, _): request
            case .enqueue, .enqueueAnew, .nonsense, .get, .list, .status, .audit, .watch, .unwatch: nil
            }
        }
    }

    let index: Int
    let name: String
    let link: Int
    private(set) var core: ClientSession
    var session: SessionID { core.session }
    var isAlive = true
    var pausedUntil: Instant?
    /// What was asked for, by the number of its request; for lookup only.
    private var wishes: [UInt64: Wish] = [:]
    private var watches: [UInt64: JobID] = [:]  // for lookup only
    private var sent: Set<UInt64> = []  // for lookup only
    /// Sent more than once: what is said of one copy is not said of another, which may still be on its way.
    private var repeated: Set<UInt64> = []  // for lookup only
    /// Of those, what the library does not do: twice in one session, or under another number before.
    private var doubled: Set<UInt64> = []  // for lookup only
    /// Refused for now, and to be asked again soon, as a user of the library does. Of one that was sent more than once
    /// another copy may have been carried out.
    private var refusedForNow: [(wish: Wish, isRepeated: Bool)] = []
    private var paused: [Link.ToPeer] = []
    private var isBreakUnnoticed = false
    private var nextCall = Instant.distantFuture
    /// Over which it was welcomed; it may not have noticed yet that there is another.
    private(set) var connection: UInt32 = 0
    /// Jobs whose end it is to be told in this session.
    private(set) var watching: Set<JobID> = []
    /// Requests that are carried out once and were answered; their repetitions may be answered as well.
    private var done: [UInt64: Wish] = [:]  // for lookup only
    /// Watches that were given up before they were answered.
    private var givenUp: Set<UInt64> = []

    init(_ index: Int, name: String, link: Int, in world: Simulation) {
        self.index = index
        self.name = name
        self.link = link
        core = ClientSession(
            session: world.freshSession(), connectPatience: world.settings.connectPatience, at: world.now.instant)
    }

    /// It is welcome, and waits for nothing.
    var isAnswered: Bool { core.isWelcome && !core.hasWork && refusedForNow.isEmpty }
    var unanswered: Int { core.unanswered.count + refusedForNow.count }

    /// Watches that were never answered.
    var unansweredWatches: [JobID] { watches.values.sorted() }

    /// An enqueue of this client that nobody answered yet.
    func openEnqueue(_ chance: inout Chance) -> Wish? {
        guard let request = chance.pick(core.unanswered), case .enqueue(_, _, isConflict: false)? = wishes[request]
        else {
            return nil
        }
        return wishes[request]
    }

    func wish(_ request: UInt64) -> Wish? { wishes[request] ?? watches[request].map { .watch($0) } }

    // MARK: Asking

    /// - Parameter isRepeated: It was sent before, under another number.
    func ask(_ wish: Wish, isRepeated: Bool = false, in world: Simulation) {
        switch wish {
        case .watch(let id): watches[core.watch(at: world.now.instant)] = id
        case .unwatch(let id):
            watching.remove(id)
            for request in watches.filter({ $0.value == id }).keys.sorted() {
                core.unwatch(request)
                watches[request] = nil
                givenUp.insert(request)
            }
            // The broker is told, without an answer.
            if core.isWelcome, pausedUntil == nil { send(encode(wish, 0), in: world) }
        default:
            let request = core.ask(
                bytes: 256, timeout: world.settings.patience(of: wish, isHealed: world.isHealed), at: world.now.instant)
            wishes[request] = wish
            if isRepeated { isDoubled(request) }
        }
        work(in: world)
    }

    /// Everything unanswered once more, in the same session and under the same numbers.
    func sendAgain(in world: Simulation) {
        guard core.isWelcome, pausedUntil == nil else { return }
        for request in core.unanswered {
            guard let wish = wishes[request] else { continue }
            isDoubled(request)
            send(encode(wish, request), in: world)
        }
    }

    private func isDoubled(_ request: UInt64) {
        repeated.insert(request)
        doubled.insert(request)
    }

    /// One round of its thread: the work of time, and what may be sent.
    func work(in world: Simulation) {
        guard isAlive, pausedUntil == nil else { return }
        var expired: [ClientSession.Expired] = []
        let wake = core.tick(fresh: world.freshSession(), at: world.now.instant, &expired)
        for item in expired { failed(item, in: world) }
        while let next = core.next() { send(next, in: world) }
        guard wake < nextCall else { return }
        nextCall = wake
        world.events.add(.client(index), at: wake)
    }

    /// It asked to be called now.
    func isDue(in world: Simulation) {
        if nextCall <= world.now.instant { nextCall = .distantFuture }
        askAgain(in: world)
        work(in: world)
    }

    private func askAgain(in world: Simulation) {
        guard isAlive, pausedUntil == nil else { return }
        let refused = refusedForNow
        refusedForNow.removeAll()
        for (wish, isRepeated) in refused { ask(wish, isRepeated: isRepeated, in: world) }
    }

    private func send(_ next: ClientSession.Next, in world: Simulation) {
        switch next {
        case .hello:
            watching.removeAll()
            var hello = Stint_V1_ClientHello()
            hello.protocolMin = 1
            hello.protocolMax = 1
            hello.name = name
            send(.clientHello(hello), in: world)
        case .request(let request):
            guard let wish = wishes[request] else { return }
            if !sent.insert(request).inserted { repeated.insert(request) }
            send(encode(wish, request), in: world)
        case .watch(let request):
            if let id = watches[request] { send(encode(.watch(id), request), in: world) }
        }
    }

    private func send(_ message: Stint_V1_Envelope.OneOf_Message, in world: Simulation) {
        world.send(message, session: session, over: link)
    }

    /// Its user is told that nobody was there, or that nobody knows what became of it.
    private func failed(_ expired: ClientSession.Expired, in world: Simulation) {
        guard case .enqueue(let ids, _, false) = wishes.removeValue(forKey: expired.request), !expired.wasSent,
            !doubled.contains(expired.request)
        else { return }
        world.note("\(name) is told that the enqueue of \(ids) reached nobody")
        // What is acknowledged was sent by another request.
        for id in ids where !(world.ledger[id]?.isAcknowledged ?? true) { world.ledger.reachedNobody(id) }
    }

    /// Takes out the wish that is answered.
    private func answered(_ request: UInt64) -> Wish? {
        if let id = watches.removeValue(forKey: request) {
            core.unwatch(request)
            return .watch(id)
        }
        return core.answered(request) ? wishes.removeValue(forKey: request) : nil
    }

    // MARK: Called by the world

    func connected(in world: Simulation) {
        core.connected()
        work(in: world)
    }

    func receive(_ frame: Link.ToPeer, in world: Simulation) {
        guard isAlive else { return }
        guard pausedUntil == nil else {
            paused.append(frame)
            return
        }
        guard frame.session == session.value else { return }
        take(frame.message, in: world)
        work(in: world)
    }

    func lostConnection(isBack: Bool, in world: Simulation) {
        guard isAlive else { return }
        guard pausedUntil == nil else {
            isBreakUnnoticed = true
            return
        }
        core.disconnected(fresh: world.freshSession(), at: world.now.instant)
        if isBack { core.connected() }
        work(in: world)
    }

    func wake(isConnected: Bool, in world: Simulation) {
        pausedUntil = nil
        let frames = paused
        paused.removeAll()
        for frame in frames where frame.session == session.value { take(frame.message, in: world) }
        if isBreakUnnoticed {
            isBreakUnnoticed = false
            lostConnection(isBack: isConnected, in: world)
        }
        askAgain(in: world)
        work(in: world)
    }

    // MARK: Answers

    private func take(_ message: Stint_V1_Envelope.OneOf_Message, in world: Simulation) {
        switch message {
        case .clientWelcome(let welcome):
            if !core.isWelcome { connection = world.links[link].generation }
            core.welcomed(windowBytes: Int(clamping: welcome.windowBytes))
        case .sayHello: core.begin(world.freshSession(), at: world.now.instant)
        case .enqueued(let answer):
            for request in answer.requests { stored(answered(request), in: world) }
            for item in answer.withDuplicates { stored(answered(item.request), in: world) }
            for item in answer.refused { refused(item, in: world) }
        case .refused(let refusal): refused(refusal, in: world)
        case .cancelled(let answer):
            guard let wish = answered(answer.request) ?? done[answer.request],
                case .cancel(let id, let request) = wish
            else { return }
            done[answer.request] = wish
            world.note("\(id) is cancelled\(answer.wasRunning ? " while it runs" : "")")
            world.isSameAnswer(to: request, answer.wasRunning ? 1 : 0, wish)
            if !answer.wasRunning { world.ledger.cancelled(id) }
        case .operationAnswer(let answer):
            guard let wish = answered(answer.request) ?? done[answer.request] else { return }
            done[answer.request] = wish
            if let request = wish.request {
                world.isSameAnswer(to: request, answer.jobs << 32 | answer.operation, wish)
            }
        case .jobAnswer(let answer): shown(answered(answer.request), answer.job, in: world)
        case .jobsAnswer(let answer): listed(answered(answer.request), answer, in: world)
        case .statusAnswer(let answer):
            _ = answered(answer.request)
            world.isConsistent(answer)
        case .auditAnswer(let answer):
            guard case .audit(let after) = answered(answer.request) else { return }
            audited(answer, after: after, in: world)
        case .jobEvent(let event): told(answered(event.request), event, in: world)
        default: world.problem("a client was sent what is not for clients")
        }
    }

    private func stored(_ wish: Wish?, in world: Simulation) {
        switch wish {
        case .enqueue(let ids, _, let isConflict):
            world.expect(
                !isConflict || world.mayBeGone(ids), "\(ids) were stored, although another job has the id")
            for id in ids { world.ledger.acknowledged(id) }
        case .nonsense: world.problem("what breaks a limit was stored")
        default: break
        }
    }

    private func refused(_ refusal: Stint_V1_Refused, in world: Simulation) {
        world.note("\(name) is refused request \(refusal.request): \(refusal.message)")
        // It took nothing of the request. The next broker is asked, or this one a little later.
        if refusal.code == .draining {
            _ = core.refusedByDraining(refusal.request)
            return
        }
        if refusal.code == .storeFull || refusal.code == .exhausted {
            guard let wish = answered(refusal.request) else { return }
            if refusal.code == .exhausted, givesUp(wish, refusal.request, in: world) { return }
            refusedForNow.append((wish, repeated.contains(refusal.request)))
            return world.askAgainSoon(self)
        }
        guard let wish = answered(refusal.request) ?? done[refusal.request] else { return }
        if let request = wish.request, world.ledger.answers[request] != nil {
            world.problem("a request that was carried out is refused when it is repeated: \(refusal.message)")
        }
        switch wish {
        case .enqueue(let ids, _, let isConflict):
            world.expect(
                isConflict || world.mayBeAnother(ids), "the enqueue of \(ids) was refused: \(refusal.message)")
            for id in ids.dropFirst() { world.ledger.refused.insert(id) }
        case .nonsense: world.expect(refusal.code == .invalid, "nonsense was refused as \(refusal.code)")
        case .get(let id, let known):
            world.expect(
                !(known?.isAcknowledged ?? false) || world.mayBeGone([id]),
                "\(id) was acknowledged, and asking for it is refused: \(refusal.message)")
        case .cancel, .enqueueAnew, .replay, .discard, .list, .status, .audit, .watch, .unwatch:
            world.expect(refusal.code != .invalid, "a request was refused: \(refusal.message)")
        }
    }

    /// Its user does without what a full line does not take, at the latest when the end is near.
    private func givesUp(_ wish: Wish, _ request: UInt64, in world: Simulation) -> Bool {
        guard case .enqueue(let ids, _, false) = wish, world.isHealed || world.network.percent(50) else { return false }
        guard !repeated.contains(request) else { return true }
        for id in ids where !(world.ledger[id]?.isAcknowledged ?? true) { world.ledger.refused.insert(id) }
        return true
    }

    private func shown(_ wish: Wish?, _ job: Stint_V1_JobDetails, in world: Simulation) {
        guard case .get(let id, let known) = wish else { return }
        if let token = known?.completed, !world.mayBeGone([id]) {
            world.expect(job.state == .completed, "\(id) was completed and is shown as \(job.state)")
            world.expect([UInt8](job.result) == Ledger.result(of: token), "\(id) is shown with another result")
        }
        world.expect(
            [UInt8](job.payload) == Simulation.payload(of: id) || world.mayBeGone([id]),
            "\(id) is shown with another payload")
        world.expect(job.attempt <= job.attemptsMax, "\(id) is shown with attempt \(job.attempt) of \(job.attemptsMax)")
        // Fences rise along the attempts.
        let fences = job.attempts.map(\.fence)
        world.expect(zip(fences, fences.dropFirst()).allSatisfy { $0 < $1 }, "\(id) is shown with fences \(fences)")
        for attempt in job.attempts {
            guard let token = FencingToken(attempt.fence),
                let number = world.ledger[LeaseReference(id: id, token: token)]?.number
            else { continue }
            world.expect(
                number == Int(attempt.number), "\(id) ran as attempt \(number), which is shown as \(attempt.number)")
        }
    }

    /// The first answer to a watch says where the job stands; what follows says how it goes on, up to its end.
    private func told(_ wish: Wish?, _ event: Stint_V1_JobEvent, in world: Simulation) {
        guard let id = try? event.id.id(field: "job_event.id") else { return }
        world.note("\(name) hears that \(id) is \(event.state)")
        let isOver = event.state.state.map(\.isFinal) ?? true
        if isOver {
            watching.remove(id)
        } else if case .watch = wish, !givenUp.contains(event.request) {
            watching.insert(id)
        }
    }

    /// The records follow each other without a gap, each with the digest of the one before.
    private func audited(_ answer: Stint_V1_AuditAnswer, after: UInt64, in world: Simulation) {
        var last = after
        var digest: Data?
        for record in answer.records {
            world.expect(record.number > last, "the audit log shows \(record.number) after \(last)")
            if let digest {
                world.expect(record.previous == digest, "the audit log is cut before \(record.number)")
            }
            last = record.number
            digest = record.digest
        }
        if answer.records.count == 20 { ask(.audit(after: last), in: world) }
    }

    private func listed(_ wish: Wish?, _ answer: Stint_V1_JobsAnswer, in world: Simulation) {
        guard case .list(let state, let type, let limit, _, let seen, var last) = wish else { return }
        world.expect(answer.jobs.count <= limit, "a page of \(limit) jobs has \(answer.jobs.count)")
        for job in answer.jobs {
            world.expect(type.isEmpty || job.type == type, "a listing of \(type) shows a job of type \(job.type)")
            guard state == nil, let id = try? job.id.id(field: "job.id") else { continue }
            // The order of ids does not change while one turns the pages.
            world.expect(
                last.map { id < $0 } ?? true, "a listing shows \(id) behind \(last.map { "\($0)" } ?? "nothing")")
            last = id
        }
        if !answer.cursor.isEmpty, seen < 5 {
            ask(.list(state, type, limit: limit, cursor: answer.cursor, seen: seen + 1, last: last), in: world)
        }
    }

    // MARK: Messages

    private func encode(_ wish: Wish, _ number: UInt64) -> Stint_V1_Envelope.OneOf_Message {
        switch wish {
        case .enqueueAnew(let id, let group, _, _, _): return encode(.enqueue([id], [group], isConflict: false), number)
        case .enqueue(_, let groups, _), .nonsense(let groups):
            var message = Stint_V1_Enqueue()
            message.request = number
            message.groups = groups
            return .enqueue(message)
        case .cancel(let id, let request):
            var message = Stint_V1_Cancel()
            message.request = number
            message.requestID = Self.bytes(request)
            message.id = Data(id)
            return .cancel(message)
        case .replay(let selection, let request, let dryRun):
            var message = Stint_V1_ReplayDead()
            message.request = number
            message.requestID = Self.bytes(request)
            message.selection = selection
            message.dryRun = dryRun
            return .replayDead(message)
        case .discard(let selection, let request, let dryRun):
            var message = Stint_V1_DiscardDead()
            message.request = number
            message.requestID = Self.bytes(request)
            message.selection = selection
            message.dryRun = dryRun
            return .discardDead(message)
        case .get(let id, _):
            var message = Stint_V1_GetJob()
            message.request = number
            message.id = Data(id)
            return .getJob(message)
        case .list(let state, let type, let limit, let cursor, _, _):
            var message = Stint_V1_ListJobs()
            message.request = number
            message.state = Stint_V1_JobState(state)
            message.type = type
            message.limit = UInt32(limit)
            message.cursor = cursor
            return .listJobs(message)
        case .audit(let last):
            var message = Stint_V1_GetAudit()
            message.request = number
            message.after = last
            message.limit = 20
            return .getAudit(message)
        case .status(let health):
            var message = Stint_V1_GetStatus()
            message.request = number
            message.health = health
            return .getStatus(message)
        case .watch(let id), .unwatch(let id):
            var message = Stint_V1_Watch()
            message.request = number
            message.id = Data(id)
            if case .unwatch = wish { message.stop = true }
            return .watch(message)
        }
    }

    private static func bytes(_ request: RequestID) -> Data { Data(JobID(high: request.high, low: request.low)) }
}
