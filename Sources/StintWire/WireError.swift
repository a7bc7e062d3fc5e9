import StintCore

/// Why a frame or a message was refused. A peer's mistake never traps; it is answered with this sentence or, where no
/// answer is possible, dropped and counted.
package enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not an envelope at all, or one without a message or session.
    case malformed(String)
    case outOfRange(field: String, value: Int, allowed: ClosedRange<Int>)
    /// Columns that belong together have different lengths.
    case unevenColumns(String)
    case invalid(field: String, String)

    package var description: String {
        switch self {
        case .malformed(let what): "malformed message: \(what)"
        case .outOfRange(let field, let value, let allowed):
            "\(field) is \(value), but must be from \(allowed.lowerBound) to \(allowed.upperBound)"
        case .unevenColumns(let field): "the columns of \(field) do not have the same number of entries"
        case .invalid(let field, let why): "\(field): \(why)"
        }
    }

    package var refusal: Refusal { Refusal(.invalid, description) }
}
