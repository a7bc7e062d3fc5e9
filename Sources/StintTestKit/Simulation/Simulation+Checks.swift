import StintCore

extension Simulation {
    /// What must hold at any moment: the invariants of the core, and, while nothing is under way, those between memory and
    /// disk. Walks everything, so it is done a few times in a life.
    func checkInvariants() {
        guard broker.isUp else { return }
        checkHolders()
        for sentence in StintCore.checkInvariants(broker.turn.state) { problem(sentence) }
        guard broker.isQuiet else { return }
        report.quietChecks += 1
        for sentence in BrokerAgainstDisk(broker.turn.state, broker.image).problems { problem(sentence) }
    }

    /// While nothing is on its way between the broker and a worker, both name the same leases.
    func checkHolders() {
        guard broker.isUp, broker.isQuiet else { return }
        checkNothingWaits(broker.turn.state)
        for worker in liveWorkers where worker.session.phase == .serving && worker.pausedUntil == nil && !worker.hasLied
        {
            guard links[worker.link].isStill, broker.hasReadAllOfWorkers, let address = links[worker.link].address,
                worker.isServed(worker.session.session.value, at: address, life: broker.life),
                let slot = broker.turn.state.workers.slot(of: worker.session.session)
            else { continue }
            var next = broker.turn.state.workers[slot].firstLease
            while next >= 0 {
                let entry = broker.turn.state.jobs[next]
                next = entry.lease.next
                let lease = LeaseReference(id: entry.row.id, token: entry.lease.token)
                expect(
                    worker.holds(lease) || worker.session.unconfirmed.contains { $0.leases.contains(lease) },
                    "\(lease.id) is leased to \(worker.name) under \(lease.token), and that does not know it")
            }
        }
    }

    /// Nobody who could run a job stands idle before one.
    private func checkNothingWaits(_ state: BrokerState) {
        guard !state.isDraining else { return }
        for index in 0..<state.lines.count where state.lines.all[index].window.count > 0 {
            let type = TypeIndex(index)
            state.workers.visit { _, worker in
                guard worker.session != nil, !worker.isDraining, !worker.isUnreachable, worker.leases < worker.slots,
                    worker.types.contains(type), !worker.withdrawn.contains(type)
                else { return }
                problem("a job of \(state.lines.all[index].name) waits, and \(worker.row.name) has a free slot")
            }
        }
    }
}
