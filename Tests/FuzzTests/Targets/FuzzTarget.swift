/// Something that reads what others wrote, and must be a match for any bytes: it may refuse them, it may not trap, hang
/// or break a rule. `make fuzz` feeds each with bytes that libFuzzer invents, guided by which code they reach; inputs
/// that once broke one are kept in `Inputs` and run again by every `make test`.
struct FuzzTarget: Sendable {
    let name: String
    /// The largest input worth trying.
    let bytesMax: Int
    /// Ends the process when a promise is broken.
    let run: @Sendable ([UInt8]) -> Void
    /// Inputs to begin with.
    let seeds: @Sendable () -> [[UInt8]]

    static let all = [decoders, broker, worker, client, handlerOutput, clusterFile, argumentTemplate]
}

/// Says what was broken. A trap, so that libFuzzer keeps the input, and a test names it.
func expectHolds(_ holds: Bool, _ sentence: @autoclosure () -> String) {
    if !holds { fatalError("broken promise: \(sentence())") }
}
