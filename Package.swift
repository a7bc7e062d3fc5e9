// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

func collections(_ module: String) -> Target.Dependency { .product(name: module, package: "swift-collections") }
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let inMemoryTracing: Target.Dependency = .product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

// `scripts/fuzz` builds one program more, around libFuzzer, out of the tests' own targets. It cannot link the `stint`
// executable, so there the part of it that reads files is a library.
let isFuzzing = Context.environment["STINT_FUZZ"] != nil
let fuzzed: [Target.Dependency] = [
    "Stint", "StintBroker", "StintCLI", "StintCore", "StintStore", "StintTestKit", "StintTransport", "StintWire",
    logging,
    protobuf,
]
let fuzzing: [Target] =
    isFuzzing
    ? [
        .executableTarget(
            name: "StintFuzz", dependencies: fuzzed, path: "Tests/FuzzTests", sources: ["Targets", "Fuzzer"],
            swiftSettings: strict)
    ]
    : [
        .testTarget(
            name: "FuzzTests", dependencies: fuzzed, exclude: ["Fuzzer", "Inputs"], swiftSettings: strict)
    ]
let terminal: Target =
    isFuzzing
    ? .target(
        name: "StintCLI", dependencies: ["Stint", "StintBroker", "StintStore", "StintCore", arguments],
        sources: ["Cluster"], swiftSettings: strict)
    : .executableTarget(
        name: "StintCLI", dependencies: ["Stint", "StintBroker", "StintStore", "StintCore", arguments],
        swiftSettings: strict)

let package = Package(
    name: "stint",
    products: [
        .library(name: "Stint", targets: ["Stint"]),
        isFuzzing
            ? .executable(name: "stint-fuzz", targets: ["StintFuzz"])
            : .executable(name: "stint", targets: ["StintCLI"]),
        .executable(name: "stint-sim", targets: ["StintSim"]),
        .executable(name: "stint-planted", targets: ["StintPlanted"]),
        .executable(name: "stint-disk", targets: ["StintDisk"]),
        .executable(name: "stint-torture", targets: ["StintTorture"]),
        .executable(name: "stint-siege", targets: ["StintSiege"]),
        .executable(name: "stint-documents", targets: ["StintDocuments"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // The house, in the order in which a job meets it: rules, bytes, sockets, disk, process, library, terminal.
        .target(
            name: "StintCore", dependencies: [collections("DequeModule"), collections("HeapModule")],
            swiftSettings: strict),
        .target(
            name: "StintWire", dependencies: ["StintCore", protobuf], exclude: ["Proto"], swiftSettings: strict),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .target(
            name: "StintTransport", dependencies: ["CZeroMQ", collections("DequeModule")], swiftSettings: strict),
        .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
        .target(
            name: "StintStore",
            dependencies: [
                "StintCore", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "StintBroker",
            dependencies: [
                "StintCore", "StintWire", "StintTransport", "StintStore", "CSodium", lifecycle, logging, metrics,
                collections("DequeModule"),
            ],
            swiftSettings: strict),
        .target(
            name: "Stint",
            dependencies: [
                "StintCore", "StintWire", "StintTransport", lifecycle, logging, metrics, tracing, subprocess, system,
                collections("DequeModule"),
            ],
            swiftSettings: strict),
        terminal,
        .target(
            name: "StintTestKit",
            dependencies: [
                "StintCore", "StintWire", "StintTransport", "StintStore", "StintBroker", "Stint",
                collections("DequeModule"), collections("HeapModule"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .executableTarget(name: "StintSim", dependencies: ["StintTestKit", arguments], swiftSettings: strict),
        .executableTarget(name: "StintPlanted", dependencies: [arguments], swiftSettings: strict),
        .executableTarget(name: "StintDisk", dependencies: ["StintTestKit", arguments], swiftSettings: strict),
        .executableTarget(
            name: "StintTorture",
            dependencies: [
                "Stint", "StintCore", "StintTransport", arguments,
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "StintSiege",
            dependencies: ["Stint", "StintCore", "StintWire", "StintTransport", "StintTestKit", arguments],
            swiftSettings: strict),

        // Programs a user would write.
        .target(name: "Papers", dependencies: ["Stint", subprocess], path: "Examples/Papers", swiftSettings: strict),
        .executableTarget(
            name: "StintDocuments", dependencies: ["Papers", "Stint", arguments], path: "Examples/StintDocuments",
            swiftSettings: strict),

        // Tests mirror the sources.
        .testTarget(
            name: "StintCoreTests", dependencies: ["StintCore", collections("DequeModule")], swiftSettings: strict),
        .testTarget(
            name: "StintWireTests", dependencies: ["StintWire", "StintCore", "StintTestKit", protobuf],
            exclude: ["Fixtures"],
            swiftSettings: strict),
        .testTarget(
            name: "StintBrokerTests",
            dependencies: ["StintBroker", "StintCore", "StintWire", "StintStore", "StintTransport", "StintTestKit"],
            swiftSettings: strict),
        .testTarget(
            name: "StintEndToEndTests",
            dependencies: [
                "StintCLI", "StintTorture", "Stint", "StintTestKit", lifecycle, logging, tracing, inMemoryTracing,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StintTransportTests", dependencies: ["StintTransport", "StintTestKit", "CZeroMQ"],
            swiftSettings: strict),
        .testTarget(
            name: "StintStoreTests",
            dependencies: ["StintStore", "StintCore", "StintTestKit", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .testTarget(
            name: "StintTests",
            dependencies: [
                "Stint", "StintCLI", "StintCore", "StintTestKit", "StintTransport", "StintWire", logging, tracing,
                inMemoryTracing,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StintCLITests", dependencies: ["StintCLI", "Stint", "StintCore", "StintWire", logging],
            swiftSettings: strict),
        .testTarget(name: "PapersTests", dependencies: ["Papers", "Stint", logging], swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["StintPlanted"], swiftSettings: strict),
    ] + fuzzing
)
