import Glibc
import StintStore

/// Looks at the files of a store, whether a broker runs on it or not.
enum StoreLook {
    static func facts(of location: ClusterConfig.Store.Location, isWhole: Bool) -> DoctorFacts.StoreFacts {
        let path =
            switch location {
            case .sqlite(let path): path
            }
        var facts = DoctorFacts.StoreFacts()
        facts.path = path
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        facts.files = ([folder] + ["", "-wal", "-shm", ".lock", ".reserve"].map { path + $0 }).compactMap { path in
            var found = stat()
            return stat(path, &found) == 0 ? .init(path: path, mode: UInt32(found.st_mode)) : nil
        }
        guard facts.files.contains(where: { $0.path == folder }) else {
            let missing = Finding(
                .note, "store.file", "there is no folder \(folder) yet",
                fix: "start a broker, which makes it, or name the folder of the store with --data")
            facts.findings = [missing]
            return facts
        }
        let inspection = StoreInspection(of: path, depth: isWhole ? .whole : .quick)
        facts.findings = inspection.findings.compactMap(Finding.init)
        facts.holder = inspection.holder
        facts.epoch = inspection.epoch
        return facts
    }
}

extension Finding {
    /// Nil for what is as it should be.
    init?(_ finding: StoreInspection.Finding) {
        let severity: Severity
        switch finding.severity {
        case .fine: return nil
        case .note: severity = .note
        case .warning: severity = .warning
        case .failure: severity = .problem
        }
        self.init(severity, "store.\(finding.subject)", finding.sentence, fix: finding.nextStep)
    }
}
