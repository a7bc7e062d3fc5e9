import Foundation
import StintCore
import StintWire

// What may happen at any moment of a simulated life, each with its weight.

extension Simulation {
    func act() {
        switch random.next(upTo: 99) {
        case 0..<24: clientActs()
        case 24..<60: workerActs()
        case 60..<78: pass(.milliseconds(Int64(1 + random.next(upTo: 400))))
        case 78..<81: pass(.milliseconds(Int64(1_000 + random.next(upTo: 8_000))))
        case 81..<84: broker.holdsCommits.toggle()
        case 84..<87: broker.holdsPages.toggle()
        case 87..<93: turn()
        default: fault()
        }
        // Whatever is held back is let go soon: a disk is slow, not dead.
        if broker.holdsCommits, chance(30) { broker.holdsCommits = false }
    }

    private func fault() {
        switch random.next(upTo: 99) {
        case 0..<8:
            note("the broker crashes")
            broker.crash(losesBatch: chance(50))
        case 8..<16:
            note("the next commit fails")
            broker.failsNextCommit = chance(50) ? .isLost : .isDurable
        case 16..<36:
            guard let worker = pick(workers) else { return }
            note("the connection of \(worker.name) breaks")
            breakConnection(of: worker)
        case 36..<46:
            guard let client = pick(clients) else { return }
            note("the connection of \(client.name) breaks")
            breakConnection(of: client)
        case 46..<60:
            guard let worker = pick(workers) else { return }
            note("\(worker.name) falls silent")
            worker.silentUntil = broker.now.instant + .milliseconds(Int64(500 + random.next(upTo: 20_000)))
        case 60..<70:
            guard let index = workers.indices.randomElement(using: &random) else { return }
            note("\(workers[index].name) dies")
            discard(from: workers[index].address)
            workers.remove(at: index)
            addWorker()
        case 70..<76:
            guard let worker = pick(workers) else { return }
            note("\(worker.name) drains")
            drain(worker)
        case 76..<82:
            let gap: Duration = .milliseconds(Int64(random.next(upTo: 30_000)))
            note("the broker does not run for \(gap)")
            broker.stall(for: gap)
        case 82..<90:
            let step: Duration = .milliseconds(Int64(random.next(upTo: 8_000)) - 4_000)
            note("the wall clock is set by \(step)")
            broker.stepWall(by: step)
            if step < .zero { wallDebt -= step }
        case 90..<94:
            if workers.count < 6 { addWorker() }
        case 94..<97:
            noise()
        default:
            if clients.count < 4 { addClient() }
        }
    }

    /// Bytes that mean nothing, or a real message with some of its bytes changed.
    private func noise() {
        var body = (0..<Int(random.next(upTo: 60))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        if let worker = pick(workers), chance(50) {
            body = Frame.encode(worker.hello(), session: worker.session.session.value)
            body[Int(random.next(upTo: UInt64(body.count - 1)))] = UInt8(truncatingIfNeeded: random.next())
        }
        note("noise")
        let address = broker.freshAddress()
        if chance(50) {
            broker.deliver(fromWorker: body, at: address)
        } else {
            broker.deliver(fromClient: body, at: address)
        }
    }
}
