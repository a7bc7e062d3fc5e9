import Stint
import Testing

@testable import Papers

@Suite("Lines of progress") struct ProgressLinesTests {
    private let steps = [
        RunTracker.Progress(step: .parse, total: 748, completed: 511, failed: 1, running: 8, retrying: 2),
        RunTracker.Progress(step: .report, total: 1),
    ]

    @Test("a line says what is done, what runs, what is tried again and what died")
    func line() {
        let lines = ProgressLines(style: .init(unicode: false, width: 120)).lines(steps, seconds: 2)
        #expect(
            lines == [
                "parse_paper  ###################.........  512/748  8 running  2 retrying  1 dead  256/s",
                "report       ............................    0/1",
            ])
    }

    @Test("no line is wider than the terminal, however narrow", arguments: [1, 10, 40, 60, 80, 200])
    func width(columns: Int) {
        for line in ProgressLines(style: .init(width: columns)).lines(steps, seconds: 2) {
            #expect(line.count < max(2, columns))
        }
    }

    @Test("colour changes how a line looks, not what it says")
    func colour() {
        let plain = ProgressLines(style: .init(colour: false)).lines(steps, seconds: 2)
        let coloured = ProgressLines(style: .init(colour: true)).lines(steps, seconds: 2)
        #expect(!plain.joined().contains("\u{1B}"))
        #expect(coloured.joined().contains("\u{1B}[31m1 dead\u{1B}[0m"))
        #expect(coloured.map { $0.replacing(/\u{1B}\[\d+m/, with: "") } == plain)
    }

    @Test("a step with nothing to do counts as done")
    func nothingToDo() {
        let lines = ProgressLines(style: .init(unicode: false)).lines([.init(step: .claims, total: 0)], seconds: 0)
        #expect(lines == ["extract_claims  ############################  0/0"])
    }

    @Test("on a terminal lines are written over, and lines that are no more are cleared")
    func redraw() {
        var display = LiveDisplay(redraws: true)
        #expect(display.show(["a", "b"], elapsed: .zero) == "\r\u{1B}[2Ka\n\r\u{1B}[2Kb\n")
        #expect(display.show(["c"], elapsed: .zero) == "\u{1B}[2A\r\u{1B}[2Kc\n\r\u{1B}[2K\n")
    }

    @Test("elsewhere they are written every two seconds, and at the end")
    func plain() {
        var display = LiveDisplay(redraws: false)
        #expect(display.show(["a"], elapsed: .zero) == "a\n")
        #expect(display.show(["b"], elapsed: .milliseconds(1_999)) == "")
        #expect(display.show(["c"], elapsed: .seconds(2)) == "c\n")
        #expect(display.show(["d"], elapsed: .milliseconds(2_001), isLast: true) == "d\n")
    }
}

@Suite("The summary of a run") struct RunSummaryTests {
    private let run = Run(inside: "/runs")

    private func tracker(dead: Set<Int>) -> RunTracker {
        var tracker = RunTracker(run: run, documents: 12, counts: [:])
        for document in 1...12 {
            let job = RunTracker.Job(step: .parse, document: document, id: run.jobID(.parse, document: document))
            let isDead = dead.contains(document)
            tracker.note(
                job, state: isDead ? .dead : .completed, attempts: isDead ? 3 : 1,
                error: isDead ? "no \(document)" : nil)
        }
        return tracker
    }

    @Test("it tells what was done, how fast, and where the report lies")
    func figures() {
        let summary = RunSummary(tracker: tracker(dead: []), seconds: 2.5, report: "/r.html", broken: nil)
        #expect(
            summary.text == """

                documents      12
                jobs           12, of which 0 in the dead letters
                retries        0
                wall time      2.50 s
                jobs a second  5
                report         /r.html

                """)
        #expect(summary.exitCode(keepGoing: false) == 0)
    }

    @Test("the document that is there to fail is explained with commands that work, and is no failure")
    func broken() {
        let summary = RunSummary(
            tracker: tracker(dead: [12]), seconds: 1, report: "/r.html", broken: (12, "/a folder/it's not.txt"))
        #expect(summary.text.contains("stint dead list"))
        #expect(summary.text.contains("stint dead replay \(run.jobID(.parse, document: 12))"))
        #expect(summary.text.contains(#"'/a folder/it'\''s not.txt'"#))
        #expect(summary.retries == 2)
        #expect(summary.exitCode(keepGoing: false) == 0)
    }

    @Test("documents of the user's own that died are listed up to a number and decide the exit code")
    func unexpected() {
        let summary = RunSummary(tracker: tracker(dead: Set(1...7)), seconds: 1, report: "/r.html", broken: nil)
        #expect(summary.text.contains("7 jobs failed for good:"))
        #expect(summary.text.contains("no 5") && !summary.text.contains("no 6"))
        #expect(summary.text.contains("… and 2 more: stint dead list"))
        #expect(summary.exitCode(keepGoing: false) == 9)
        #expect(summary.exitCode(keepGoing: true) == 0)
    }

    @Test("a run without its report has failed, whatever was to be kept going")
    func noReport() {
        let summary = RunSummary(tracker: tracker(dead: []), seconds: 0, report: nil, broken: nil)
        #expect(summary.text.contains("not written"))
        #expect(summary.exitCode(keepGoing: true) == 9)
    }
}
