import SwiftProtobuf

/// One envelope as the bytes of one frame, and back.
package enum Frame {
    /// The versions of the protocol that this build speaks.
    package static let protocolVersions: ClosedRange<UInt32> = 1...1

    package static func encode(_ message: Stint_V1_Envelope.OneOf_Message, session: UInt64) -> [UInt8] {
        precondition(session != 0)
        var envelope = Stint_V1_Envelope()
        envelope.session = session
        envelope.message = message
        do {
            return try envelope.serializedBytes()
        } catch {
            // proto3 without required fields: only a message over 2 GiB can fail, and our own are bounded.
            preconditionFailure("our own message does not encode: \(error)")
        }
    }

    package static func decode(_ frame: [UInt8]) throws(WireError) -> (
        session: UInt64, message: Stint_V1_Envelope.OneOf_Message
    ) {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 8
        options.discardUnknownFields = true
        let envelope: Stint_V1_Envelope
        do {
            envelope = try Stint_V1_Envelope(serializedBytes: frame, options: options)
        } catch {
            throw .malformed("not an envelope")
        }
        guard let message = envelope.message else { throw .malformed("an envelope without a message") }
        guard envelope.session != 0 else { throw .malformed("an envelope without a session") }
        return (envelope.session, message)
    }
}
