@testable import StintWire

/// The refusal that a decoder answers with; nil when it gives a value.
func refusal<Value>(_ decode: () throws(WireError) -> Value) -> WireError? {
    do {
        _ = try decode()
        return nil
    } catch {
        return error
    }
}
