import Foundation
import StintCore
import StintWire
import Testing

@testable import Stint

// Goal: what travels with a job for its trace is bounded and never a reason to refuse the job. Method: each limit on both
// of its sides, and the bytes of the wire.
@Suite("Headers of a trace") struct TraceHeadersTests {
    private func headers(_ sizes: [(key: Int, value: Int)]) -> TraceHeaders {
        var headers = TraceHeaders()
        for (index, size) in sizes.enumerated() {
            let key = String(repeating: Character(UnicodeScalar(UInt8(97 + index))), count: size.key)
            headers.set(String(repeating: "v", count: size.value), for: key)
        }
        return headers
    }

    @Test("what breaks a limit is left out, and the rest stays")
    func limits() {
        #expect(headers(Array(repeating: (1, 1), count: 16)).headers.count == 16)
        #expect(headers(Array(repeating: (1, 1), count: 17)).headers.count == 16)
        #expect(headers([(128, 1), (129, 1), (1, 1)]).headers.map(\.key.count) == [128, 1])
        #expect(headers([(0, 1)]).isEmpty)
        #expect(headers([(1, 1_024), (1, 1_025), (1, 0)]).headers.map(\.value.count) == [1_024, 0])
        // 4 096 bytes in all.
        let three = Array(repeating: (key: 1, value: 1_024), count: 3)
        #expect(headers(three + [(1, 1_020)]).headers.count == 4)
        #expect(headers(three + [(1, 1_021), (1, 1_019)]).headers.map(\.value.count) == [1_024, 1_024, 1_024, 1_019])
    }

    @Test("a header that is set again is replaced, and what it took is free")
    func replacing() {
        var headers = headers(Array(repeating: (1, 1_023), count: 4))
        #expect(headers.headers.count == 4)
        headers.set("x", for: "e")
        #expect(headers["e"] == nil)
        headers.set("short", for: "a")
        headers.set("x", for: "e")
        #expect(headers["a"] == "short" && headers["e"] == "x")
        headers.set(String(repeating: "v", count: 1_025), for: "a")
        #expect(headers["a"] == "short")
    }

    @Test("headers go over the wire within a job's extras and come back")
    func wire() throws {
        var builder = JobGroupsBuilder()
        var job = NewJob(type: "mail", json: Data("1".utf8))
        job.trace = .sample
        try builder.add(job, id: JobID(high: 1, low: 1))
        let bytes: [UInt8] = try builder.groups[0].serializedBytes()
        let group = try IncomingGroup(
            decoding: Stint_V1_JobGroup(serializedBytes: bytes), field: "group", payloadBytesMax: 64)
        let extras = try Stint_V1_JobExtras(serializedBytes: group.extras.copied)
        #expect(TraceHeaders(extras) == .sample)
    }

    @Test("of a header that came twice the first counts, and what breaks a limit is not read")
    func foreign() {
        let extras = Stint_V1_JobExtras.with { extras in
            extras.trace = [("a", "1"), ("a", "2"), ("", "3"), ("b", String(repeating: "v", count: 2_000))].map {
                pair in
                .with { ($0.key, $0.value) = pair }
            }
        }
        #expect(TraceHeaders(extras) == TraceHeaders(["a": "1"]))
    }

    @Test("untraced jobs have no extras at all, and jobs of one trace share a group")
    func groups() throws {
        func groups(_ traces: [TraceHeaders]) throws -> [Stint_V1_JobGroup] {
            var builder = JobGroupsBuilder()
            for (index, trace) in traces.enumerated() {
                var job = NewJob(type: "mail", json: Data("1".utf8))
                job.trace = trace
                try builder.add(job, id: JobID(high: 1, low: UInt64(index)))
            }
            return builder.groups
        }
        let untraced = try groups([TraceHeaders(), TraceHeaders()])
        #expect(untraced.count == 1 && !untraced[0].hasExtras)
        let traced = try groups([.sample, .sample, TraceHeaders(["a": "1"]), TraceHeaders()])
        #expect(traced.map(\.payloadBytes.count) == [2, 1, 1])
        #expect(traced.map(\.hasExtras) == [true, true, false])
    }

    @Test("traces never make a message larger than it may be: past their share jobs go without", arguments: [1, 2])
    func share(types: Int) throws {
        func build(_ trace: (Int) -> TraceHeaders) throws -> JobGroupsBuilder {
            var builder = JobGroupsBuilder()
            for index in 0..<1_000 {
                var job = NewJob(type: "type-\(index % types)", json: Data("1".utf8))
                job.trace = trace(index)
                try builder.add(job, id: JobID(high: 1, low: UInt64(index)))
            }
            return builder
        }
        let untraced = try build { _ in TraceHeaders() }
        let traced = try build { TraceHeaders(["key": "value-\($0)", "more": String(repeating: "v", count: 60)]) }
        #expect(traced.bytes == untraced.bytes)
        let count = traced.groups.count { $0.hasExtras }
        #expect((200...500).contains(count), "\(count)")
        func size(_ builder: JobGroupsBuilder) throws -> Int {
            try builder.groups.reduce(0) { try $0 + $1.serializedData().count + 3 }
        }
        #expect(try size(traced) - size(untraced) <= JobGroupsBuilder.traceBytesMax)
        #expect(traced.groups.reduce(0) { $0 + $1.payloadBytes.count } == 1_000)
    }

    @Test(
        "a parent is taken from the environment when it is one",
        arguments: [
            (TraceHeaders.sampleParent, true), ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", false), ("", false), ("---", false),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\n", false),
        ])
    func parent(text: String, isTaken: Bool) {
        let headers = TraceHeaders(environment: ["TRACEPARENT": text, "TRACESTATE": "a=1"])
        #expect(headers == (isTaken ? TraceHeaders(["traceparent": text, "tracestate": "a=1"]) : TraceHeaders()))
        let given = TraceHeaders(["traceparent": text, "tracestate": "a=1"]).variables.map(\.value)
        #expect(given == (isTaken ? [text, "a=1"] : []))
    }

    @Test(
        "a state that no variable can hold is left out",
        arguments: ["", "a=\0", "a=\n", "ä", String(repeating: "s", count: 1_025)])
    func state(text: String) {
        let headers = TraceHeaders(environment: ["TRACEPARENT": TraceHeaders.sampleParent, "TRACESTATE": text])
        #expect(headers == TraceHeaders(["traceparent": TraceHeaders.sampleParent]))
        let given = TraceHeaders(["traceparent": TraceHeaders.sampleParent, "tracestate": text]).variables
        #expect(given.map(\.name) == ["TRACEPARENT"])
        #expect(TraceHeaders(environment: ["TRACESTATE": "a=1"]).isEmpty)
    }
}
