import StintCore

/// How often processes of each pool have joined lately. A process that joins, dies and is started again for ever looks
/// healthy at any one moment; this is where it shows.
struct JoinLog {
    static let window: Duration = .seconds(600)
    /// Names come from peers, so there are only so many.
    static let poolsMax = 1_000
    /// More than this is often enough; the count stops here.
    static let joinsMax = 256

    /// For lookup, and sorted before it is told.
    private var joins: [String: [Instant]] = [:]

    /// A process that was not known before joined.
    mutating func note(_ pool: String, at now: Instant) {
        if joins[pool] == nil, joins.count >= Self.poolsMax {
            joins = joins.filter { $0.value.contains { now - $0 < Self.window } }
            guard joins.count < Self.poolsMax else { return }
        }
        var times = joins[pool, default: []].filter { now - $0 < Self.window }
        if times.count >= Self.joinsMax { times.removeFirst() }
        times.append(now)
        joins[pool] = times
    }

    /// By name.
    func counts(at now: Instant) -> [(pool: String, joined: Int)] {
        joins.map { ($0.key, $0.value.count { now - $0 < Self.window }) }.filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }
    }
}
