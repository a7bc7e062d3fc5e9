/// One child of `stint up`: what is run, and when it ends among the others.
package struct ChildPlan: Sendable, Hashable {
    /// Stands before each of its lines: `broker`, `pool.1`.
    package var name: String
    /// The program, then its arguments. A name without a slash is looked up beside the running executable, then in
    /// `PATH`, so that a cluster needs no installation.
    package var argv: [String]
    /// Added to the supervisor's own environment.
    package var environment: [String: String]
    /// Nil: the supervisor's own.
    package var directory: String?
    /// Children start from the lowest order to the highest and drain from the highest to the lowest, each order
    /// waiting for the one before: the broker has 0, pools have 1.
    package var order: Int
    /// It prints a line that begins with "ready" once it serves. Children without this start after every such line, and
    /// one that keeps failing before it ends the supervisor: without a broker there is no cluster, and a pool must not
    /// join somebody else's.
    package var announcesItself: Bool

    package init(
        name: String, argv: [String], environment: [String: String] = [:], directory: String? = nil, order: Int,
        announcesItself: Bool = false
    ) {
        self.name = name
        self.argv = argv
        self.environment = environment
        self.directory = directory
        self.order = order
        self.announcesItself = announcesItself
    }
}
