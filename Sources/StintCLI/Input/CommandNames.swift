import ArgumentParser

/// Finds a mistyped command before the parser does, which takes it for a stray word, or answers with the help of
/// something else.
enum CommandNames {
    /// - Parameter words: What stands behind the program's name.
    /// - Throws: ``CommandError`` with `usage`, which names the nearest command.
    static func check(
        _ words: some Collection<String>, of root: any ParsableCommand.Type = StintCommand.self
    ) throws {
        var command = root
        var path = [root._commandName]
        for word in words.first == "help" ? words.dropFirst() : words.dropFirst(0) {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty, !word.hasPrefix("-") else { return }
            guard let next = subcommands.first(where: { $0._commandName == word }) else {
                throw unknown(word, below: command, path: path)
            }
            command = next
            path.append(word)
        }
    }

    private static func unknown(
        _ word: String, below command: any ParsableCommand.Type, path: [String]
    ) -> CommandError {
        let known = visible(below: command)
        let names = known.map { $0._commandName }
        let elsewhere = known.flatMap { outer in
            visible(below: outer).filter { $0._commandName == word }.map { "\(outer._commandName) \($0._commandName)" }
        }
        let beginnings = names.filter { word.count > 1 && $0.hasPrefix(word) }
        let meant =
            Spelling.closest(to: word, among: names) ?? elsewhere.first ?? (beginnings.count == 1 ? beginnings[0] : nil)
        let path = path.joined(separator: " ")
        let advice =
            meant.map { "did you mean \"\(path) \($0)\"?" } ?? "expected one of: \(names.joined(separator: ", "))."
        return CommandError(
            .usage, "\"\(word)\" is no command of \(path); \(advice) See \"\(path) --help\".")
    }

    private static func visible(below command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
        command.configuration.subcommands.filter { $0.configuration.shouldDisplay }
    }
}
