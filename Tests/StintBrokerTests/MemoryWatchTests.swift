import StintTransport
import Testing

@testable import StintBroker

// Goal: the last resort fires when it is due and not before. Method: this process, against bounds on both sides of what it
// takes.
@Suite("Memory watch") struct MemoryWatchTests {
    @Test("this process takes memory, less than the host has")
    func reads() throws {
        let available = try #require(MemoryWatch.available)
        #expect(ResidentMemory.bytes > 1_000_000 && ResidentMemory.bytes < available)
        #expect(MemoryWatch(most: nil).most < available)
        #expect(MemoryWatch(most: 5).most == 5)
    }

    @Test("beyond the bound it says how much, and within it nothing")
    func bounds() throws {
        var facts = HostFacts()
        facts.memoryBytes = 11
        #expect(facts.memoryExcess == nil, "not looked at yet")
        facts.memoryMax = 11
        #expect(facts.memoryExcess == nil)
        facts.memoryMax = 10
        #expect(facts.memoryExcess == MemoryExcess(resident: 11, most: 10))
    }

    @Test("memory is given back when much more is taken than before, and not soon again")
    func givenBack() {
        var giveBack = MemoryReturn()
        // An expectation cannot change what it looks at.
        func isDue(_ resident: UInt64) -> Bool { giveBack.isDue(resident: resident) }
        let (low, growth) = (100 * 1_048_576 as UInt64, MemoryReturn.growth)
        #expect(!isDue(low + growth), "the first look is what it is compared with")
        #expect(!isDue(low) && !isDue(low + growth - 1) && isDue(low + growth))
        giveBack.done(resident: low + 1)
        for _ in 1..<MemoryReturn.rounds { #expect(!isDue(low + 2 * growth)) }
        #expect(isDue(low + 2 * growth))
        // Nothing could be given back: it is in use.
        giveBack.done(resident: low + 2 * growth)
        for _ in 0..<20 { #expect(!isDue(low + 3 * growth - 1)) }
        #expect(isDue(low + 3 * growth))
    }

    @Test("the bound of a control group counts, and of each that holds it")
    func groups() {
        #expect(
            MemoryWatch.groupFiles(of: "0::/system.slice/stint.service\n") == [
                "/sys/fs/cgroup/system.slice/stint.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ])
        #expect(MemoryWatch.groupFiles(of: "0::/\n") == ["/sys/fs/cgroup/memory.max"])
        #expect(MemoryWatch.groupFiles(of: "12:memory:/x\n") == ["/sys/fs/cgroup/memory.max"])
    }
}
