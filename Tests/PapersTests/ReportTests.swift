import Foundation
import Testing

@testable import Papers

@Suite("The report") struct ReportTests {
    private let hostile = "/tmp/<script>alert(1)</script>/\"><img src=x onerror='x'>.txt"

    private func content() -> ReportContent {
        var content = ReportContent(run: "r<1>", startedAt: Date(timeIntervalSince1970: 0))
        content.append(
            path: hostile, claims: [claim("It must not <b>break</b> & \"bend\".", score: 9)],
            entities: [
                Entity(type: .person, name: "<i>Eve</i>", mentions: 2, places: [])
            ])
        content.append(
            path: "/docs/b.txt",
            failure: .init(
                document: 2, job: "<job>", type: "parse_paper", message: "cannot read <it>"))
        return content
    }

    private func claim(_ sentence: String, score: Int) -> Claim {
        Claim(
            sentence: sentence, span: Span(0, 1), line: 1, kind: .obligation, score: score, signals: ["obliges: <must>"]
        )
    }

    @Test("hostile names and texts are shown, never run")
    func escaped() {
        let page = ReportPage(content()).html
        for mark in ["<script", "<img", "<i>Eve", "<b>break", "<job>", "<it>", "<must>", "r<1>"] {
            #expect(!page.contains(mark), "\(mark)")
        }
        #expect(page.contains("&lt;script&gt;alert(1)&lt;"))
        #expect(page.contains("default-src 'none'"))
    }

    @Test("every element that is opened is closed, and attributes are quoted")
    func wellFormed() {
        let page = ReportPage(content()).html
        var open: [String] = []
        var rest = page[...]
        while let mark = rest.firstIndex(of: "<") {
            rest = rest[mark...]
            let end = rest.firstIndex(of: ">") ?? rest.endIndex
            let tag = rest[..<end].dropFirst()
            rest = rest[end...]
            let name = String(tag.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber })
            if tag.hasPrefix("!") || tag.hasSuffix("/") || name == "meta" { continue }
            if tag.hasPrefix("/") { #expect(open.popLast() == name) } else { open.append(name) }
        }
        #expect(open.isEmpty)
    }

    @Test("the page needs nothing from elsewhere")
    func selfContained() {
        let page = ReportPage(content()).html.replacing("http://www.w3.org/2000/svg", with: "")
        for mark in ["http:", "https:", "src=", "@import", "url("] { #expect(!page.contains(mark) || mark == "src=") }
        #expect(page.contains("<svg") && page.contains("<table>"))
        #expect(page.contains("prefers-color-scheme: dark"))
    }

    @Test("the same content makes the same page")
    func deterministic() { #expect(ReportPage(content()).html == ReportPage(content()).html) }

    @Test("an empty report is a page as well")
    func empty() {
        let page = ReportPage(ReportContent(run: "r", startedAt: Date(timeIntervalSince1970: 0))).html
        #expect(page.contains("0 documents"))
        #expect(page.contains("1 January 1970, 00:00 UTC"))
    }

    @Test("the strongest claims come first, no sentence twice, and not too many")
    func quotes() {
        var content = ReportContent(run: "r", startedAt: Date(timeIntervalSince1970: 0))
        let letters = Array("abcdefghijklmnopqrstuvwxyz").map(String.init)
        content.append(path: "/a", claims: letters.enumerated().map { claim("Sentence \($0.1)", score: 3 + $0.0) })
        content.append(path: "/b", claims: [claim("1. sentence Z", score: 90), claim("Sentence extra", score: 1)])
        #expect(content.quotes.count == ReportContent.quotesMax)
        #expect(content.quotes.map(\.claim.score) == (17...28).reversed())
        #expect(content.claims == 28)
    }

    @Test("the name that most documents share comes first")
    func foremost() {
        var content = ReportContent(run: "r", startedAt: Date(timeIntervalSince1970: 0))
        let entity = { Entity(type: .place, name: $0, mentions: $1, places: []) }
        content.append(path: "/a", entities: [entity("Rome", 50), entity("Oslo", 1)])
        content.append(path: "/b", entities: [entity("OSLO", 1), entity("Bonn", 50)])
        #expect(content.foremost(.place).map(\.name) == ["Oslo", "Bonn", "Rome"])
        #expect(content.foremost(.place).first?.mentions == 2)
    }

    @Test("figures are grouped, bars fill their share")
    func figures() {
        #expect(
            [0, 999, 1_000, -1_234_567].map { Figure.text($0) } == [
                "0", "999", "1\u{202F}000", "−1\u{202F}234\u{202F}567",
            ])
        #expect([8.64, 0.05, 3.0].map { Figure.text($0, decimals: 1) } == ["8.6", "0.1", "3.0"])
        #expect(Figure.text(7.103, decimals: 2) == "7.10")
        let chart = BarChart(title: "t", bars: [.init(label: "<a>", value: 0), .init(label: "b", value: 4)]).svg
        #expect(chart.contains("&lt;a&gt;") && !chart.contains("<a>"))
        #expect(chart.contains("width=\"0\""))
        #expect(BarChart(title: "none", bars: []).svg.contains("<svg"))
    }
}

extension ReportContent {
    fileprivate mutating func append(
        path: String, claims: [Claim] = [], entities: [Entity] = [], failure: Failure? = nil
    ) {
        var row = Row(document: rows.count + 1, path: path, kind: .text, failure: failure)
        add(FoundClaims(sentences: claims.count, claims: claims), to: &row)
        add(FoundEntities(processed: 1, mentions: entities.count, entities: entities, unknown: []), to: &row)
        rows.append(row)
    }
}
