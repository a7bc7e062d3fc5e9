/// Holds every import against the table of rooms, and the folders of tests against the rooms.
enum Imports {
    /// Every import that the table does not allow, and every folder that the table does not know.
    static func findings(in file: SourceFile, rooms: [String: Room] = Room.all) -> [Finding] {
        guard file.isSwift, let target = file.target else { return [] }
        guard let room = rooms[target] else {
            return [
                Finding(
                    file.path,
                    "the target \(target) has no row in the table of Checks/Rooms.swift; add what it may import")
            ]
        }
        return file.code.enumerated().compactMap { index, line in
            guard let module = module(importedBy: line) else { return nil }
            if let instead = room.instead[module] {
                return Finding(file.path, index + 1, "\(target) must not import \(module): \(instead)")
            }
            guard !room.isOpen, !room.mayImport.contains(module) else { return nil }
            let allowed = room.mayImport.sorted().joined(separator: ", ")
            return Finding(
                file.path, index + 1,
                "\(target) may import \(allowed), not \(module); move the code, or change the table with a reason")
        }
    }

    /// A folder of tests mirrors a target, or is one of the few that look at all of them.
    static func findings(inTestFolders paths: some Sequence<String>, rooms: [String: Room] = Room.all) -> [Finding] {
        let known = Set(rooms.keys.map { $0 + "Tests" }).union([
            "StintSimulationTests", "StintEndToEndTests", "FuzzTests", "TidyTests", "PlantedBugs",
        ])
        let folders = Set(
            paths.compactMap { path -> String? in
                let parts = path.split(separator: "/")
                return parts.count > 2 && parts[0] == "Tests" ? String(parts[1]) : nil
            })
        return folders.subtracting(known).sorted().map {
            Finding(
                "Tests/\($0)", "mirrors no target; name it after the target that it tests, with \"Tests\" at the end")
        }
    }

    /// `StintCore` for `@testable public import struct StintCore.JobID`, nil where nothing is imported.
    static func module(importedBy line: String) -> String? {
        var words = line.split(whereSeparator: { $0 == " " || $0 == ";" })[...]
        let before: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        words = words.drop { $0.hasPrefix("@") || before.contains($0) }
        guard words.popFirst() == "import" else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        words = words.drop(while: kinds.contains)
        return words.first?.split(separator: ".").first.map(String.init)
    }
}
