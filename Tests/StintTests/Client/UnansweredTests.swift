import Foundation
import StintCore
import StintTransport
import StintWire
import Testing

@testable import Stint

// Goal: whoever gets no answer is told what sending the request again does. Method: a broker that welcomes its clients and
// then says nothing.
@Suite("Requests without an answer") struct UnansweredTests {
    private let broker: SilentBroker
    private let client: StintClient
    private let timeout = Duration.milliseconds(100)

    init() throws {
        broker = try SilentBroker()
        client = try StintClient(connectingTo: broker.endpoint, connectPatience: .seconds(20))
    }

    private func advice(_ request: (StintClient, Duration) async throws -> Void) async throws -> String {
        // Once the session stands, what follows is sent.
        var code = StintError.Code.unreachable
        while code == .unreachable {
            let error = await #expect(throws: StintError.self) { try await client.status(timeout: timeout) }
            code = error?.code ?? .closed
        }
        let error = await #expect(throws: StintError.self) { try await request(client, timeout) }
        #expect(error?.code == .outcomeUnknown && error?.isRetryable == true)
        let description = try #require(error?.description)
        #expect(description.hasPrefix("no answer within \(timeout); "))
        return description
    }

    @Test("a question changed nothing and is asked again")
    func questions() async throws {
        let id = JobID.next()
        for ask: (StintClient, Duration) async throws -> Void in [
            { _ = try await $0.status(timeout: $1) }, { _ = try await $0.jobs(timeout: $1) },
            { _ = try await $0.job(id, timeout: $1) },
            { _ = try await $0.replayDead(.all, dryRun: true, timeout: $1) },
            { _ = try await $0.discardDead(.all, dryRun: true, timeout: $1) },
        ] {
            #expect(try await advice(ask).hasSuffix("nothing was changed. Try again."))
        }
    }

    @Test("a change may have been made, and says why it can be repeated")
    func changes() async throws {
        let id = JobID.next()
        #expect(try await advice { _ = try await $0.cancel(id, timeout: $1) }.contains("Cancel it again: "))
        #expect(try await advice { _ = try await $0.replayDead(.all, timeout: $1) }.contains("Replay them again: "))
        #expect(
            try await advice { _ = try await $0.discardDead(.ids([id]), timeout: $1) }.contains("Discard them again: "))
        #expect(
            try await advice {
                _ = try await $0.enqueueAll([NewJob(type: "t", json: Data("1".utf8), id: id)], timeout: $1)
            }.contains("with the same id"))
    }
}

/// Welcomes every client, and answers nothing else.
private final class SilentBroker: Sendable {
    let endpoint: String
    private let stop: Waker
    private let thread: SocketThread

    init() throws {
        let context = try ZMQContext()
        let router = try RouterSocket(
            in: context, binding: Endpoint("tcp://127.0.0.1:*"), limits: .init(frameBytesMax: Limits.messageBytesMax))
        endpoint = router.boundEndpoint.description
        let stop = try Waker()
        self.stop = stop
        thread = try SocketThread(name: "silent-broker") {
            let poller = Poller()
            let stopping = poller.add(stop)
            _ = poller.add(router)
            while poller.wait(upTo: nil), !poller.isReadable(stopping) {
                while let (peer, body, _) = router.receive() {
                    guard let (session, message) = try? Frame.decode(body), case .clientHello = message else {
                        continue
                    }
                    var welcome = Stint_V1_ClientWelcome()
                    welcome.windowBytes = 1_048_576
                    _ = router.send(Frame.encode(.clientWelcome(welcome), session: session), to: peer)
                }
            }
            router.close()
        }
    }

    deinit { stop.wake() }
}
