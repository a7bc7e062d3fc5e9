import Foundation
import StintCore
import StintTestKit
import StintWire

/// Something that no honest peer does.
struct Attack: Sendable {
    let name: String
    let begin: @Sendable (Siege) -> Void

    static func all(_ size: AttackSize) -> [Attack] {
        let flood = size.flood
        return [
            badGreetings, badReady, wrongFrames, oversize, slowLoris, halfHandshakes(size.connections), endless,
            neverReads, floodOfGarbage(flood), floodOfStrangers(flood), floodOfHeartbeats(flood), floodOfQuestions,
            floodOfHellos,
        ]
    }

    // MARK: Handshakes

    private static let badGreetings = Attack(name: "malformed greetings") { siege in
        siege.attack(4) { siege, index in
            var random = SeededRandom(seed: UInt64(index + 1))
            while !siege.isOver {
                guard let connection = siege.connect(index % 2 == 0 ? .clients : .workers) else { continue }
                var greeting = RawConnection.greeting
                switch random.next(upTo: 3) {
                case 0: greeting = (0..<random.next(upTo: 4_000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                case 1: greeting[Int(random.next(upTo: 63))] ^= UInt8(truncatingIfNeeded: random.next() | 1)
                case 2: greeting = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
                default: greeting.removeLast(Int(random.next(upTo: 63)))
                }
                _ = siege.send(greeting + RawConnection.ready(), frames: 1, to: connection)
                _ = try? connection.receive()
            }
        }
    }

    /// Forged metadata: names that the broker might trust, names that are too long, lengths that lie.
    private static let badReady = Attack(name: "forged metadata") { siege in
        siege.attack(4) { siege, index in
            var random = SeededRandom(seed: UInt64(index + 1))
            let socket: Siege.Socket = index % 2 == 0 ? .clients : .workers
            while !siege.isOver {
                guard let connection = siege.connect(socket) else { continue }
                var properties: [(String, [UInt8])] = [("Socket-Type", Array("DEALER".utf8))]
                switch random.next(upTo: 5) {
                case 0: properties.append(("User-Id", Array("operator".utf8)))
                case 1: properties.append(("Identity", [0, 0, 0, 0, UInt8(truncatingIfNeeded: random.next())]))
                case 2: properties.append(("X-Role", [UInt8](repeating: 65, count: 1_048_576)))
                case 3: properties[0].1 = Array("PUB".utf8)
                case 4: for number in 0..<1_000 { properties.append(("X-\(number)", [1])) }
                default: properties.append(("__fd", Array("0".utf8)))
                }
                var ready = RawConnection.ready(properties)
                if random.next(upTo: 4) == 0 { ready[Int(random.next(upTo: UInt64(min(40, ready.count - 1))))] ^= 0xFF }
                _ = siege.send(RawConnection.greeting + ready, frames: 1, to: connection)
                _ = siege.send(RawConnection.frame([1, 2, 3]), frames: 1, to: connection)
                _ = try? connection.receive()
            }
        }
    }

    private static let slowLoris = Attack(name: "slow handshakes") { siege in
        siege.attack(2) { siege, index in
            var peers: [(connection: RawConnection, sent: Int)] = []
            while !siege.isOver {
                while peers.count < 200, let connection = siege.connect(index == 0 ? .clients : .workers) {
                    peers.append((connection, 0))
                }
                peers = peers.compactMap { peer in
                    let byte = RawConnection.greeting[min(peer.sent, 63)]
                    return siege.send([byte], to: peer.connection) ? (peer.connection, peer.sent + 1) : nil
                }
                usleep(100_000)
            }
        }
    }

    private static func halfHandshakes(_ count: Int) -> Attack {
        Attack(name: "\(count) half handshakes") { siege in
            siege.attack(2) { siege, index in
                var peers: [RawConnection] = []
                while !siege.isOver {
                    while !siege.isOver, peers.count < count / 2 {
                        guard let connection = siege.connect(index == 0 ? .clients : .workers) else { break }
                        if peers.count % 2 == 0 {
                            _ = siege.send(Array(RawConnection.greeting.prefix(40)), to: connection)
                        }
                        peers.append(connection)
                    }
                    usleep(100_000)
                    peers.removeAll(where: \.isClosed)
                }
            }
        }
    }

    // MARK: Frames

    private static let wrongFrames = Attack(name: "wrong frame counts") { siege in
        siege.attack(2) { siege, index in
            let bad: [[UInt8]] = [
                RawConnection.frame([]), RawConnection.frame([], hasMore: true) + RawConnection.frame([1]),
                RawConnection.frame([1], hasMore: true) + RawConnection.frame([2]),
                Array(repeating: RawConnection.frame([3], hasMore: true), count: 100).flatMap { $0 }
                    + RawConnection.frame([]),
                RawConnection.frame([4, 0x50, 0x49, 0x4E, 0x47, 0, 0], isCommand: true),
                RawConnection.frame([9, 9], isCommand: true),
            ]
            siege.flood(.max, index == 0 ? .clients : .workers) { bad[$0 % bad.count] }
        }
    }

    private static let oversize = Attack(name: "oversize frames") { siege in
        siege.attack(2) { siege, index in
            let lengths: [UInt64] = [4_194_305, 1 << 31, 1 << 32, 1 << 62, .max >> 1, .max]
            var turn = 0
            while !siege.isOver {
                guard let connection = siege.greet(index == 0 ? .clients : .workers) else { continue }
                let body = [UInt8](repeating: 7, count: 1_000)
                turn += 1
                _ = siege.send(
                    RawConnection.frame(body, saying: lengths[turn % lengths.count]), frames: 1, to: connection)
                _ = try? connection.receive()
            }
        }
    }

    private static let endless = Attack(name: "endless messages") { siege in
        siege.attack(4) { siege, index in
            let piece = RawConnection.frame([UInt8](repeating: 7, count: 65_000), hasMore: true)
            while !siege.isOver {
                guard let connection = siege.greet(index % 2 == 0 ? .clients : .workers) else { continue }
                while !siege.isOver, siege.send(piece, frames: 1, to: connection) {}
            }
        }
    }

    // MARK: Messages

    private static func frame(_ message: Stint_V1_Envelope.OneOf_Message, session: UInt64) -> [UInt8] {
        RawConnection.frame(Frame.encode(message, session: session))
    }

    private static func clientHello(_ session: UInt64) -> [UInt8] {
        frame(
            .clientHello(
                .with {
                    $0.protocolMin = 1
                    $0.protocolMax = 1
                }), session: session)
    }

    private static func workerHello(_ session: UInt64, slots: UInt32 = 1) -> [UInt8] {
        frame(
            .workerHello(
                .with {
                    $0.protocolMin = 1
                    $0.protocolMax = 1
                    $0.instance = Data(JobID(high: 99, low: session))
                    $0.name = "mallory"
                    $0.pool = "mallory"
                    $0.slots = slots
                    $0.types = [.with { $0.name = "mallory" }]
                }), session: session)
    }

    /// Clients that ask for much and read nothing.
    private static let neverReads = Attack(name: "peers that never read") { siege in
        siege.attack(4) { siege, index in
            while !siege.isOver {
                guard let connection = siege.greet(.clients) else { continue }
                let session = UInt64(1_000 + index)
                guard siege.send(clientHello(session), frames: 1, to: connection) else { continue }
                var request: UInt64 = 0
                while !siege.isOver {
                    request += 1
                    let ask = frame(
                        .listJobs(
                            .with {
                                $0.request = request
                                $0.limit = 1_000
                            }), session: session)
                    guard siege.send(ask, frames: 1, to: connection) else { break }
                }
            }
        }
    }

    private static func floodOfGarbage(_ count: Int) -> Attack {
        Attack(name: "flood of garbage") { siege in
            siege.attack(2, ends: true) { siege, index in
                var random = SeededRandom(seed: UInt64(index + 1))
                siege.flood(count / 2, index == 0 ? .clients : .workers) { _ in
                    RawConnection.frame((0..<24).map { _ in UInt8(truncatingIfNeeded: random.next()) })
                }
            }
        }
    }

    /// Messages that are well formed, of sessions that nobody knows.
    private static func floodOfStrangers(_ count: Int) -> Attack {
        Attack(name: "flood of strangers") { siege in
            siege.attack(2, ends: true) { siege, index in
                siege.flood(count / 2, index == 0 ? .clients : .workers) { number in
                    frame(.heartbeat(.with { $0.number = UInt64(number) }), session: UInt64(number + 1))
                }
            }
        }
    }

    /// Heartbeats of a session that stands.
    private static func floodOfHeartbeats(_ count: Int) -> Attack {
        Attack(name: "flood of heartbeats") { siege in
            siege.attack(2, ends: true) { siege, index in
                let session = UInt64(5_000 + index)
                siege.flood(count / 2, .workers, first: workerHello(session)) { number in
                    frame(.heartbeat(.with { $0.number = UInt64(number) }), session: session)
                }
            }
        }
    }

    private static let floodOfQuestions = Attack(name: "flood of questions") { siege in
        siege.attack(2) { siege, index in
            let session = UInt64(6_000 + index)
            siege.flood(.max, .clients, first: clientHello(session)) { number in
                frame(.getStatus(.with { $0.request = UInt64(number + 1) }), session: session)
            }
        }
    }

    /// One connection that begins session after session.
    private static let floodOfHellos = Attack(name: "flood of hellos") { siege in
        siege.attack(2) { siege, index in
            siege.flood(.max, index == 0 ? .clients : .workers) { number in
                index == 0 ? clientHello(UInt64(number + 1)) : workerHello(UInt64(number + 1))
            }
        }
    }
}
