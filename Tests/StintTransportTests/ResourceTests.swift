import CZeroMQ
import Glibc
import Testing

@testable import StintTransport

extension TransportSuite {
    @Suite("Options and resources") struct ResourceTests {
        /// What `SocketHandle.set` read back must stand in this list, too: it guards the list itself.
        @Test("a router has the options of the design")
        func routerOptions() throws {
            let router = try Exchange(routerFrameBytesMax: 1_310_720).router
            for (option, value) in [
                (ZMQ_SNDHWM, 4_096), (ZMQ_RCVHWM, 0), (ZMQ_LINGER, 0), (ZMQ_BACKLOG, 1_024),
                (ZMQ_HANDSHAKE_IVL, 0), (ZMQ_IPV6, 0),
            ] + Self.common {
                #expect(read(option, of: router.socket) == value, "option \(option)")
            }
            #expect(readWide(ZMQ_MAXMSGSIZE, of: router.socket) == 1_310_720)
        }

        @Test("a dealer has the options of the design")
        func dealerOptions() throws {
            let exchange = try Exchange(dealerFrameBytesMax: 1_310_720)
            for (option, value) in [
                (ZMQ_SNDHWM, 0), (ZMQ_RCVHWM, 0), (ZMQ_LINGER, 0), (ZMQ_IMMEDIATE, 0), (ZMQ_RECONNECT_IVL, 10),
                (ZMQ_RECONNECT_IVL_MAX, 15_000), (ZMQ_IPV6, 0),
            ] + Self.common {
                #expect(read(option, of: exchange.dealer.socket) == value, "option \(option)")
            }
            #expect(readWide(ZMQ_MAXMSGSIZE, of: exchange.dealer.socket) == 1_310_720)
            #expect(read(ZMQ_RCVHWM, of: exchange.dealer.monitor.socket) == 0)
        }

        private static let common: [(Int32, Int32)] = [
            (ZMQ_HEARTBEAT_IVL, 10_000), (ZMQ_HEARTBEAT_TIMEOUT, 30_000), (ZMQ_HEARTBEAT_TTL, 30_000),
            (ZMQ_TCP_KEEPALIVE, 1), (ZMQ_TCP_KEEPALIVE_IDLE, 10), (ZMQ_TCP_KEEPALIVE_INTVL, 3),
            (ZMQ_TCP_KEEPALIVE_CNT, 3), (ZMQ_TCP_MAXRT, 20_000),
        ]

        private func read(_ option: Int32, of socket: SocketHandle) -> Int32 {
            var value: Int32 = -1
            var size = 4
            #expect(zmq_getsockopt(socket.raw, option, &value, &size) == 0)
            return value
        }

        private func readWide(_ option: Int32, of socket: SocketHandle) -> Int64 {
            var value: Int64 = -1
            var size = 8
            #expect(zmq_getsockopt(socket.raw, option, &value, &size) == 0)
            return value
        }

        @Test("IPv6 is switched on for an IPv6 address only")
        func ipv6() throws {
            #expect(try Endpoint("tcp://[::1]:1").needsIPv6)
            #expect(try !Endpoint("tcp://127.0.0.1:1").needsIPv6 && !Endpoint("tcp://localhost:1").needsIPv6)
            // A host without IPv6 says so; others exchange.
            do {
                let exchange = try Exchange(at: "tcp://[::1]:*")
                _ = try exchange.introduce()
            } catch let error as TransportError {
                #expect(error.code == .addressUnavailable)
            }
        }

        @Test("a context ends at once although peers are gone, far or full")
        func contextEnds() throws {
            let clock = ContinuousClock()
            let start = clock.now
            for _ in 0..<10 {
                let exchange = try Exchange()
                let nowhere = try DealerSocket(
                    in: exchange.context, connectingTo: Endpoint("tcp://127.0.0.1:1"),
                    limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 10))
                for _ in 0..<100 { #expect(nowhere.send([1]) == .sent) }
            }
            #expect(clock.now - start < patience)
        }

        // Other suites of the process may hold descriptors, so growth is compared with the number of rounds: a leak
        // would show at least one in each.
        @Test("no descriptor is left behind")
        func descriptors() throws {
            let folder = try TemporaryFolder()
            let rounds = 150
            for path in ["tcp://127.0.0.1:*", "ipc://\(folder.path)/a.sock"] {
                _ = try use(path)
                let before = try openDescriptors().count
                for _ in 0..<rounds { try use(path) }
                #expect(try openDescriptors().count < before + rounds / 2)
            }
        }

        private func use(_ path: String) throws {
            let exchange = try Exchange(at: path)
            _ = try exchange.introduce()
            try exchange.dealer.rebuild()
            _ = try exchange.introduce()
            try SocketThread(name: "short") {}.join()
            _ = try? RouterSocket(
                in: exchange.context, binding: exchange.router.boundEndpoint, limits: .init(frameBytesMax: 1_000))
            exchange.router.close()
        }

        @Test("no descriptor reaches a child process")
        func closedOnExec() throws {
            let before = Set(try openDescriptors())
            let exchange = try Exchange()
            _ = try exchange.introduce()
            let waker = try Waker()
            #expect(fcntl(waker.descriptor, F_GETFD) & FD_CLOEXEC != 0)
            // Sockets and event counters only: files of other tests may come and go meanwhile.
            var seen = 0
            for descriptor in try openDescriptors() where !before.contains(descriptor) {
                var name = [CChar](repeating: 0, count: 64)
                guard readlink("/proc/self/fd/\(descriptor)", &name, 63) > 0 else { continue }
                let target = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                guard target.hasPrefix("socket:") || target.hasPrefix("anon_inode:[event") else { continue }
                let flags = fcntl(descriptor, F_GETFD)
                #expect(flags < 0 || flags & FD_CLOEXEC != 0, "\(target) would be inherited")
                seen += 1
            }
            #expect(seen >= 5)
        }

        private func openDescriptors() throws -> [Int32] {
            let folder = try #require(opendir("/proc/self/fd"))
            defer { closedir(folder) }
            var found: [Int32] = []
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if let number = Int32(name) { found.append(number) }
            }
            return found
        }
    }
}
