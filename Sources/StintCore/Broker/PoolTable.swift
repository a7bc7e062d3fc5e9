/// Workers that serve the same set of types, whatever pool they call themselves; while a deployment rolls, one named
/// pool is two of these.
///
/// Each keeps two lists of hungry workers: with a free slot, and with none but room to prefetch. A worker moves between
/// them in O(1) however many types it serves, which is why the lists are here and not at the lines.
package struct PoolTable: Sendable {
    package struct Pool: Sendable {
        package let types: [TypeIndex]
        package var workers = 0
        /// Heads and tails of the lists, by ``WorkerTable/Appetite``.
        package var firstWithSlots: Int32 = -1
        package var lastWithSlots: Int32 = -1
        package var firstPrefetching: Int32 = -1
        package var lastPrefetching: Int32 = -1
        /// Where among `types` the next round begins.
        package var turn = 0

        package var isHungry: Bool { firstWithSlots >= 0 || firstPrefetching >= 0 }
    }

    package private(set) var all: ContiguousArray<Pool> = []
    private var slots: [[TypeIndex]: Int32] = [:]
    /// Which pool is served first next time, so that of two that share a type neither has it all.
    package var turn = 0

    package init() {}

    package subscript(slot: Int32) -> Pool {
        get { all[Int(slot)] }
        _modify { yield &all[Int(slot)] }
    }

    /// The pool of these types (sorted, each once), made when it is new. Pools are few and stay.
    package mutating func slot(of types: [TypeIndex]) -> (slot: Int32, isNew: Bool) {
        precondition(zip(types, types.dropFirst()).allSatisfy { $0 < $1 })
        if let slot = slots[types] { return (slot, false) }
        let slot = Int32(all.count)
        all.append(Pool(types: types))
        slots[types] = slot
        return (slot, true)
    }
}
