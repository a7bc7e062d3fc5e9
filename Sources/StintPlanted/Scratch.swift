import Foundation

/// A folder beside the build's with a copy of the package in which all bugs are planted. The checkout stays clean of them.
struct Scratch {
    static let folder = ".build/planted"
    static var package: String { "\(folder)/package" }
    static var simulator: String { "\(folder)/build/release/stint-sim" }

    /// Brings the copy up to date. What did not change is left alone, so that only the rest is compiled again.
    static func write(_ bugs: [PlantedBug]) throws {
        let planting = try Planting(bugs) { text(of: $0) }
        let files = FileManager.default
        try files.createDirectory(atPath: package, withIntermediateDirectories: true)
        var wanted: Set<String> = []
        for path in try files.subpathsOfDirectory(atPath: "Sources").map({ "Sources/\($0)" }) + ["Package.swift"] {
            var isFolder: ObjCBool = false
            guard files.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else { continue }
            wanted.insert(path)
            let data =
                try planting.text(of: path).map { Data($0.utf8) } ?? Data(contentsOf: URL(fileURLWithPath: path))
            try write(data, to: "\(package)/\(path)")
        }
        wanted.insert(Planting.switchPath)
        try write(Data(Planting.switchText(bugs).utf8), to: "\(package)/\(Planting.switchPath)")
        for path in try files.subpathsOfDirectory(atPath: "\(package)/Sources").map({ "Sources/\($0)" }) {
            var isFolder: ObjCBool = false
            guard files.fileExists(atPath: "\(package)/\(path)", isDirectory: &isFolder), !isFolder.boolValue,
                !wanted.contains(path)
            else { continue }
            try files.removeItem(atPath: "\(package)/\(path)")
        }
        // The manifest names them; they are not built.
        for name in ["Tests", "Examples"] where !files.fileExists(atPath: "\(package)/\(name)") {
            try files.createSymbolicLink(atPath: "\(package)/\(name)", withDestinationPath: "../../../\(name)")
        }
        if let resolved = try? Data(contentsOf: URL(fileURLWithPath: "Package.resolved")) {
            try write(resolved, to: "\(package)/Package.resolved")
        }
    }

    private static func write(_ data: Data, to path: String) throws {
        let url = URL(fileURLWithPath: path)
        if (try? Data(contentsOf: url)) == data { return }
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }

    static func text(of path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    static func catalogue() throws -> [PlantedBug] {
        let names = try FileManager.default.contentsOfDirectory(atPath: Catalogue.folder).sorted()
        return try Catalogue.read(
            names.filter { $0.hasSuffix(".md") && $0 != "README.md" }.map {
                ("\(Catalogue.folder)/\($0)", text(of: "\(Catalogue.folder)/\($0)") ?? "")
            })
    }
}
