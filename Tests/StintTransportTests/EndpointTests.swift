import StintTransport
import Testing

extension TransportSuite {
    @Suite("Endpoints") struct EndpointTests {
        @Test(
            "what is well formed is read and written back",
            arguments: [
                ("tcp://127.0.0.1:7411", "tcp://127.0.0.1:7411"), ("tcp://localhost:1", "tcp://localhost:1"),
                ("tcp://LOCALHOST:65535", "tcp://localhost:65535"), ("tcp://[::1]:0", "tcp://[::1]:0"),
                ("tcp://*:7411", "tcp://*:7411"), ("tcp://127.0.0.1:*", "tcp://127.0.0.1:0"),
                ("tcp://broker-1.example.org:7411", "tcp://broker-1.example.org:7411"),
                ("ipc:///run/stint/a.sock", "ipc:///run/stint/a.sock"), ("ipc://a.sock", "ipc://a.sock"),
                ("inproc://test", "inproc://test"),
            ])
        func wellFormed(text: String, canonical: String) throws {
            let endpoint = try Endpoint(text)
            #expect("\(endpoint)" == canonical)
            #expect(try Endpoint(canonical) == endpoint)
        }

        @Test(
            "what is not is refused with a sentence that quotes it",
            arguments: [
                "", "7411", "tpc://127.0.0.1:1", "tcp://", "tcp://127.0.0.1", "tcp://:7411", "tcp://127.0.0.1:",
                "tcp://127.0.0.1:65536", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:+1", "tcp://127.0.0.1:1x",
                "tcp://127.1:7411", "tcp://256.0.0.1:7411", "tcp://2130706433:7411", "tcp://::1:7411",
                "tcp://[::g]:7411", "tcp://[127.0.0.1]:7411", "tcp://a b:7411", "tcp://a..b:7411",
                "tcp://127.0.0.1;127.0.0.1:7411", "tcp://user@127.0.0.1:7411", "tcp://127.0.0.1:1/path",
                "tcp://127.0.0.1\0.example.org:1", "ipc://", "ipc://*", "ipc://@name", "ipc:///run/", "inproc://",
                "udp://127.0.0.1:1", "TCP://127.0.0.1:1", "tcp://127.0.0.1:7411\n",
            ])
        func malformed(text: String) throws {
            let error = try #require(throws: TransportError.self) { try Endpoint(text) }
            #expect(error.code == .invalidEndpoint && !error.isRetryable)
            #expect(error.description.hasPrefix(text.debugDescription) && error.description.hasSuffix("."))
        }

        @Test("a socket's path may have 107 bytes, not 108")
        func pathLength() throws {
            let longest = "/" + String(repeating: "x", count: 106)
            #expect(try Endpoint("ipc://\(longest)").address == .ipc(path: longest))
            let error = try #require(throws: TransportError.self) { try Endpoint("ipc://\(longest)x") }
            #expect(error.code == .invalidEndpoint)
            #expect(error.description.contains("108 bytes") && error.description.contains("107"))
        }

        @Test("an endless text is cut in the message")
        func longText() throws {
            let error = try #require(throws: TransportError.self) {
                try Endpoint("tcp://" + String(repeating: "a", count: 100_000) + ":1")
            }
            #expect(error.description.utf8.count < 400)
        }

        @Test(
            "addresses of this host are local, all others are not",
            arguments: [
                ("tcp://127.0.0.1:1", true), ("tcp://127.255.255.254:1", true), ("tcp://[::1]:1", true),
                ("tcp://[0:0:0:0:0:0:0:1]:1", true), ("tcp://[::ffff:127.0.0.1]:1", true),
                ("tcp://localhost:1", true), ("ipc:///run/a", true), ("inproc://a", true),
                ("tcp://126.255.255.255:1", false), ("tcp://128.0.0.1:1", false), ("tcp://0.0.0.0:1", false),
                ("tcp://*:1", false), ("tcp://[::]:1", false), ("tcp://[::2]:1", false),
                ("tcp://[1::1]:1", false), ("tcp://[::ffff:10.0.0.1]:1", false), ("tcp://[::127.0.0.1]:1", false),
                ("tcp://localhost.example.org:1", false), ("tcp://127.0.0.1.example.org:1", false),
                ("tcp://eth0:1", false),
            ])
        func locality(text: String, isLocal: Bool) throws {
            #expect(try Endpoint(text).isLocal == isLocal)
        }
    }
}
