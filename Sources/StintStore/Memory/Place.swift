import StintCore

/// Where a job stands in one of the orders in which jobs are read: the ready line of a type, all scheduled jobs, the
/// dead ones by the time they died, all jobs by id. One sorted map holds the places of all orders, each order twice:
/// for the type of the job, and for all types together.
struct Place: Hashable, Comparable, Sendable {
    /// Nil: all states, by id.
    var state: JobState?
    /// Nil: all types.
    var type: TypeIndex?
    var first: Int64
    var second: Int64
    /// Ready jobs of different types may have one rank; elsewhere the key is unique without it.
    var serial: Int64

    init(state: JobState?, type: TypeIndex?, first: Int64 = .min, second: Int64 = .min, serial: Int64 = .min) {
        self.state = state
        self.type = type
        self.first = first
        self.second = second
        self.serial = serial
    }

    init(of row: JobRow, in state: JobState?, type: TypeIndex?) {
        switch state {
        case nil: self.init(state: nil, type: type, first: row.id.high.inSignedOrder, second: row.id.low.inSignedOrder)
        case .waiting, .scheduled:
            self.init(state: state, type: type, first: row.runAt.milliseconds, second: row.serial)
        case .ready, .leased:
            self.init(state: state, type: type, first: -Int64(row.priority), second: row.rank, serial: row.serial)
        case .completed, .dead, .cancelled:
            self.init(state: state, type: type, first: row.finishedAt.milliseconds, second: row.serial)
        }
    }

    static func all(of row: JobRow) -> [Place] {
        [
            Place(of: row, in: row.state, type: nil), Place(of: row, in: row.state, type: row.type),
            Place(of: row, in: nil, type: nil), Place(of: row, in: nil, type: row.type),
        ]
    }

    /// Where ids begin, for looking one up.
    static func ofID(_ id: JobID) -> Place {
        Place(state: nil, type: nil, first: id.high.inSignedOrder, second: id.low.inSignedOrder)
    }

    /// Which of the orders it is in, as one number.
    private var order: Int64 { (Int64(state?.rawValue ?? 0) << 32) + (Int64(type?.value ?? -1) + 1) }

    func isInOrder(of other: Place) -> Bool { state == other.state && type == other.type }

    static func < (left: Place, right: Place) -> Bool {
        if left.order != right.order { return left.order < right.order }
        if left.first != right.first { return left.first < right.first }
        if left.second != right.second { return left.second < right.second }
        return left.serial < right.serial
    }
}

extension UInt64 {
    /// The signed number that stands in the order of signed numbers where this one stands among unsigned ones.
    fileprivate var inSignedOrder: Int64 { Int64(bitPattern: self ^ (1 << 63)) }
}
