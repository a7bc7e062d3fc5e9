/// Place in a ready line: higher priority first, then lower rank.
package struct ReadyPosition: Hashable, Comparable, Sendable {
    package var priority: Int16
    package var rank: Int64

    package init(priority: Int16, rank: Int64) {
        self.priority = priority
        self.rank = rank
    }

    package static let first = ReadyPosition(priority: .max, rank: .min)

    package static func < (left: ReadyPosition, right: ReadyPosition) -> Bool {
        left.priority == right.priority ? left.rank < right.rank : left.priority > right.priority
    }
}

/// Place among scheduled jobs: by time, then serial.
package struct SchedulePosition: Hashable, Comparable, Sendable {
    package var runAt: WallTime
    package var serial: Int64

    package init(runAt: WallTime, serial: Int64) {
        self.runAt = runAt
        self.serial = serial
    }

    package static let first = SchedulePosition(runAt: WallTime(milliseconds: .min), serial: .min)

    package static func < (left: SchedulePosition, right: SchedulePosition) -> Bool {
        left.runAt == right.runAt ? left.serial < right.serial : left.runAt < right.runAt
    }
}
