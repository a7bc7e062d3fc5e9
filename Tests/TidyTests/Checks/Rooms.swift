/// One target of the house, and what it may import: `all` is the plan of `docs/ARCHITECTURE.md` as a table.
///
/// The package manager keeps a target from importing another target that it does not depend on. It
/// cannot keep one from importing what comes with the system, which is where clocks, sockets and
/// randomness come from, and it does not notice a dependency that should not have been added.
struct Room: Sendable {
    let mayImport: Set<String>
    /// Bans that deserve a word on what to use instead. They hold even where everything else is allowed.
    let instead: [String: String]
    /// The room may import whatever it depends on, apart from the bans.
    let isOpen: Bool

    init(_ mayImport: [String], instead: [String: String] = [:], isOpen: Bool = false) {
        self.mayImport = Set(mayImport)
        self.instead = instead
        self.isOpen = isOpen
    }

    /// What comes with the system and is harmless where the rules do not live.
    private static let system = [
        "Foundation", "FoundationEssentials", "Glibc", "Musl", "Dispatch", "Synchronization",
    ]
    private static let collections = [
        "BasicContainers", "BitCollections", "Collections", "DequeModule", "HeapModule", "OrderedCollections",
    ]
    private static let purity =
        "the rules are pure: take times as `Moment`, bytes as `[UInt8]`, randomness as `SeededRandom`"
    private static let privateDoor = "a program has no private door: use what `Stint` offers, or add it there"

    static let all: [String: Room] = [
        "StintCore": Room(
            collections,
            instead: [
                "Foundation": purity, "FoundationEssentials": purity, "Glibc": purity, "Musl": purity,
                "Dispatch": purity, "Synchronization": purity,
                "Logging": "return an action that says it; the process around the rules logs",
                "Metrics": "keep a count in `Counts`; the process around the rules publishes it",
            ]),
        "StintWire": Room(
            ["StintCore", "SwiftProtobuf"] + system,
            instead: [
                "CZeroMQ": "messages become bytes here; sending them is StintTransport's",
                "StintTransport": "messages become bytes here; whoever joins them to a socket imports both",
                "StintStore": "rows are not messages; StintBroker turns one into the other",
                "GRDB": "messages are not stored here; see StintStore",
            ]),
        "CZeroMQ": Room([]),
        "CSodium": Room([]),
        "StintTransport": Room(
            ["CZeroMQ", "DequeModule"] + system,
            instead: [
                "StintCore": "frames are `[UInt8]` here; what they mean is StintWire's",
                "StintWire": "frames are `[UInt8]` here; decode them where both are imported, in StintBroker or Stint",
            ]),
        "StintStore": Room(
            ["StintCore", "GRDB", "GRDBSQLite"] + system,
            instead: [
                "StintWire": "a store keeps rows of StintCore; StintBroker turns messages into them",
                "StintTransport": "a store answers calls; it has no peers",
            ]),
        "StintBroker": Room(
            [
                "StintCore", "StintWire", "StintTransport", "StintStore", "CSodium", "ServiceLifecycle", "Logging",
                "Metrics",
            ] + system + collections,
            instead: [
                "Hummingbird": "HTTP is a client of `Stint` like any other and lives in a target of its own",
                "Stint": "the broker does not use its own client; share what both need through StintCore or StintWire",
                "GRDB": "say it in the `Store` contract, so that every store can do it",
            ]),
        "Stint": Room(
            [
                "StintCore", "StintWire", "StintTransport", "ServiceLifecycle", "Logging", "Metrics", "Tracing",
                "Subprocess", "SystemPackage",
            ] + system + collections,
            instead: [
                "StintStore": "a program that uses Stint has no file of its own; ask the broker",
                "StintBroker": "a program that uses Stint talks to the broker; it does not contain one",
                "GRDB": "a program that uses Stint has no file of its own; ask the broker",
            ]),
        "StintCLI": Room(
            [
                "Stint", "StintBroker", "StintStore", "StintCore", "ArgumentParser", "ServiceLifecycle", "Logging",
                "Metrics",
                "Subprocess", "SystemPackage",
            ] + system,
            instead: ["StintTestKit": "a test helper does not ship with the product; `stint-sim` is the place for it"]),
        "StintTestKit": Room([], instead: ["StintCLI": "start the built `stint` as a process instead"], isOpen: true),
        "StintSim": Room([], instead: ["StintCLI": "start the built `stint` as a process instead"], isOpen: true),
        "StintDisk": Room([], instead: ["StintCLI": "start the built `stint` as a process instead"], isOpen: true),
        "StintPlanted": Room(["ArgumentParser"] + system),
        "StintTorture": Room(
            ["Stint", "StintCore", "StintTransport", "ArgumentParser", "GRDB", "GRDBSQLite"] + system,
            instead: [
                "StintBroker": "the torture judges from outside: ask through `Stint`, or read a closed store",
                "StintStore": "the torture reads the store with SQL of its own, so that it shares no mistake",
            ]),
        "StintSiege": Room([], instead: ["StintCLI": "start the built `stint` as a process instead"], isOpen: true),
        "Papers": Room([], instead: inside, isOpen: true),
        "StintDocuments": Room([], instead: inside, isOpen: true),
    ]

    private static let inside = Dictionary(
        uniqueKeysWithValues: ["StintCore", "StintWire", "StintTransport", "StintStore", "StintBroker"].map {
            ($0, privateDoor)
        })
}
