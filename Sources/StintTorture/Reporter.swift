import Foundation
import Glibc

/// Runs one scenario after the other and tells what came of each: one line, on standard output.
struct Reporter {
    let frame: Frame
    let seed: UInt64
    let folder: String

    /// - Returns: False when a rule was broken.
    func perform(_ scenario: Scenario, _ sizes: Sizes) async -> Bool {
        let place = "\(folder)/\(scenario.name)"
        let stage = Stage(seed: seed, sizes: sizes, folder: place)
        let signals = endOnSignal(stage)
        defer { withExtendedLifetime(signals) {} }
        let start = ContinuousClock.now
        var (verdict, figures, findings): (String, Figures, [String]) = ("passed", Figures(), [])
        do {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            figures = try await scenario.run(stage)
        } catch let reason as NotRun {
            (verdict, findings) = ("not run", [reason.sentence])
        } catch let judgement as Judgement {
            (verdict, figures, findings) = ("FAILED", judgement.figures, judgement.violations)
        } catch {
            (verdict, findings) = ("FAILED", ["\(error)"])
        }
        await stage.clear()
        figures["seconds"] = .seconds((ContinuousClock.now - start) / .seconds(1))
        tell(scenario, verdict, figures, findings, place)
        if verdict != "FAILED", !frame.keep {
            try? FileManager.default.removeItem(atPath: place)
            rmdir(folder)
        }
        return verdict != "FAILED"
    }

    private func tell(
        _ scenario: Scenario, _ verdict: String, _ figures: Figures, _ findings: [String], _ place: String
    ) {
        if frame.json {
            var object = Figures()
            object["scenario"] = .text(scenario.name)
            object["verdict"] = .text(verdict.lowercased())
            object["seed"] = .text("\(seed)")
            object.add(figures)
            if !findings.isEmpty { object["findings"] = .text(findings.joined(separator: "\n")) }
            print(object.json)
        } else if verdict == "not run" {
            print("\(scenario.name): not run: \(findings.joined())")
        } else {
            print("\(scenario.name): \(verdict): \(figures.line)")
        }
        if verdict == "FAILED" {
            let sentences = findings.map { "  \($0)" }.joined(separator: "\n")
            let text = """
                \(scenario.name) broke a rule, with seed \(seed):
                \(sentences)
                Store, logs, ledger and effects are in \(place)
                To try again: \(command(scenario))

                """
            FileHandle.standardError.write(Data(text.utf8))
        }
        fflush(nil)
    }

    /// The words of this process, with the one scenario and the seed in their places.
    private func command(_ scenario: Scenario) -> String {
        var words = CommandLine.arguments.dropFirst().filter {
            Scenario.named($0) == nil && !["run", "soak"].contains($0)
        }
        if let place = words.firstIndex(of: "--seed") {
            words.removeSubrange(place...min(place + 1, words.endIndex - 1))
        }
        let what = Scenario.named(scenario.name) == nil ? [scenario.name] : ["run", scenario.name]
        return (["stint-torture"] + what + words + ["--seed", "\(seed)"]).joined(separator: " ")
    }

    /// Ctrl-C ends the processes of the scenario, and then this one.
    private func endOnSignal(_ stage: Stage) -> SignalSources {
        SignalSources([SIGINT, SIGTERM, SIGHUP]) {
            Task {
                await stage.clear()
                FileHandle.standardError.write(Data("stint-torture: interrupted; its processes are ended\n".utf8))
                exit(130)
            }
        }
    }
}
