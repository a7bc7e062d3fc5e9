import ArgumentParser
import Foundation
import Stint

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measures this machine.")
    func run() async throws { throw CommandError(.failure, "soon") }
}
