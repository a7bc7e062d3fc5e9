import Foundation
import Stint
import Testing

@testable import Papers

@Suite("Text of PDF files") struct PDFTextTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static var isInstalled: Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/pdftotext") }
    }

    /// One page with one line, written by hand; the table of offsets is counted as it goes.
    static func pdf(_ line: String) -> Data {
        let stream = "BT /F1 24 Tf 72 700 Td (\(line)) Tj ET"
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
                + "/Resources << /Font << /F1 5 0 R >> >> >>",
            "<< /Length \(stream.utf8.count) >>\nstream\n\(stream)\nendstream",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        var file = "%PDF-1.4\n"
        var table = "0000000000 65535 f \n"
        for (number, object) in zip(1..., objects) {
            let offset = String(file.utf8.count)
            table += String(repeating: "0", count: 10 - offset.count) + offset + " 00000 n \n"
            file += "\(number) 0 obj\n\(object)\nendobj\n"
        }
        let start = file.utf8.count
        file += "xref\n0 6\n\(table)trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n\(start)\n%%EOF\n"
        return Data(file.utf8)
    }

    @Test("a page's words are read, whatever the file is called", .enabled(if: isInstalled))
    func words() async throws {
        let path = try folder.write("-q of \"all\" names; $(x).pdf", Self.pdf("Every page must hold words."))
        #expect(try await PDFText.extract(path: path) == "Every page must hold words.\n")
    }

    @Test("a damaged file is a permanent failure that names the file", .enabled(if: isInstalled))
    func damaged() async throws {
        let path = try folder.write("broken.pdf", "not a PDF at all")
        let error = await #expect(throws: JobError.self) { try await PDFText.extract(path: path) }
        #expect(error?.kind == .permanent)
        #expect(error?.message.contains("broken.pdf") == true)
    }

    @Test("a missing program is a permanent failure that says what to install")
    func missingProgram() async throws {
        let path = try folder.write("a.pdf", Self.pdf("x"))
        let error = await #expect(throws: JobError.self) {
            try await PDFText.extract(path: path, program: "pdftotext-that-is-not-there")
        }
        #expect(error?.kind == .permanent)
        #expect(error?.message.contains("Install poppler-utils") == true)
    }
}
