/// How long jobs that are over are kept: a time and a number for each final state, whichever comes first.
///
/// While a job's row lives, its id protects against a second enqueue, so the time has a floor of 24 hours.
public struct Retention: Hashable, Sendable {
    public struct Rule: Hashable, Sendable {
        /// At least 24 hours.
        public var time: Duration
        /// Jobs of all types together; nil: any number.
        public var count: Int?

        public init(time: Duration, count: Int? = nil) {
            self.time = time
            self.count = count
        }
    }
    public static let floor: Duration = .seconds(86_400)

    public var completed: Rule
    public var cancelled: Rule
    public var dead: Rule

    public init(
        completed: Rule = Rule(time: .seconds(7 * 86_400)), cancelled: Rule = Rule(time: .seconds(7 * 86_400)),
        dead: Rule = Rule(time: .seconds(90 * 86_400))
    ) {
        self.completed = completed
        self.cancelled = cancelled
        self.dead = dead
    }

    package subscript(state: JobState) -> Rule? {
        switch state {
        case .completed: completed
        case .cancelled: cancelled
        case .dead: dead
        case .waiting, .scheduled, .ready, .leased: nil
        }
    }
}
