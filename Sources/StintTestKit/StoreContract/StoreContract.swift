import StintCore
import StintStore

/// The contract of ``Store`` as checks, written once and run on every store. A store that passes them all can be put
/// under a broker.
///
///     @Test(arguments: StoreContract.checks)
///     func keepsTheContract(check: StoreContract.Check) throws {
///         try check.run(StoreFactory { try MyStore(path: path) })
///     }
///
/// Each check gets a place that is empty, opens it as often as it likes, and closes what it opened. It throws a
/// ``Failure`` with a sentence. What a store does to a batch that breaks the rules, trapping, needs a process of its
/// own and is left to the tests of the store.
package enum StoreContract {
    package struct Check: Sendable, CustomStringConvertible {
        package let name: String
        private let body: @Sendable (StoreScenario) throws -> Void

        init(_ name: String, _ body: @escaping @Sendable (StoreScenario) throws -> Void) {
            self.name = name
            self.body = body
        }

        package var description: String { name }

        package func run(_ factory: StoreFactory) throws {
            let scenario = try StoreScenario(factory)
            defer { scenario.close() }
            try body(scenario)
        }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package static let checks: [Check] =
        lifeChecks + writeChecks + attemptChecks + lineChecks + listingChecks + rowChecks + readerChecks
        + comparisonChecks
}

/// A place to keep things, empty at first. Opening it again, after closing, finds what was committed.
package struct StoreFactory: Sendable {
    package let open: @Sendable () throws -> any Store

    package init(open: @escaping @Sendable () throws -> any Store) { self.open = open }
}

func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
    if !condition { throw StoreContract.Failure(description: sentence()) }
}

func expect<Value: Equatable>(_ found: Value, is expected: Value, _ what: @autoclosure () -> String) throws {
    try expect(found == expected, "\(what()): found \(found), expected \(expected)")
}

func require<Value>(_ value: Value?, _ what: @autoclosure () -> String) throws -> Value {
    guard let value else { throw StoreContract.Failure(description: "\(what()): there is none") }
    return value
}
