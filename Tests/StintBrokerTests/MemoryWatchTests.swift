import Testing

@testable import StintBroker

// Goal: the last resort fires when it is due and not before. Method: this process, against bounds on both sides of what it
// takes.
@Suite("Memory watch") struct MemoryWatchTests {
    @Test("this process takes memory, less than the host has")
    func reads() throws {
        let available = try #require(MemoryWatch.available)
        #expect(MemoryWatch.resident > 1_000_000 && MemoryWatch.resident < available)
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
