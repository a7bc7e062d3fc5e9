import Glibc
import StintTransport
import Testing

extension TransportSuite {
    // Goal: a broker is bound where the user said, or the user reads why not and what to do; and never is anything
    // taken from another process or deleted. Method: real addresses, prepared in each bad way.
    @Suite("Binding and connecting") struct BindingTests {
        private let context: ZMQContext

        init() throws { context = try ZMQContext() }

        private func bind(_ text: String) throws -> RouterSocket { try Self.bind(text, in: context) }

        private static func bind(_ text: String, in context: ZMQContext) throws -> RouterSocket {
            try RouterSocket(in: context, binding: Endpoint(text), limits: .init(frameBytesMax: 1_000))
        }

        private func refusal(binding text: String) throws -> TransportError {
            try #require(throws: TransportError.self) { _ = try bind(text) }
        }

        @Test(
            "a free port is chosen and told",
            arguments: ["tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://localhost:0"])
        func freePort(text: String) throws {
            let router = try bind(text)
            guard case .tcp("127.0.0.1", let port) = router.boundEndpoint.address else {
                Issue.record("bound \(router.boundEndpoint)")
                return
            }
            #expect(port != 0)
        }

        @Test(
            "an address that others can reach is refused without keys",
            arguments: [
                "tcp://*:7411", "tcp://0.0.0.0:7411", "tcp://[::]:7411", "tcp://10.0.0.1:7411", "tcp://eth0:7411",
            ])
        func notLocal(text: String) throws {
            let error = try refusal(binding: text)
            #expect(error.code == .encryptionRequired && !error.isRetryable)
            for part in [text, "CURVE", "tcp://127.0.0.1:7411", "ipc://"] { #expect(error.description.contains(part)) }
        }

        @Test(
            "connecting off this host is refused without keys",
            arguments: ["tcp://10.0.0.1:7411", "tcp://broker.example.org:7411"])
        func connectingFar(text: String) throws {
            let error = try #require(throws: TransportError.self) { _ = try connect(text) }
            #expect(error.code == .encryptionRequired)
            for part in [text, "CURVE", "tcp://127.0.0.1:7411"] { #expect(error.description.contains(part)) }
        }

        @Test(
            "what can only be bound is not connected to",
            arguments: ["tcp://127.0.0.1:0", "tcp://*:1", "tcp://0.0.0.0:1"])
        func connectingToNowhere(text: String) throws {
            let error = try #require(throws: TransportError.self) { _ = try connect(text) }
            #expect(error.code == .invalidEndpoint)
        }

        private func connect(_ text: String) throws -> DealerSocket {
            try DealerSocket(
                in: context, connectingTo: Endpoint(text),
                limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 10))
        }

        @Test("an address in use is named, and the way to find who uses it")
        func addressInUse() throws {
            let first = try bind("tcp://127.0.0.1:*")
            let error = try refusal(binding: "\(first.boundEndpoint)")
            #expect(error.code == .addressInUse && error.isRetryable)
            #expect(error.description.contains("\(first.boundEndpoint)") && error.description.contains("ss -ltnp"))
        }

        // In a process of its own: a process that another test starts holds our listening sockets, too, between fork and
        // exec.
        @Test("an address is free when close returns")
        func rebinding() async {
            await #expect(processExitsWith: .success) {
                let context = try ZMQContext()
                for _ in 0..<20 {
                    let first = try Self.bindFixedPort(in: context)
                    first.close()
                    let second = try Self.bind("\(first.boundEndpoint)", in: context)
                    #expect(second.boundEndpoint == first.boundEndpoint)
                    second.close()
                }
            }
        }

        /// A port that the kernel gives to nobody who asks for any: another test may do so between close and bind. Where
        /// the search begins depends on the process, because another run of the tests may search as well.
        private static func bindFixedPort(in context: ZMQContext) throws -> RouterSocket {
            for port in (20_011 + 20 * Int(getpid() % 400))..<30_000 {
                if let socket = try? bind("tcp://127.0.0.1:\(port)", in: context) { return socket }
            }
            return try bind("tcp://127.0.0.1:20010", in: context)
        }

        @Test("the socket file of a dead process does not hinder")
        func staleFile() throws {
            let folder = try TemporaryFolder()
            let path = "\(folder.path)/broker.sock"
            _ = close(try makeListener(at: path))
            #expect(access(path, F_OK) == 0)
            let exchange = try Exchange(at: "ipc://\(path)")
            _ = try exchange.introduce()
        }

        @Test("the socket file of a process that is alive is not taken from it")
        func aliveFile() throws {
            let folder = try TemporaryFolder()
            let path = "\(folder.path)/broker.sock"
            let first = try bind("ipc://\(path)")
            let error = try refusal(binding: "ipc://\(path)")
            #expect(error.code == .addressInUse && error.description.contains(path))
            // The first one still has it.
            let dealer = try connect("\(first.boundEndpoint)")
            defer { dealer.close() }
            #expect(dealer.send([7]) == .sent)
            let poller = Poller()
            _ = poller.add(first)
            #expect(poller.message { first.receive() }?.body == [7])
            first.close()
            _ = try bind("ipc://\(path)")
        }

        @Test("a file that is no socket is not deleted")
        func otherFile() throws {
            let folder = try TemporaryFolder()
            let path = "\(folder.path)/notes"
            _ = close(open(path, O_CREAT | O_WRONLY, 0o600))
            let error = try refusal(binding: "ipc://\(path)")
            #expect(error.code == .addressUnavailable && error.description.contains("not a socket"))
            #expect(access(path, F_OK) == 0)
        }

        @Test("a folder that does not exist is named")
        func missingFolder() throws {
            let folder = try TemporaryFolder()
            let error = try refusal(binding: "ipc://\(folder.path)/absent/broker.sock")
            #expect(error.code == .addressUnavailable && error.description.contains("\(folder.path)/absent\""))
        }

        @Test("the longest path can be bound and connected to")
        func longestPath() throws {
            let folder = try TemporaryFolder()
            let name = String(repeating: "x", count: Endpoint.ipcPathBytesMax - folder.path.utf8.count - 1)
            let exchange = try Exchange(at: "ipc://\(folder.path)/\(name)")
            _ = try exchange.introduce()
        }
    }
}
