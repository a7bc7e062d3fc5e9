import Foundation

/// Which documents a run works on.
public enum DocumentFinder {
    public struct NoDocuments: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// Every document in a folder and the folders in it, sorted by path. Hidden files and files of other kinds are left
    /// out, and so are further names of one file.
    public static func documents(in folder: String) throws(NoDocuments) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw NoDocuments(
                description: "\"\(folder)\" is not a folder. Give one that holds documents, as in --docs papers.")
        }
        let root = URL(fileURLWithPath: folder, isDirectory: true)
        let all = FileManager.default.enumerator(
            at: root, includingPropertiesForKeys: [.isRegularFileKey], options: [.skipsHiddenFiles])
        var paths: [String] = []
        while let file = all?.nextObject() as? URL {
            if DocumentKind(path: file.path) != nil { paths.append(file.path) }
        }
        let documents = unique(paths.sorted())
        guard !documents.isEmpty else {
            throw NoDocuments(
                description: "there is no document in \"\(folder)\": none of its files ends in \(DocumentKind.endings)."
            )
        }
        return documents
    }

    /// Texts that nobody wrote for this example and that every Debian has: its licences, and the copyright file of
    /// every package.
    public static func systemDocuments(
        licences: String = "/usr/share/common-licenses", packages: String = "/usr/share/doc"
    ) throws(NoDocuments) -> [String] {
        let names = { (folder: String) in
            ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        }
        let paths = names(licences).map { "\(licences)/\($0)" } + names(packages).map { "\(packages)/\($0)/copyright" }
        let documents = unique(paths)
        guard !documents.isEmpty else {
            throw NoDocuments(
                description:
                    "there are no texts in \(licences) and \(packages). Name a folder of documents with --docs.")
        }
        return documents
    }

    /// Regular files only, by absolute paths, each once: a link is left out when what it leads to is there as well.
    private static func unique(_ paths: [String]) -> [String] {
        let files = paths.map { URL(fileURLWithPath: $0).standardizedFileURL }
        let targets = files.map { $0.resolvingSymlinksInPath() }
        var seen = Set(zip(files, targets).lazy.filter { $0 == $1 }.map(\.1.path))
        return zip(files, targets).compactMap { file, target in
            let isFile = (try? target.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile ?? false
            return isFile && (file == target || seen.insert(target.path).inserted) ? file.path : nil
        }
    }
}
