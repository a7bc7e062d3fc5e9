import Foundation
import Papers

/// Talk goes to standard error, what was asked for to standard output.
enum Terminal {
    /// Whether lines can be written over: not in a file, a pipe or a terminal that says it is dumb.
    static let redraws = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"

    /// Colour as https://no-color.org has it; the width anew each time, because windows change.
    static var style: ProgressLines.Style {
        let hasColour = redraws && (environment["NO_COLOR"] ?? "").isEmpty
        let locale = environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? ""
        let isUnicode = locale.lowercased().contains("utf")
        return ProgressLines.Style(colour: hasColour, unicode: isUnicode, width: width)
    }

    static func say(_ line: String) { write(line + "\n") }

    static func write(_ text: String) { put(text, into: .standardError) }

    static func print(_ text: String) { put(text, into: .standardOutput) }

    /// A reader that went away (`| head`) is no reason to fail.
    private static func put(_ text: String, into file: FileHandle) { try? file.write(contentsOf: Data(text.utf8)) }

    private static let environment = ProcessInfo.processInfo.environment

    private static var width: Int {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return isKnown ? Int(size.ws_col) : 100
    }
}
