import Foundation
import Testing

// Goal: what once broke something never breaks it again, and every target survives its own seeds. Method: files, one
// input each, found by `make fuzz` or written by hand; the name says what was broken.
@Suite("Inputs that broke something") struct ReplayTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Inputs")

    @Test("is survived now", arguments: FuzzTarget.all.map(\.name))
    func kept(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let folder = Self.folder.appending(path: name)
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for file in files.sorted() {
            target.run([UInt8](try Data(contentsOf: folder.appending(path: file))))
        }
        let seeds = target.seeds()
        #expect(!seeds.isEmpty)
        for seed in seeds { target.run(seed) }
    }

    @Test("belongs to a target")
    func folders() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { !$0.hasPrefix(".") }
        #expect(Set(names).isSubset(of: FuzzTarget.all.map(\.name)))
    }
}
