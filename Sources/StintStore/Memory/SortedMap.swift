/// A dictionary in key order: sorted chunks of up to 128 entries, found by two binary searches.
///
/// Insertion and removal move at most one chunk and the list of chunks, so a million entries stay cheap. Copies share
/// their chunks: an image of a large map, and one write after it, cost the list of chunks and a single chunk, which is
/// what crash simulation needs of ``MemoryStore``.
struct SortedMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    private struct Chunk: Sendable {
        var keys: [Key]
        var values: [Value]
    }

    /// A place between entries. Any change of the map makes it stale.
    struct Index {
        fileprivate var chunk: Int
        fileprivate var offset: Int
    }

    private static var chunkMax: Int { 128 }
    private var chunks: [Chunk] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    subscript(key: Key) -> Value? {
        let index = lowerBound(key)
        guard let entry = entry(at: index), entry.key == key else { return nil }
        return entry.value
    }

    /// Adds an entry.
    ///
    /// - Returns: False, and nothing changed, when the key is taken.
    mutating func insert(_ key: Key, _ value: Value) -> Bool {
        var index = lowerBound(key)
        if index.chunk < chunks.count, chunks[index.chunk].keys[index.offset] == key { return false }
        // A key that belongs before the first entry of a chunk goes to the end of the chunk before it, so that keys
        // which only ever rise fill whole chunks.
        if index.offset == 0 && index.chunk > 0 {
            index.chunk -= 1
            index.offset = chunks[index.chunk].keys.count
        }
        count += 1
        guard index.chunk < chunks.count else {
            chunks.append(Chunk(keys: [key], values: [value]))
            return true
        }
        if chunks[index.chunk].keys.count == Self.chunkMax {
            split(at: &index)
        }
        chunks[index.chunk].keys.insert(key, at: index.offset)
        chunks[index.chunk].values.insert(value, at: index.offset)
        return true
    }

    /// Sets the value of a key, new or not.
    mutating func set(_ key: Key, _ value: Value) {
        if modify(key, { $0 = value }) == nil {
            let isInserted = insert(key, value)
            precondition(isInserted)
        }
    }

    /// Changes a value in place; nil when the key is not there.
    mutating func modify<Result>(_ key: Key, _ change: (inout Value) -> Result) -> Result? {
        let index = lowerBound(key)
        guard index.chunk < chunks.count, chunks[index.chunk].keys[index.offset] == key else { return nil }
        return change(&chunks[index.chunk].values[index.offset])
    }

    mutating func remove(_ key: Key) -> Value? {
        let index = lowerBound(key)
        guard index.chunk < chunks.count, chunks[index.chunk].keys[index.offset] == key else { return nil }
        count -= 1
        chunks[index.chunk].keys.remove(at: index.offset)
        let value = chunks[index.chunk].values.remove(at: index.offset)
        if chunks[index.chunk].keys.isEmpty { chunks.remove(at: index.chunk) }
        return value
    }

    /// The place of the first entry whose key is not below `key`.
    func lowerBound(_ key: Key) -> Index {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].keys[chunks[middle].keys.count - 1] < key { low = middle + 1 } else { high = middle }
        }
        guard low < chunks.count else { return Index(chunk: low, offset: 0) }
        let chunk = low
        low = 0
        high = chunks[chunk].keys.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[chunk].keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return Index(chunk: chunk, offset: low)
    }

    /// The entry after a place, or nil at the end.
    func entry(at index: Index) -> (key: Key, value: Value)? {
        guard index.chunk < chunks.count else { return nil }
        let chunk = chunks[index.chunk]
        return (chunk.keys[index.offset], chunk.values[index.offset])
    }

    func index(after index: Index) -> Index {
        index.offset + 1 < chunks[index.chunk].keys.count
            ? Index(chunk: index.chunk, offset: index.offset + 1) : Index(chunk: index.chunk + 1, offset: 0)
    }

    /// Nil before the first entry.
    func index(before index: Index) -> Index? {
        if index.offset > 0 { return Index(chunk: index.chunk, offset: index.offset - 1) }
        guard index.chunk > 0 else { return nil }
        return Index(chunk: index.chunk - 1, offset: chunks[index.chunk - 1].keys.count - 1)
    }

    /// All entries, in order of their keys.
    var entries: [(key: Key, value: Value)] {
        chunks.flatMap { zip($0.keys, $0.values).map { (key: $0, value: $1) } }
    }

    /// Every entry, in order of their keys.
    func visit(_ body: (borrowing Key, borrowing Value) -> Void) {
        for chunk in chunks {
            for index in chunk.keys.indices { body(chunk.keys[index], chunk.values[index]) }
        }
    }

    /// Makes room in a full chunk: a key at its very end starts a new chunk, any other halves it.
    private mutating func split(at index: inout Index) {
        let half = index.offset == Self.chunkMax ? Self.chunkMax : Self.chunkMax / 2
        let tail = Chunk(
            keys: Array(chunks[index.chunk].keys[half...]), values: Array(chunks[index.chunk].values[half...]))
        chunks[index.chunk].keys.removeSubrange(half...)
        chunks[index.chunk].values.removeSubrange(half...)
        chunks.insert(tail, at: index.chunk + 1)
        if index.offset >= half && !(index.offset == half && half < Self.chunkMax) {
            index = Index(chunk: index.chunk + 1, offset: index.offset - half)
        }
    }
}
