import Testing

@testable import StintCLI

@Suite("Command names") struct CommandNamesTests {
    private func mistake(_ line: String) -> String? {
        do {
            try CommandNames.check(line.split(separator: " ").map(String.init))
            return nil
        } catch let error as CommandError {
            #expect(error.status == .usage)
            return error.message
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "known commands, options and what follows them pass",
        arguments: [
            "", "--help", "--version", "enqueue stat", "dead", "dead list", "dead --json", "dead show x", "help",
            "help dead",
            "help dead replay", "bench-work", "guard", "jobs --state x", "help --help",
            "--generate-completion-script zsh",
        ])
    func known(_ line: String) { #expect(mistake(line) == nil) }

    @Test(
        "an unknown command is named with the nearest one, wherever help stands",
        arguments: [
            ("enqeue t 1", "stint enqueue"), ("enqeue --help", "stint enqueue"), ("help enqeue", "stint enqueue"),
            ("stat", "stint status"), ("replay --all", "stint dead replay"), ("dead lsit", "stint dead list"),
            ("help dead lsit", "stint dead list"), ("dead repaly --help", "stint dead replay"), ("jbos", "stint jobs"),
        ])
    func suggested(line: String, meant: String) throws {
        #expect(try #require(mistake(line)).contains("did you mean \"\(meant)\"?"))
    }

    @Test("without a near one the commands are listed, those for people only")
    func listed() {
        #expect(
            mistake("dead frobnicate") == """
                "frobnicate" is no command of stint dead; expected one of: list, show, replay, discard. See "stint dead \
                --help".
                """)
        #expect(mistake("frobnicate")?.contains("bench-work") == false)
    }
}
