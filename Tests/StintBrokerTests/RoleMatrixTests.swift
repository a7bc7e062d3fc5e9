import Foundation
import StintBroker
import StintCore
import StintTransport
import StintWire
import Testing

/// Goal: every role may send exactly what this table says, on the socket that is for it, and nothing else; what is not in
/// the table is denied to everybody. Method: every message that an envelope can hold, found by its number and not by a
/// list, from every role (and from nobody) to both sockets of a real turn. The table is written down here a second time,
/// on purpose, so that a slip in the broker's own shows.
@Suite("Roles and messages") struct RoleMatrixTests {
    /// By the number of the message in the envelope.
    private static let table: [(numbers: ClosedRange<Int>, roles: Set<Role>)] = [
        (10...17, [.worker]),  // hello, heartbeat, settle, progress, checkpoint, withdraw, drain, bye
        (50...50, [.producer, .operator, .auditor]),  // hello
        (51...52, [.producer, .operator]),  // enqueue, cancel
        (53...53, [.producer, .operator, .auditor]),  // one job
        (54...55, [.operator, .auditor]),  // jobs, status
        (56...57, [.operator]),  // replay, discard
        (58...58, [.producer, .operator, .auditor]),  // watch
        (59...59, [.operator, .auditor]),  // the audit log
    ]

    /// A kind of message: one envelope that holds it, with nothing in it.
    struct Kind: CustomStringConvertible, Sendable {
        let number: Int
        let message: Stint_V1_Envelope.OneOf_Message

        var description: String { String("\(message)".prefix { $0 != "(" }) }

        static let all: [Kind] = (2...2_000).compactMap { number in
            // session: field 1, fixed 64 bits; then the message: a length of zero.
            var bytes: [UInt8] = [0x09, 1, 0, 0, 0, 0, 0, 0, 0]
            var key = UInt64(number) << 3 | 2
            while key >= 0x80 {
                bytes.append(UInt8(key & 0x7F) | 0x80)
                key >>= 7
            }
            bytes += [UInt8(key), 0]
            guard let message = try? Frame.decode(bytes).message else { return nil }
            return Kind(number: number, message: message)
        }
    }

    private func expected(_ kind: Kind) -> Set<Role> {
        Self.table.first { $0.numbers.contains(kind.number) }?.roles ?? []
    }

    @Test("every kind of message is found")
    func kinds() {
        #expect(Kind.all.count >= 35)
        for (numbers, _) in Self.table {
            for number in numbers { #expect(Kind.all.contains { $0.number == number }) }
        }
    }

    @Test("each role may send what the table says and nothing else", arguments: Role.allCases, [true, false])
    func matrix(_ role: Role, toWorkers: Bool) throws {
        let key = KeyedBroker.key("k", role)
        for kind in Kind.all {
            let broker = try KeyedBroker([key])
            let connection = broker.connect(key)
            if toWorkers {
                _ = try broker.hello(worker: connection, types: ["a"])
            } else {
                try broker.hello(client: connection)
            }
            let denied = broker.turn.refusals[.forbidden]
            let answers = try broker.send(kind.message, from: connection, toWorkers: toWorkers)
            let isOnItsSocket = toWorkers ? role == .worker : role != .worker
            let mayDo = isOnItsSocket && expected(kind).contains(role)
            #expect(answers.isForbidden == !mayDo, "\(role) \(kind) to \(toWorkers ? "workers" : "clients")")
            #expect(broker.turn.refusals[.forbidden] == denied + (mayDo ? 0 : 1))
            if !mayDo {
                #expect(try broker.store.makeReader().list(.init(limit: 1)).jobs.isEmpty)
                let last = try #require(try broker.auditRows().last)
                #expect(last.kind == .denied && last.who == "k")
            }
        }
    }

    @Test("who has no key may do nothing on a broker with keys", arguments: [true, false])
    func nobody(toWorkers: Bool) throws {
        let broker = try KeyedBroker([KeyedBroker.key("k", .operator), KeyedBroker.key("w", .worker)])
        for kind in Kind.all {
            for key in [nil, KeyedBroker.key("stranger", .operator)] {
                let connection = broker.connect(key)
                let answers = try broker.send(kind.message, from: connection, toWorkers: toWorkers)
                #expect(answers.isForbidden, "\(kind)")
            }
        }
        #expect(broker.turn.refusals[.forbidden] == UInt64(2 * Kind.all.count))
        #expect(try broker.store.makeReader().list(.init(limit: 1)).jobs.isEmpty)
    }

    @Test("without keys the peers of this host may do everything")
    func local() throws {
        for kind in Kind.all where !expected(kind).isEmpty {
            for toWorkers in [true, false] {
                let broker = PlainBroker()
                #expect(try !broker.send(kind.message, toWorkers: toWorkers).isForbidden)
            }
        }
    }
}
