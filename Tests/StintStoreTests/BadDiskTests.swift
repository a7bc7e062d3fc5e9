import StintCore
import StintTestKit
import Testing

// Goal: nothing acknowledged is lost to a power cut, an error of the device, a full disk or a byte that turns; what
// cannot be kept is told. Method: the real store on a disk of our own under SQLite, against the truth of a store in
// memory. A sample of each here; `make crash-images`, `make disk-faults` and `make flips` run as many as one likes.
@Suite("A bad disk") struct BadDiskTests {
    @Test(
        "after a power cut at any sync, or between two, every acknowledged batch is there, and none is half there",
        arguments: [11, 12])
    func powerCuts(seed: Int) throws {
        let report = try CrashTrial.run(seed: UInt64(seed), images: 50, steps: 60)
        #expect(report.images >= 50 && report.syncs > 30)
    }

    @Test(
        "a call that fails ends the life of the store, and the next one has all that was acknowledged",
        arguments: TestDisk.Fault.allCases)
    func faults(fault: TestDisk.Fault) throws {
        var points = 0
        // A commit has a dozen calls or more; a checkpoint hundreds.
        for call in [0, 1, 4, 19] {
            points += try FaultTrial.run(fault, call: call, seed: 5, operations: 90).points
        }
        #expect(points > 20)
    }

    @Test("a byte that turned changes no answer, or is told", arguments: FlipTrial.Rest.allCases)
    func flips(rest: FlipTrial.Rest) throws {
        let report = try FlipTrial.run(rest, seed: 3, samples: 40)
        #expect(report.samples == 40)
        #expect(report.endings[.refused, default: 0] + report.endings[.found, default: 0] > 3)
        if rest != .killedAtOnce { #expect(report.endings[.lastBatchLost] == nil) }
    }

    // The trials must be able to fail.
    @Test("a store that syncs nothing is found out by the first images")
    func lazyStore() throws {
        #expect(throws: DiskFailure.self) {
            for seed in 1...20 { _ = try CrashTrial.run(seed: UInt64(seed), images: 20, steps: 30, forgetsSyncs: true) }
        }
    }
}
