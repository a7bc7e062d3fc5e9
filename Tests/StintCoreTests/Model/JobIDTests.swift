import StintCore
import Testing

@Suite("JobID") struct JobIDTests {
    @Test("an id survives the way through its text")
    func roundTrip() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<1_000 {
            let id = JobID(high: random.next(), low: random.next())
            #expect(JobID(id.description) == id)
            #expect(JobID(id.description.uppercased()) == id)
            #expect(id.description.utf8.count == 36)
        }
        #expect(JobID.least.description == "00000000-0000-0000-0000-000000000000")
        #expect(JobID.greatest.description == "ffffffff-ffff-ffff-ffff-ffffffffffff")
    }

    @Test(
        "texts that are not quite an id are refused",
        arguments: [
            "", "018bcfe5-6800-7000-8000-00000000000", "018bcfe5-6800-7000-8000-0000000000000",
            "018bcfe5-6800-7000-8000-00000000000-", "018bcfe568007000800000000000000f",
            "018bcfe5-6800-7000-8000_000000000001",
            "018bcfe5-6800-7000-8000-00000000000g", " 018bcfe5-6800-7000-8000-000000000001",
            "018bcfe5--6800-7000-8000-0000000001",
            "018bcfe5-6800-7000-8000-00000000000é",
        ])
    func refusesOtherTexts(_ text: String) {
        #expect(JobID(text) == nil)
    }

    @Test("ids are in the order of their time, then counter, and texts sort the same")
    func order() {
        let ids = [
            JobID(milliseconds: 1, counter: 4_095, random: .max), JobID(milliseconds: 2, counter: 0, random: 5),
            JobID(milliseconds: 2, counter: 1, random: 0), JobID(milliseconds: 2, counter: 1, random: 1),
            JobID(milliseconds: (1 << 48) - 1, counter: 0, random: 0),
        ]
        for (earlier, later) in zip(ids, ids.dropFirst()) {
            #expect(earlier < later)
            #expect(earlier.description < later.description)
        }
        #expect(ids.allSatisfy { JobID.least < $0 && $0 < JobID.greatest })
    }

    @Test("the ingredients make a UUID of version 7 and its variant")
    func version() {
        let id = JobID(milliseconds: 0x018B_CFE5_6800, counter: 0xABC, random: .max)
        #expect(id.description == "018bcfe5-6800-7abc-bfff-ffffffffffff")
    }

    // The mark "highest id ever stored" must not be raised by an id from the far future.
    @Test("ids of version 7 made before tomorrow are of the present, up to the millisecond")
    func isOfThePresent() {
        let now = WallTime(milliseconds: 1_700_000_000_000)
        let tomorrow: UInt64 = 1_700_000_000_000 + 86_400_000
        #expect(JobID(milliseconds: 0, counter: 0, random: 0).isOfThePresent(at: now))
        #expect(JobID(milliseconds: tomorrow, counter: 4_095, random: .max).isOfThePresent(at: now))
        #expect(!JobID(milliseconds: tomorrow + 1, counter: 0, random: 0).isOfThePresent(at: now))
        #expect(!JobID(milliseconds: (1 << 48) - 1, counter: 0, random: 0).isOfThePresent(at: now))
        for version: UInt64 in [0, 1, 4, 6, 8, 15] {
            #expect(!JobID(high: 1_600_000_000_000 << 16 | version << 12, low: 1 << 63).isOfThePresent(at: now))
        }
        #expect(!JobID.greatest.isOfThePresent(at: now))
    }
}
