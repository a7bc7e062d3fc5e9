import StintCore

/// Who else may read and write the files of the store. Payloads and results lie in them as they are.
enum FileChecks {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        facts.store.files.compactMap { file in
            let mode = String(file.mode & 0o7777, radix: 8)
            if file.mode & 0o022 != 0 {
                return Finding(
                    .problem, "files.writable", "others may write \(file.path) (mode \(mode))",
                    fix: "run `chmod go= \(file.path)`")
            }
            // A folder that others may list tells them nothing that the modes of its files do not guard.
            guard file.mode & 0o044 != 0, file.mode & 0o170000 != 0o040000 else { return nil }
            return Finding(
                .warning, "files.readable", "others may read the payloads in \(file.path) (mode \(mode))",
                fix: "run `chmod go= \(file.path)`")
        }
    }
}
