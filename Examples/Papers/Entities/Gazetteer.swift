/// A list of names that are known beforehand, found word by word. The longest name wins.
struct Gazetteer: Sendable {
    private let names: [String: [[String]]]

    init(_ list: String) {
        var names: [String: [[String]]] = [:]
        for name in list.split(whereSeparator: { $0 == "," || $0.isNewline }) {
            let words = name.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            names[first, default: []].append(words)
        }
        self.names = names.mapValues { $0.sorted { $0.count > $1.count } }
    }

    /// Names are compared with their capitals: "turkey" is a bird.
    func find(in prose: Prose) -> [Mention] {
        var mentions: [Mention] = []
        var position = 0
        while position < prose.words.count {
            let length = length(at: position, in: prose)
            if length > 0 {
                let span = Span(prose.words[position].span.start, prose.words[position + length - 1].span.end)
                mentions.append(Mention(name: prose.line(span), span: span))
            }
            position += max(1, length)
        }
        return mentions
    }

    /// How many words the longest name has that begins here; 0 when none does.
    func length(at position: Int, in prose: Prose) -> Int {
        let words = prose.words
        guard let candidates = names[words[position].text] else { return 0 }
        for name in candidates where position + name.count <= words.count {
            let isHere = name.indices.allSatisfy { index in
                words[position + index].text == name[index]
                    && (index == 0 || prose.areNeighbours(words[position + index - 1], words[position + index]))
            }
            if isHere { return name.count }
        }
        return 0
    }

    /// Countries, and the cities and states that addresses of software and papers name most.
    static let places = Gazetteer(
        """
        Argentina,Australia,Austria,Belgium,Brazil,Bulgaria,Canada,Chile,China,Colombia,Croatia,Czech Republic,Czechia
        Denmark,Egypt,Estonia,Finland,France,Germany,Greece,Hungary,Iceland,India,Indonesia,Iran,Ireland,Israel,Italy
        Japan,Kenya,Latvia,Lithuania,Luxembourg,Malaysia,Mexico,Netherlands,New Zealand,Nigeria,Norway,Pakistan,Peru
        Philippines,Poland,Portugal,Romania,Russia,Saudi Arabia,Serbia,Singapore,Slovakia,Slovenia,South Africa
        South Korea,Korea,Spain,Sweden,Switzerland,Taiwan,Thailand,Turkey,Ukraine,United Kingdom,United States
        United States of America,USA,UK,Vietnam,England,Scotland,Wales,Europe,European Union,Asia,Africa,North America
        South America,California,Massachusetts,New York,New Jersey,Texas,Washington,Oregon,Illinois,Pennsylvania
        Virginia,Delaware,Colorado,Maryland,Ontario,Quebec,Bavaria,Amsterdam,Athens,Atlanta,Austin,Bangalore,Barcelona
        Beijing,Berkeley,Berlin,Boston,Brussels,Budapest,Cambridge,Chicago,Copenhagen,Dublin,Edinburgh,Geneva,Grenoble
        Hamburg,Helsinki,Hong Kong,Istanbul,Kyoto,Lausanne,Lisbon,London,Los Angeles,Madrid,Manchester,Melbourne,Milan
        Montreal,Moscow,Mountain View,Mumbai,Munich,Oslo,Oxford,Palo Alto,Paris,Philadelphia,Pittsburgh,Prague
        Princeton,Redmond,Rome,San Diego,San Francisco,San Jose,Santa Clara,Seattle,Seoul,Shanghai,Stanford,Stockholm
        Sydney,Tel Aviv,Tokyo,Toronto,Vancouver,Vienna,Warsaw,Zurich,Cupertino,Redwood City,Sunnyvale
        """)
}
