import Foundation

/// The checkout that these tests were built from.
///
/// Its files are those that git knows or would take (`git ls-files`, tracked and not yet ignored), so
/// that what a build leaves behind is not judged. Without git, as in an unpacked archive, every file is
/// taken that does not stand in a folder of the build's.
struct Repository: Sendable, CustomStringConvertible {
    static let current = Repository()

    let root: URL
    let paths: Set<String>
    let files: [SourceFile]

    private init() {
        root = Self.findRoot(from: #filePath)
        let found = (Self.listedByGit(root) ?? Self.listedByWalking(root)).sorted()
        paths = Set(found)
        files = found.compactMap { [root] path in
            guard let data = try? Data(contentsOf: root.appendingPathComponent(path)), data.count < 4 << 20,
                !data.contains(0)
            else { return nil }  // not text
            return SourceFile(path, String(decoding: data, as: UTF8.self))
        }
    }

    var description: String { "the checkout" }  // a failed expectation would print every file otherwise

    func file(_ path: String) -> SourceFile? { files.first { $0.path == path } }

    /// Files and folders alike: a link may lead to either.
    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    /// The nearest folder above this file that holds a package and its sources.
    private static func findRoot(from file: String) -> URL {
        var folder = URL(fileURLWithPath: file).resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            let manifest = folder.appendingPathComponent("Package.swift").path
            let sources = folder.appendingPathComponent("Sources").path
            if FileManager.default.fileExists(atPath: manifest), FileManager.default.fileExists(atPath: sources) {
                return folder
            }
            folder.deleteLastPathComponent()
        }
        preconditionFailure("no folder above \(file) holds Package.swift and Sources; run the tests from a checkout")
    }

    private static func listedByGit(_ root: URL) -> [String]? {
        guard FileManager.default.fileExists(atPath: root.appendingPathComponent(".git").path) else { return nil }
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "-C", root.path, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        git.standardInput = FileHandle.nullDevice
        guard (try? git.run()) != nil, let data = try? output.fileHandleForReading.readToEnd() else { return nil }
        git.waitUntilExit()
        guard git.terminationStatus == 0 else { return nil }
        let listed = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return listed.filter { FileManager.default.fileExists(atPath: root.appendingPathComponent($0).path) }
    }

    private static func listedByWalking(_ root: URL) -> [String] {
        let unread: Set = [".build", ".git", ".stint", ".swiftpm"]
        let walk = FileManager.default.enumerator(at: root, includingPropertiesForKeys: [.isRegularFileKey])
        var found: [String] = []
        while let url = walk?.nextObject() as? URL {
            if unread.contains(url.lastPathComponent) {
                walk?.skipDescendants()
            } else if (try? url.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true {
                found.append(String(url.path.dropFirst(root.path.count + 1)))
            }
        }
        return found
    }
}
