import StintTestKit
import Testing

/// The real `stint`, as processes on real sockets, files and signals.
///
/// One test at a time: most of them measure or overload something, and the machine may have two cores.
@Suite("End to end", .serialized, .timeLimit(.minutes(Patience.factor))) enum EndToEnd {}
