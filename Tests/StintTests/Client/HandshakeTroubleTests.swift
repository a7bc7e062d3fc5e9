import Testing

@testable import Stint

/// What a client is told when no handshake comes about.
@Suite("Trouble with a handshake") struct HandshakeTroubleTests {
    // A broker that is killed while a client shakes hands with it cuts the handshake short, as one that wants a key does.
    @Test("only a broker's refusal is final; a handshake that was cut short may be tried again")
    func finality() {
        let cutShort = HandshakeTrouble(.cutShort(errno: 104), at: "ipc:///c", with: nil)
        #expect(StintError.notAdmitted(cutShort).isRetryable)
        let notUnderstood = HandshakeTrouble(.notUnderstood(code: 1), at: "ipc:///c", with: nil)
        #expect(StintError.notAdmitted(notUnderstood).isRetryable)
        let refused = HandshakeTrouble(.refused(status: 400), at: "ipc:///c", with: nil)
        #expect(!StintError.notAdmitted(refused).isRetryable)
    }
}
