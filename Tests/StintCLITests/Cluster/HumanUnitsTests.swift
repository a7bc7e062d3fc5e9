import Testing

@testable import StintCLI

@Suite("Human units") struct HumanUnitsTests {
    private func mistake(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch { return "\(error)" }
    }

    @Test(
        "durations are read exactly",
        arguments: [
            ("0s", 0), ("0ms", 0), ("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000), ("1d2h3m4s5ms", 93_784_005), ("90m", 5_400_000), ("007s", 7_000),
        ])
    func durations(text: String, milliseconds: Int64) throws {
        #expect(try HumanUnits.duration(text) == .milliseconds(milliseconds))
    }

    @Test(
        "what is printed reads back as the same duration, larger units first",
        arguments: [
            (0, "0s"), (1, "1ms"), (999, "999ms"), (1_000, "1s"), (1_001, "1s1ms"), (90_000, "1m30s"),
            (86_400_000, "1d"),
            (129_600_000, "1d12h"), (Int64.max, "106751991167d7h12m55s807ms"),
        ])
    func printedDurations(milliseconds: Int64, text: String) throws {
        #expect(HumanUnits.string(.milliseconds(milliseconds)) == text)
        #expect(try HumanUnits.duration(text) == .milliseconds(milliseconds))
    }

    @Test("a negative duration prints with its sign, and what is finer than a millisecond does not print")
    func otherPrints() {
        #expect(HumanUnits.string(.milliseconds(-1_500)) == "-1s500ms")
        #expect(HumanUnits.string(.microseconds(1_999)) == "1ms")
        #expect(HumanUnits.string(.nanoseconds(5)) == "0s")
    }

    @Test(
        "what is no duration is refused with the sentence of what was expected",
        arguments: [
            ("", ""), ("s", ""), ("-5s", ""), ("+5s", ""), ("1.5s", ""), ("5 s", ""), (" 5s", ""), ("5s ", ""),
            ("5S", ""),
            ("5w", ""), ("٥s", ""), ("5", ", which has no unit"), ("1h30", ", which has no unit"),
            ("30m1h", ", in which \"h\" is not in its place: the larger unit stands first, each once"),
            ("1h1h", ", in which \"h\" is not in its place: the larger unit stands first, each once"),
            ("106751991168d", ", which is longer than 106751991167d7h12m55s807ms"),
            ("106751991167d7h12m55s808ms", ", which is longer than 106751991167d7h12m55s807ms"),
            ("99999999999999999999s", ", which is longer than 106751991167d7h12m55s807ms"),
        ])
    func wrongDurations(text: String, reason: String) {
        let sentence = mistake { _ = try HumanUnits.duration(text) }
        #expect(
            sentence
                == #"expected a duration such as "500ms", "5s", "2m", "1h30m" or "7d", got "\#(text)"\#(reason)"#
        )
    }

    @Test(
        "sizes are read exactly, and the shortest text of a size reads back",
        arguments: [
            ("0B", 0), ("1B", 1), ("999B", 999), ("1KB", 1_000), ("1KiB", 1_024), ("64KiB", 65_536), ("1MB", 1_000_000),
            ("10MB", 10_000_000), ("1MiB", 1_048_576), ("3GB", 3_000_000_000), ("2GiB", 2_147_483_648),
            ("1TB", 1_000_000_000_000), ("1TiB", 1_099_511_627_776), ("9223372036854775807B", Int.max),
        ])
    func sizes(text: String, bytes: Int) throws {
        #expect(try HumanUnits.size(text) == bytes)
        #expect(HumanUnits.string(bytes: bytes) == text)
    }

    @Test(
        "what is no size is refused with the sentence of what was expected",
        arguments: [
            ("", ""), ("B", ""), ("-1B", ""), ("1.5MiB", ""), ("1 MiB", ""), ("1mb", ""), ("1kB", ""), ("1MiB2KiB", ""),
            ("1024", ", which has no unit"),
            ("9223372036854775808B", ", which is larger than 9223372036854775807 bytes"),
            ("8388608TiB", ", which is larger than 9223372036854775807 bytes"),
        ])
    func wrongSizes(text: String, reason: String) {
        let sentence = mistake { _ = try HumanUnits.size(text) }
        #expect(
            sentence == "expected a size such as \"512B\", \"64KiB\", \"1MiB\" or \"10MB\", got \"\(text)\"\(reason)")
    }

    @Test("a message stays one short line, whatever was given")
    func messages() throws {
        let sentence = try #require(
            mistake { _ = try HumanUnits.duration("\u{1B}[2J\n" + String(repeating: "x", count: 500)) })
        #expect(sentence.count < 200)
        #expect(sentence.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }
}
