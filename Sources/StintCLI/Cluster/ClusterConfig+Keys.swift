import StintCore

// Every key of `cluster.json`, from the top of the file to the bottom. This is the one list that
// decides what is accepted; the schema and the tables of docs/CONFIGURATION.md are made from it
// (`STINT_UPDATE_DOCS=1 swift test --filter ConfigDocuments` writes both).

extension ClusterConfig {
    static var keys: ConfigSection<ClusterConfig> {
        ConfigSection(
            summary: "The whole file is one object. Every key may be absent.",
            start: .default,
            keys: [
                ConfigKey(
                    ignored: "$schema", "The schema, for completion in editors. Stint does not read it.",
                    unit: "path or URL"),
                ConfigKey("name", .name, \.name, "What the cluster is called in logs and metrics."),
                ConfigKey("broker", .object(Broker.keys), \.broker, "The broker's addresses and its patience."),
                ConfigKey("store", .object(Store.keys), \.store, "Where jobs are kept, and for how long."),
                ConfigKey("limits", .object(Limits.keys), \.limits, "What one job may weigh, and the broker."),
                ConfigKey("jobs", .policies, \.jobs, "The policy of each job type; `*` is the policy of all others."),
                ConfigKey(
                    "pools", .named("<pool>", Pool.keys, countMax: 1_000), \.pools,
                    "The worker processes, by pool.", defaultNote: "none"),
                ConfigKey(
                    "security", .object(Security.keys), \.security,
                    "Encryption, and who may do what. `{}` switches it on; a broker that other hosts can reach needs it.",
                    defaultNote: "none: peers of the broker's host only, which may do everything"),
            ])
    }
}

extension ClusterConfig.Security {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: """
                Made by `stint keys new`; see [SECURITY.md](SECURITY.md). A pool's processes take the key file \
                `<folder>/<pool>.key`, unless the pool's `environment` has `STINT_KEY_FILE`.
                """,
            start: Self(),
            keys: [
                ConfigKey(
                    "folder", .folder, \.folder,
                    "The private folder with the server's key and the broker's list of known keys."),
                ConfigKey(
                    "key",
                    .text(unit: "path", range: "", expected: "the path of a file", pattern: "^.") { !$0.isEmpty },
                    \.key, "The key file of commands. `STINT_KEY_FILE` and `STINT_KEY` stand above it.",
                    defaultNote: "`operator.key` in the folder"),
                ConfigKey(
                    "former", .object(Former.keys), \.former,
                    "Where the server's former key goes on to count, while keys are exchanged."),
            ])
    }
}

extension ClusterConfig.Security.Former {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: "Bound beside the broker's own endpoints while `server-former.key` is in the folder.",
            start: Self(),
            keys: [
                ConfigKey(
                    "clients", .endpoint(.bind), \.clients, "For clients that know the former key.", defaultNote: "none"
                ),
                ConfigKey(
                    "workers", .endpoint(.bind), \.workers, "For workers that know the former key.", defaultNote: "none"
                ),
            ])
    }
}

extension ClusterConfig.Broker {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary:
                "`clients` and `workers` are what peers connect to, and what the broker binds unless `bind` differs.",
            start: Self(),
            keys: [
                ConfigKey(
                    "clients", .endpoint(.connect), \.clients, "Where clients reach the broker.",
                    variable: "STINT_CLIENTS"),
                ConfigKey(
                    "workers", .endpoint(.connect), \.workers,
                    "Where workers reach the broker. Not the same as `clients`.",
                    variable: "STINT_WORKERS"),
                ConfigKey(
                    "bind", .object(Bind.keys), \.bind,
                    "What the broker binds, where that is not what peers connect to."),
                ConfigKey(
                    "lease", .duration(.seconds(1) ... .seconds(3600)), \.lease,
                    "How long a worker may be silent before its jobs are given to others."),
                ConfigKey(
                    "heartbeat", .duration(.milliseconds(100) ... .seconds(1200)), \.heartbeat,
                    "How often a worker says that it is alive. At most a third of `lease`.",
                    defaultNote: "`\"5s\"`, or a third of a lease shorter than `15s`"),
                ConfigKey(
                    "watchdog", .duration(.seconds(1) ... .seconds(3600)), \.watchdog,
                    "How long a thread of a broker or worker may stand still before its process ends itself (exit code 70)."
                ),
            ],
            rules: [
                ConfigRule(keys: ["heartbeat", "lease"]) { broker in
                    let most = Duration.milliseconds(broker.lease.inMilliseconds / 3)
                    guard broker.heartbeat > most else { return nil }
                    return """
                        expected at most \(HumanUnits.string(most)), a third of the lease of \
                        \(HumanUnits.string(broker.lease)), got \(HumanUnits.string(broker.heartbeat))
                        """
                },
                ConfigRule(keys: ["workers", "clients"]) { broker in
                    guard broker.workers == broker.clients else { return nil }
                    return "expected another endpoint than that of clients, got \(broker.workers) for both"
                },
                ConfigRule(keys: ["bind", "workers", "clients"]) { broker in
                    // When both pairs are equal, the rule above has said it.
                    guard broker.workersBind == broker.clientsBind, broker.workers != broker.clients,
                        !broker.clientsBind.hasSuffix(":0")  // port 0 is another one each time
                    else { return nil }
                    return
                        "expected the broker to bind two endpoints, got \(broker.workersBind) for workers and clients"
                },
            ])
    }
}

extension ClusterConfig.Broker.Bind {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: "`tcp://*:PORT` binds every interface.",
            start: Self(),
            keys: [
                ConfigKey(
                    "clients", .endpoint(.bind), \.clients, "What the broker binds for clients.",
                    defaultNote: "`broker.clients`", variable: "STINT_BIND_CLIENTS"),
                ConfigKey(
                    "workers", .endpoint(.bind), \.workers, "What the broker binds for workers.",
                    defaultNote: "`broker.workers`", variable: "STINT_BIND_WORKERS"),
            ])
    }
}

extension ClusterConfig.Store {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: "The store belongs to one broker process on one host; a network file system cannot hold it.",
            start: Self(),
            keys: [
                ConfigKey(
                    "url", .storeLocation, \.location,
                    "The database file; its folder is made when absent.",
                    variable: "STINT_STORE"),
                ConfigKey("keep", .object(Keep.keys), \.keep, "How much of the past is kept."),
            ])
    }
}

extension ClusterConfig.Store.Keep {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: """
                For each way a job ends. Enqueuing an id again is recognised as a repeat for as long as its job is \
                kept, which is why no time is shorter than a day.
                """,
            start: Self(),
            keys: [
                ConfigKey(
                    "completed", .keepRule, \.completed, "Jobs that succeeded.", pageName: "<end>"),
                ConfigKey(
                    "cancelled", .keepRule, \.cancelled, "Jobs that were cancelled.", pageName: "<end>"),
                ConfigKey(
                    "dead", .keepRule, \.dead, "Dead letters: jobs that used up their attempts or were rejected.",
                    pageName: "<end>"),
            ])
    }
}

extension ClusterConfig.Store.KeepRule {
    /// The longer form of a rule, an object. The shorter is the time alone.
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: "Instead of a time, an object with a time and a number, whichever comes first.",
            start: Self(time: .seconds(7 * 86_400)),
            keys: [
                ConfigKey(
                    "time", .duration(timeAllowed), \.time, "Kept this long after the end.", defaultNote: "as above"),
                ConfigKey(
                    "count", .wholeNumber(1...1_000_000_000_000), \.count,
                    "Of more than this, the oldest go, also before their time.",
                    defaultNote: "no bound"),
            ])
    }

    static let timeAllowed: ClosedRange<Duration> = .seconds(86_400) ... .seconds(36_500 * 86_400)
}

extension ClusterConfig.Limits {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary:
                "The same for all types. Those that cannot be configured are in [PROTOCOL.md](PROTOCOL.md#limits).",
            start: Self(),
            keys: [
                ConfigKey(
                    "payload", .size(1_024...StintCore.Limits.payloadBytesMax), \.payloadBytesMax,
                    "The largest payload of one job. Keep larger data elsewhere and enqueue a reference to it."),
                ConfigKey(
                    "memory", .size(16 * 1_048_576...1 << 50), \.memoryBytesMax,
                    """
                    Resident memory of the broker beyond which it ends in order, to be started again by whoever \
                    supervises it.
                    """,
                    defaultNote: "three quarters of the host's, or of its control group's"),
            ])
    }
}

extension Policy {
    static var keys: ConfigSection<Policy> {
        ConfigSection(
            summary: "What is absent comes from `*`, and what is absent there is the default.",
            start: Policy(),
            keys: [
                ConfigKey(
                    "attempts", .wholeNumber(StintCore.Limits.attempts), \.attempts,
                    "Attempts before the job is dead; 1 means no retry. A job may bring its own number."),
                ConfigKey("backoff", .object(Backoff.keys), \.backoff, "How long to wait between attempts."),
                ConfigKey(
                    "timeout", .duration(.milliseconds(1) ... .seconds(30 * 86_400)), \.timeout,
                    "How long one attempt may run before it is cancelled."),
                ConfigKey(
                    "grace", .duration(.zero ... .seconds(3600)), \.grace,
                    "How long a handler that was cancelled or ran out of time may take to stop."),
                ConfigKey("line", .object(LineBound.keys), \.line, "How long the line of the type may grow."),
            ])
    }
}

extension LineBound {
    static var keys: ConfigSection<LineBound> {
        ConfigSection(
            summary: """
                Counted are jobs that have not ended, also those that run. An enqueue that would go beyond is refused \
                whole and may be sent again later; retries, replays and children are never refused.
                """,
            start: LineBound(),
            keys: [
                ConfigKey(
                    "jobs", .wholeNumber(1...1_000_000_000_000), \.jobs, "The most jobs.", defaultNote: "no bound"),
                ConfigKey(
                    "bytes", .size(1...1 << 50), \.bytes, "The most bytes of their payloads.", defaultNote: "no bound"),
            ])
    }
}

extension Backoff {
    static var keys: ConfigSection<Backoff> {
        let wait: ConfigValue<Duration> = .duration(.zero ... .seconds(30 * 86_400))
        return ConfigSection(
            summary: """
                Before retry n (from 1) a job waits a random time between zero and first × factorⁿ⁻¹, at most \
                `most`.
                """,
            start: Backoff(),
            keys: [
                ConfigKey("first", wait, \.first, "The longest wait before the first retry. At most `most`."),
                ConfigKey("factor", .number(1...100), \.factor, "What each further wait is multiplied by."),
                ConfigKey("most", wait, \.most, "No wait is longer than this."),
            ],
            rules: [
                ConfigRule(keys: ["first", "most"]) { backoff in
                    guard backoff.first > backoff.most else { return nil }
                    return """
                        expected "first" to be at most "most", got first \(HumanUnits.string(backoff.first)) \
                        and most \(HumanUnits.string(backoff.most))
                        """
                }
            ])
    }
}

extension ClusterConfig.Pool {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: "A pool has either `command` or `handlers`. Two pools may serve the same type.",
            start: Self(),
            keys: [
                ConfigKey(
                    "command", .command, \.command,
                    "The program of one worker process, which links Stint, and its arguments. See \"Programs\" below."),
                ConfigKey(
                    "handlers",
                    .named("<type>", ClusterConfig.ExecHandler.keys, countMax: StintCore.Limits.workerTypesMax),
                    \.handlers, "Any executables, by job type, run by `stint worker`."),
                ConfigKey(
                    "processes", .wholeNumber(1...1024), \.processes, "Worker processes of the pool."),
                ConfigKey(
                    "slots", .wholeNumber(StintCore.Limits.slots), \.slots, "Jobs that one process runs at once."),
                ConfigKey(
                    "environment", .environment, \.environment,
                    "Variables of the processes, beside those they inherit, and of their handlers.",
                    defaultNote: "none"),
                ConfigKey("directory", .folder, \.directory, "Where the processes run."),
            ],
            exactlyOneOf: ["command", "handlers"],
            elsewhere: policyKeys)
    }

    /// Said of keys of a policy that stand in a pool or at a handler.
    fileprivate static var policyKeys: [String: String] {
        Dictionary(uniqueKeysWithValues: Policy.keys.keys.map { ($0.name, "jobs.TYPE.\($0.name)") })
    }

    private var command: [String] {
        get { if case .command(let command) = work { command } else { [] } }
        set { work = .command(newValue) }
    }

    private var handlers: [String: ClusterConfig.ExecHandler] {
        get { if case .handlers(let handlers) = work { handlers } else { [:] } }
        set { work = .handlers(newValue) }
    }
}

extension ClusterConfig.ExecHandler {
    static var keys: ConfigSection<Self> {
        ConfigSection(
            summary: "One program for one job type, started once for each attempt, without a shell.",
            start: Self(),
            keys: [
                ConfigKey(
                    "exec", .command(argumentMistake: Self.mistake(inArgument:)), \.exec,
                    """
                    The program and its arguments. In an argument `{{payload.path}}` becomes the field `path` of the \
                    payload, `{{job.id}}`, `{{job.attempt}}` and `{{job.fence}}` what their names say, and `{{{{` two \
                    braces.
                    """,
                    isRequired: true),
                ConfigKey(
                    "input", .choice, \.input,
                    "`job`: the job with its payload, one line of JSON on standard input. `none`: empty input."),
                ConfigKey(
                    "output", .choice, \.output,
                    """
                    `messages`: a line of standard output that starts with `{"stint":` is a message, all others are \
                    log lines of the job. `raw`: the last 64 KiB of standard output become the result, as text.
                    """),
                ConfigKey(
                    "environment", .environment, \.environment, "Variables added to the pool's.",
                    defaultNote: "none"),
                ConfigKey("directory", .folder, \.directory, "Where the program runs.", defaultNote: "the pool's"),
                ConfigKey(
                    "allowDashValues", .flag, \.allowDashValues,
                    """
                    Whether a payload's value that begins with `-` may begin an argument. Otherwise such a job fails, \
                    because the program could take the value for an option.
                    """),
            ],
            elsewhere: ClusterConfig.Pool.policyKeys)
    }
}
