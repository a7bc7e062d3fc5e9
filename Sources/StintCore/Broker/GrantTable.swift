/// The grants whose leases have not all ended. One grant is one assign message and one row on disk; together the rows
/// are the lease table that a restart finds.
///
/// A lease can end in two ways. Either the job's row then carries its token (it was settled, or expired), and a restart
/// that finds the grant skips the entry by it. Or nothing is written of the job (it was given back unharmed), and then
/// the grant is rewritten without the entry: otherwise a restart would bring an old lease back to life.
package struct GrantTable: Sendable {
    package struct Grant: Sendable {
        package var first: FencingToken
        package var worker: Int32
        package var slots: UInt16
        package var grantedAt: WallTime
        /// Slots of the jobs; those whose lease ended no longer point back here.
        package var members: [Int32]
        package var remaining: Int
    }

    package private(set) var all: ContiguousArray<Grant?> = []
    private var free: [Int32] = []
    package private(set) var count = 0

    package init() {}

    package mutating func add(_ grant: Grant) -> Int32 {
        precondition(!grant.members.isEmpty && grant.remaining == grant.members.count)
        count += 1
        if let slot = free.popLast() {
            all[Int(slot)] = grant
            return slot
        }
        all.append(grant)
        return Int32(all.count - 1)
    }

    package subscript(slot: Int32) -> Grant {
        guard let grant = all[Int(slot)] else { preconditionFailure("no such grant") }
        return grant
    }

    /// A lease of the grant ended. Returns the grant's first token when it was the last.
    package mutating func ended(_ slot: Int32) -> FencingToken? {
        guard let remaining = all[Int(slot)]?.remaining else { preconditionFailure("no such grant") }
        precondition(remaining > 0)
        if remaining > 1 {
            all[Int(slot)]?.remaining = remaining - 1
            return nil
        }
        let first = all[Int(slot)]?.first
        all[Int(slot)] = nil
        free.append(slot)
        count -= 1
        return first
    }
}
