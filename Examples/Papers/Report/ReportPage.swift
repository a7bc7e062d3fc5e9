import Foundation

/// The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.
///
/// Every text that comes from a document or from the name of a file passes through ``HTMLEntities/encode(_:)``; the
/// page forbids scripts besides, should one slip through.
public struct ReportPage {
    private let content: ReportContent

    public init(_ content: ReportContent) { self.content = content }

    public var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>Papers · run \(escaped(content.run))</title>
        <style>
        \(ReportStyle.css)
        </style>
        </head>
        <body>
        <main>
        <header>
        <p class="kicker">Paper pipeline</p>
        <h1>\(Figure.text(content.rows.count)) \(content.rows.count == 1 ? "document" : "documents")</h1>
        <p class="muted">Run <code>\(escaped(content.run))</code>, started \(escaped(started)).</p>
        </header>
        \(tiles)
        <div class="pair">
        <section><h2>Claims by kind</h2>\(claimsChart)</section>
        <section><h2>Entities by type</h2>\(entitiesChart)</section>
        </div>
        \(failures)
        \(quotes)
        \(names)
        \(documents)
        <footer class="muted">Claims and entities are found by rules, not understood: read them as hints. Each quote \
        names the line of the extracted text, which lies beside this page.</footer>
        </main>
        </body>
        </html>

        """
    }

    private var started: String {
        content.startedAt.formatted(
            .verbatim(
                """
                \(day: .defaultDigits) \(month: .wide) \(year: .defaultDigits), \
                \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits) UTC
                """,
                locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian)))
    }

    // MARK: Figures

    private var tiles: String {
        let perThousand = content.words == 0 ? 0 : Double(content.claims) * 1000 / Double(content.words)
        let read = content.rows.count - content.failed.count
        let tiles: [(String, String)] = [
            (Figure.text(read), "read"), (Figure.text(content.failed.count), "failed"),
            (Figure.text(content.words), "words"), (Figure.text(content.claims), "claims"),
            (Figure.text(perThousand, decimals: 1), "per 1\u{202F}000 words"),
            (Figure.text(content.entities), "entities"),
        ]
        let items = tiles.map { "<div><dt>\($0.1)</dt><dd>\($0.0)</dd></div>" }
        return "<dl class=\"tiles\">\n\(items.joined(separator: "\n"))\n</dl>"
    }

    private var claimsChart: String {
        BarChart(
            title: "Claims by kind",
            bars: ClaimKind.allCases.map { .init(label: $0.rawValue, value: content.claimsByKind[$0] ?? 0) }
        ).svg
    }

    private var entitiesChart: String {
        BarChart(
            title: "Entities by type",
            bars: EntityType.allCases.map { .init(label: $0.rawValue, value: content.entitiesByType[$0] ?? 0) }
        ).svg
    }

    // MARK: Lists

    private var failures: String {
        guard !content.failed.isEmpty else { return "" }
        let items = content.failed.compactMap { row in
            row.failure.map { failure in
                """
                <li><strong>\(escaped(row.shortName))</strong> <span class="muted">\(escaped(failure.type))</span>
                <p>\(escaped(failure.message))</p>
                <p><code>stint dead replay \(escaped(failure.job))</code></p></li>
                """
            }
        }
        return """
            <section><h2>In the dead letters</h2>
            <ul class="failures">
            \(items.joined(separator: "\n"))
            </ul></section>
            """
    }

    private var quotes: String {
        guard !content.quotes.isEmpty else { return "" }
        let items = content.quotes.map { quote in
            """
            <li><blockquote>\(escaped(quote.claim.sentence.shortened(to: 320)))</blockquote>
            <p class="muted"><span class="kind">\(quote.claim.kind.rawValue)</span> \(quote.claim.score) points · \
            \(escaped(quote.shortName)), line \(Figure.text(quote.claim.line)) · \
            \(escaped(quote.claim.signals.joined(separator: ", ")))</p></li>
            """
        }
        return """
            <section><h2>Strongest claims</h2>
            <ol class="quotes">
            \(items.joined(separator: "\n"))
            </ol></section>
            """
    }

    private var names: String {
        let columns = EntityType.allCases.compactMap { type -> String? in
            let names = content.foremost(type)
            guard !names.isEmpty else { return nil }
            let items = names.map { name in
                """
                <li><span title="\(escaped(name.name))">\(escaped(name.name.shortened(to: 60)))</span> \
                <span class="muted">\(Figure.text(name.documents))</span></li>
                """
            }
            return "<div><h3>\(type.rawValue)</h3><ul>\(items.joined(separator: "\n"))</ul></div>"
        }
        guard !columns.isEmpty else { return "" }
        return """
            <section><h2>Named most</h2>
            <p class="muted">With the number of documents that name it.</p>
            <div class="names">
            \(columns.joined(separator: "\n"))
            </div></section>
            """
    }

    // MARK: Table

    private var documents: String {
        let most = max(1, content.rows.map(\.claims).max() ?? 0)
        let rows = content.rows.map { row in
            let share = row.claims * 64 / most
            let kind = row.failure == nil ? (row.kind?.rawValue ?? "unfinished") : "dead"
            return """
                <tr\(row.failure == nil ? "" : " class=\"dead\"")>\
                <td class="number">\(row.document)</td>\
                <th scope="row" title="\(escaped(row.path))">\(escaped(row.shortName))</th><td>\(kind)</td>\
                <td class="number">\(Figure.text(row.words))</td><td class="number">\(Figure.text(row.sentences))</td>\
                <td class="number">\(Figure.text(row.claims))</td>\
                <td class="spark"><svg width="64" height="8" aria-hidden="true"><rect class="bar" \
                width="\(row.claims == 0 ? 0 : max(1, share))" height="8" rx="2"/></svg></td>\
                <td class="number">\(Figure.text(row.entities))</td></tr>
                """
        }
        return """
            <section><h2>Documents</h2>
            <div class="scroll" tabindex="0">
            <table>
            <thead><tr><th class="number" scope="col">#</th><th scope="col">document</th><th scope="col">kind</th>\
            <th class="number" scope="col">words</th><th class="number" scope="col">sentences</th>\
            <th class="number" scope="col" colspan="2">claims</th>\
            <th class="number" scope="col">entities</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            </div></section>
            """
    }

    private func escaped(_ text: String) -> String { HTMLEntities.encode(text) }
}

extension ReportContent.Row {
    var shortName: String { path.lastTwoComponents }
}

extension ReportContent.Quote {
    var shortName: String { path.lastTwoComponents }
}

extension String {
    /// `bash/copyright`: the name alone says little where every package has a file of that name.
    var lastTwoComponents: String { split(separator: "/").suffix(2).joined(separator: "/") }

    func shortened(to count: Int) -> String { self.count > count ? prefix(count - 1) + "…" : self }
}
