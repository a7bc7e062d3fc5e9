import StintBroker
import StintCore

/// The cluster of one life: its leases and policies, and sizes so small that pages, evictions and second steps happen
/// to a few thousand jobs as they would to millions.
struct LifeSettings {
    static let types = ["mail", "image", "rare", "trash"]
    /// Jobs of this type may be removed by clients.
    static let trash = "trash"

    let configuration: BrokerTurn.Configuration
    let workers: Int
    let clients: Int
    /// Of clients, until somebody is there.
    let connectPatience: Duration
    /// Of handlers.
    let runMillisecondsMax: Int
    let settleGridNanoseconds: Int64
    /// A worker has from 1 to so many.
    let slotsMax: Int
    /// About so many requests come at once, and then none for as long as it takes to keep the pace.
    let burst: Int
    /// The number of finished jobs is bounded, so that some of them are removed during the life.
    let keepsFew: Bool
    /// Of ids, so many in a hundred are made by clocks that are a day ahead, or a little more or less: they are just of the
    /// future, or not any more.
    let idsOfTomorrow: Int
    /// By how many milliseconds more or less.
    let tomorrowSpread: Int
    var knowsTomorrow: Bool { idsOfTomorrow > 0 }

    init(_ plan: LifePlan) {
        var chance = Chance(plan.seed, .world)
        // Long lives are for what takes hours: in them a lease is what it is outside.
        let lease: Duration =
            plan.length == .long ? .seconds(15) : .milliseconds(chance.pick([900, 1_800, 3_600]) ?? 900)
        var bounds = Bounds()
        if chance.percent(80) {
            bounds.windowEntries = chance.magnitude(30...2_000)
            bounds.scheduledEntries = chance.magnitude(10...500)
            bounds.pageRows = chance.magnitude(4...256)
            bounds.pageChanges = chance.magnitude(3...200)
            bounds.stepRows = chance.magnitude(2...100)
            bounds.dueJobsPerTurn = chance.magnitude(1...50)
            bounds.assignJobs = chance.pick([1, 3, 16, 64]) ?? 64
            bounds.batchWrites = chance.magnitude(10...2_000)
            bounds.questionRowsPerTurn = chance.magnitude(2...200)
            bounds.listRows = chance.magnitude(2...50)
        }
        bounds.cachedPayloads = 1 << chance.int(0...8)
        // Few HELLOs at a time, and next to no room for those that wait: one that is dropped has to be said again.
        if chance.percent(20) {
            bounds.hellosPerSecond = chance.int(2...6)
            bounds.hellosWaitingBytes = chance.pick([0, 150, 600]) ?? 0
        }
        if chance.percent(30) { bounds.unreadFrames = chance.magnitude(3...60) }
        var settings = BrokerState.Settings(
            lease: lease, heartbeat: lease / 3,
            defaultPolicy: Policy(
                attempts: chance.int(2...4),
                backoff: Backoff(
                    first: .milliseconds(chance.int(10...200)), factor: 3, most: .milliseconds(lease.inMilliseconds / 4)
                ),
                timeout: .milliseconds(chance.int(300...6_000)), grace: .milliseconds(chance.int(100...1_000))))
        settings.bounds = bounds
        var keep = Retention()
        keepsFew = chance.percent(25)
        if keepsFew {
            keep.completed.count = chance.int(50...800)
            keep.dead.count = chance.int(5...100)
            keep.cancelled.count = chance.int(5...100)
        }
        let seed = chance.next()
        workers = chance.int(2...7)
        clients = chance.int(2...5)
        connectPatience = chance.milliseconds(500...10_000)
        settleGridNanoseconds = chance.pick([1_000, 2_000_000, 8_000_000, 30_000_000]) ?? 1_000
        slotsMax = chance.pick([3, 6, 15, 40]) ?? 6
        burst = chance.pick([1, 6, 25, 80]) ?? 1
        idsOfTomorrow = chance.percent(20) ? chance.pick([2, 8, 30]) ?? 8 : 0
        tomorrowSpread = chance.pick([20, 200, 2_000]) ?? 200
        runMillisecondsMax = chance.pick([8, 30, 100]) ?? 30
        if chance.percent(20) { settings.defaultPolicy.line.jobs = chance.magnitude(Self.boundedRequest...200) }
        if chance.percent(20) {
            settings.defaultPolicy.line.bytes = Self.payloadBytes * chance.magnitude(Self.boundedRequest...200)
        }
        configuration = BrokerTurn.Configuration(settings: settings, keep: keep, payloadBytesMax: 1_024, seed: seed)
    }

    /// How long a client waits for an answer. Most wait for as long as it takes.
    func patience(of wish: ClientProcess.Wish, isHealed: Bool) -> Duration {
        guard !isHealed, case .enqueue(let ids, _, false) = wish, let low = ids.first?.low, low % 8 == 0 else {
            return .seconds(1_000_000)
        }
        return .milliseconds(Int64(low >> 8 & 2_047))
    }

    /// How long it may take at the end until everybody is welcome.
    func welcomeTakes(_ peers: Int) -> Duration {
        let perSecond = configuration.settings.bounds.hellosPerSecond
        return perSecond >= peers ? .zero : ClientSession.helloPatience + .seconds(peers / perSecond + 1)
    }

    var lease: Duration { configuration.settings.lease }
    var policy: Policy { configuration.settings.defaultPolicy }

    /// Jobs that a line takes; nil: as many as come.
    var lineJobs: Int? {
        [policy.line.jobs, policy.line.bytes.map { $0 / Self.payloadBytes }].compactMap { $0 }.min()
    }
    /// The largest request where lines are bounded, so that each is taken in the end.
    static let boundedRequest = 18
    private static let payloadBytes = 34
}
