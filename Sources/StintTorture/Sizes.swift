import ArgumentParser

/// How much each scenario does. What is here by default takes about 15 minutes on two cores.
struct Sizes: ParsableArguments, Sendable {
    @Option(help: "Jobs a second that are enqueued under torture.") var rate = 500
    @Option(help: "kill: how often a broker is killed.") var kills = 150
    @Option(help: "kill: how often a worker is killed.") var workerKills = 150
    @Option(help: "stop: how many SIGSTOPs.") var stops = 80
    @Option(help: "restart: polite restarts of each part.") var restarts = 12
    @Option(help: "adopt: how often the broker is killed.") var adoptions = 60
    @Option(help: "adopt: long jobs that run at any time.") var held = 1_000
    @Option(help: "kill: how often a supervisor is killed, with everything below it.") var supervisorKills = 6
    @Option(help: "herd: how many workers, of 50 slots each.") var herd = 200
    @Option(help: "handshakes: how many half ones at any time.") var halfHandshakes = 10_000
    @Option(help: "handshakes: how many with wrong keys a second.") var wrongKeys = 1_000
    @Option(help: "handshakes: how many seconds each measurement takes.") var handshakeSeconds = 8
    @Option(help: "disk: how often the disk fills up.") var fills = 15
    @Option(help: "io: how many flushes or writes fail.") var ioErrors = 25
    @Option(help: "network: how many faults of the cable.") var networkFaults = 40
    @Option(help: "clock: how many steps of the wall clock.") var clockSteps = 40
}
