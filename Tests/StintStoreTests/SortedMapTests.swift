import StintCore
import Testing

@testable import StintStore

// Goal: the map of the memory store is a dictionary in order. Method: random use beside a plain dictionary, long enough
// for chunks to split and to vanish.
@Suite("Sorted map") struct SortedMapTests {
    @Test("agrees with a dictionary through a random life", arguments: [UInt64(1), 2, 3])
    func randomLife(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var map = SortedMap<Int, Int>()
        var model: [Int: Int] = [:]
        for step in 0..<6_000 {
            let key = Int(random.next(upTo: step < 3_000 ? 2_000 : 400))
            switch random.next(upTo: 4) {
            case 0, 1: #expect(map.insert(key, step) == (model.updateValue(model[key] ?? step, forKey: key) == nil))
            case 2: #expect(map.remove(key) == model.removeValue(forKey: key))
            case 3:
                map.set(key, step)
                model[key] = step
            default:
                #expect(map.modify(key) { $0 += 1 } == nil ? model[key] == nil : model[key] != nil)
                if let value = model[key] { model[key] = value + 1 }
            }
            #expect(map.count == model.count)
        }
        #expect(map.entries.map(\.key) == model.keys.sorted())
        for (key, value) in model { #expect(map[key] == value) }
        for key in -1...2_001 {
            let above = model.keys.filter { $0 >= key }.min()
            #expect(map.entry(at: map.lowerBound(key))?.key == above)
            let below = model.keys.filter { $0 < key }.max()
            #expect(map.index(before: map.lowerBound(key)).flatMap { map.entry(at: $0)?.key } == below)
        }
    }

    @Test("walks up and down over the edges of its chunks")
    func walks() {
        var map = SortedMap<Int, Int>()
        for key in 0..<1_000 { _ = map.insert(key, -key) }
        var keys: [Int] = []
        var index = map.lowerBound(Int.min)
        while let entry = map.entry(at: index) {
            keys.append(entry.key)
            index = map.index(after: index)
        }
        #expect(keys == Array(0..<1_000))
        keys = []
        var place = map.index(before: index)
        while let current = place {
            keys.append(map.entry(at: current)?.key ?? -1)
            place = map.index(before: current)
        }
        #expect(keys == Array((0..<1_000).reversed()))
        for key in 0..<1_000 { #expect(map.remove(key) == -key) }
        #expect(map.isEmpty && map.entries.isEmpty)
    }

    @Test("a copy does not see what is written after it")
    func copies() {
        var map = SortedMap<Int, Int>()
        for key in 0..<500 { _ = map.insert(key, 0) }
        let copy = map
        for key in 0..<500 { map.set(key, 1) }
        #expect(copy.entries.allSatisfy { $0.value == 0 } && map.entries.allSatisfy { $0.value == 1 })
    }
}
