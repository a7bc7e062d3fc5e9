/// The checks of `stint doctor`, a group for each file of `Checks/`. A new one is a file there and a line here.
enum DoctorChecks {
    static let all: [@Sendable (DoctorFacts) -> [Finding]] = [
        BrokerChecks.findings,
        StoreChecks.findings,
        FileChecks.findings,
        ClockChecks.findings,
        LeaseChecks.findings,
        TypeChecks.findings,
        PoolChecks.findings,
        LimitChecks.findings,
        AddressChecks.findings,
        KeyChecks.findings,
        VersionChecks.findings,
    ]

    /// The worst first, otherwise in the order of the groups.
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let findings = all.flatMap { $0(facts) }
        return [Finding.Severity.problem, .warning, .note].flatMap { severity in
            findings.filter { $0.severity == severity }
        }
    }
}
