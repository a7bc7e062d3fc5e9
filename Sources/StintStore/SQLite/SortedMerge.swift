/// Merges sorted sources lazily: each is read in pieces, and no further than the result needs.
struct SortedMerge<Element> {
    /// Reads up to so many elements that follow one, or the first ones; none means that there are no more.
    typealias Source = (_ after: Element?, _ limit: Int) throws -> [Element]

    private struct Head {
        let source: Int
        var piece: [Element]
        var next = 0
        var element: Element { piece[next] }
    }

    private let sources: [Source]
    private let pieceMax: Int
    private let precedes: (Element, Element) -> Bool
    /// The sources with anything left, the one whose turn is next at the end.
    private var heads: [Head] = []

    init(_ sources: [Source], limit: Int, precedes: @escaping (Element, Element) -> Bool) throws {
        self.sources = sources
        self.precedes = precedes
        // Together one page, so that a thousand types do not read a thousand pages.
        pieceMax = limit / max(1, sources.count) + 1
        for source in sources.indices {
            let piece = try sources[source](nil, pieceMax)
            if !piece.isEmpty { heads.append(Head(source: source, piece: piece)) }
        }
        heads.sort { precedes($1.element, $0.element) }
    }

    mutating func next() throws -> Element? {
        guard var head = heads.popLast() else { return nil }
        let element = head.element
        head.next += 1
        if head.next == head.piece.count {
            head.piece = try sources[head.source](element, pieceMax)
            head.next = 0
        }
        if !head.piece.isEmpty { insert(head) }
        return element
    }

    private mutating func insert(_ head: Head) {
        var low = 0
        var high = heads.count
        while low < high {
            let middle = (low + high) / 2
            if precedes(head.element, heads[middle].element) { low = middle + 1 } else { high = middle }
        }
        heads.insert(head, at: low)
    }
}
