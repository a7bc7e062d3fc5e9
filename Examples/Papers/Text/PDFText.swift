import Foundation
import Stint
import Subprocess

/// The text of a PDF file, read by `pdftotext` of the Poppler project.
///
/// A missing program and a damaged file are permanent failures: trying again changes neither.
public enum PDFText {
    static let textBytesMax = 64 * 1_048_576

    /// - Parameter program: Looked for on the PATH.
    public static func extract(path: String, program: String = "pdftotext") async throws -> String {
        // An absolute path cannot be taken for an option, whatever the file is called.
        let file = URL(fileURLWithPath: path).path
        do {
            // A cancelled task ends the program.
            let run = try await Subprocess.run(
                .name(program), arguments: ["-q", "-enc", "UTF-8", file, "-"],
                output: .string(limit: textBytesMax))
            try Task.checkCancellation()
            guard run.terminationStatus.isSuccess else {
                throw JobError.permanent(
                    "\(program) could not read \"\(path)\" (\(ending(run.terminationStatus))). "
                        + "Give it a sound PDF file without a password.")
            }
            return PlainText.tidy(run.standardOutput)
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw JobError.permanent(
                "cannot read \"\(path)\": \(program) is not installed. Install poppler-utils (apt-get install "
                    + "poppler-utils), then replay the job.")
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            throw JobError.permanent(
                "the text of \"\(path)\" is longer than \(textBytesMax) bytes, which is the most this example takes. "
                    + "Split the document.")
        }
    }

    private static func ending(_ status: TerminationStatus) -> String {
        switch status {
        case .exited(let code): "exit code \(code)"
        case .signaled(let signal): "ended by signal \(signal)"
        }
    }
}
