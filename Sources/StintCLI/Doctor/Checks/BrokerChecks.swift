import Stint
import StintCore

/// Is there a broker, and does it do its work?
enum BrokerChecks {
    /// A mean commit that takes longer than this makes everybody wait.
    static let commitMax: Duration = .milliseconds(50)

    static func findings(_ facts: DoctorFacts) -> [Finding] {
        guard let broker = facts.broker else { return [facts.whyNotAsked.map(notAsked) ?? absence(facts)] }
        var findings: [Finding] = []
        if broker.status.isDraining {
            findings.append(
                Finding(
                    .warning, "broker.draining", "the broker is shutting down and takes no new jobs",
                    fix: "wait for it to end, then start it again"))
        }
        if broker.status.isStoreFull {
            findings.append(
                Finding(
                    .problem, "broker.disk-full", "the disk of the broker is nearly full, so it takes no new jobs",
                    fix: "free space on the file system of the store; it goes on by itself"))
        }
        guard let health = broker.status.health else { return findings }
        if health.meanCommit > commitMax {
            findings.append(
                Finding(
                    .warning, "broker.commits-slow",
                    "a commit takes \(HumanUnits.string(.milliseconds(health.meanCommit.inMilliseconds))) on average, and every "
                        + "answer waits for one",
                    fix: "see with `iostat -x 1` what else uses the disk of the store, or give it a faster one"))
        }
        if !health.hasReserve, !broker.status.isStoreFull {
            findings.append(
                Finding(
                    .warning, "broker.no-reserve", "the reserve for settling on a full disk is not laid down",
                    fix: "free space until the disk has 128 MiB left; the broker lays it down by itself"))
        }
        return findings
    }

    /// It may be as well as can be. What only it knows is not looked at.
    private static func notAsked(_ why: String) -> Finding {
        Finding(
            .warning, "broker.not-asked", "the broker could not be asked: \(why.withoutFullStop)",
            fix: "name the key of an operator or an auditor in STINT_KEY_FILE, and run this again")
    }

    private static func absence(_ facts: DoctorFacts) -> Finding {
        let address = facts.cluster.broker.clients
        guard let holder = facts.store.holder else {
            return Finding(
                .warning, "broker.absent", "no broker answers at \(address), and none has the store",
                fix: "start one with `stint up`, or `stint broker`")
        }
        return Finding(
            .problem, "broker.silent", "process \(holder) has the store, but no broker answers at \(address)",
            fix:
                "look at what it says; if it does not answer within a minute, end it with `kill \(holder)`: nothing that was "
                + "acknowledged is lost")
    }
}
