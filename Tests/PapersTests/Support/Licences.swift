import Foundation

/// Texts that nobody wrote for these tests, where the system has them.
enum Licences {
    static let folder = "/usr/share/common-licenses"
    static let isHere = FileManager.default.fileExists(atPath: folder + "/GPL-3")

    static var paths: [String] {
        ["Apache-2.0", "Artistic", "BSD", "GFDL-1.3", "GPL-2", "GPL-3", "LGPL-2.1", "MPL-2.0"]
            .map { "\(folder)/\($0)" }.filter { FileManager.default.fileExists(atPath: $0) }
    }
}
