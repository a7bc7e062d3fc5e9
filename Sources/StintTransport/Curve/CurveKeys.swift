import CZeroMQ
import Glibc

/// The half of a CURVE key pair that everybody may know: 32 bytes, written as 40 characters of Z85.
package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    /// Nil unless these are 40 characters of Z85.
    package init?(_ text: String) {
        guard let bytes = Z85.decode(text) else { return nil }
        self.bytes = bytes
    }

    init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Z85.keyBytes else { return nil }
        self.bytes = Array(bytes)
    }

    package var description: String { Z85.encode(bytes) }

    /// The examples of libzmq's manual. Their secret halves are printed there.
    package var isPublicExample: Bool { Self.examples.contains(description) }

    private static let examples = [
        "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    ]
}

/// The half of a CURVE key pair that only its holder may know. It shows itself nowhere but in ``exposed``: not in a
/// description, a mirror or a dump.
package struct SecretKey: Sendable {
    let bytes: [UInt8]

    /// Nil unless these are 40 characters of Z85.
    package init?(_ text: String) {
        guard let bytes = Z85.decode(text) else { return nil }
        self.bytes = bytes
    }

    /// For the key file, and for nothing else.
    package var exposed: String { Z85.encode(bytes) }

    /// The public half that belongs to it.
    package var publicKey: PublicKey {
        var text = [CChar](repeating: 0, count: Z85.textBytes + 1)
        let result = exposed.withCString { zmq_curve_public(&text, $0) }
        precondition(result == 0, "libzmq derives no public key: error \(zmq_errno())")
        guard let key = PublicKey(Z85.string(text)) else { preconditionFailure("libzmq derived what is no key") }
        return key
    }
}

extension SecretKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "a secret key" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Both halves, made or read together.
package struct KeyPair: Sendable {
    package let publicKey: PublicKey
    package let secret: SecretKey

    /// The two belong together, or this is nil.
    package init?(publicKey: PublicKey, secret: SecretKey) {
        guard secret.publicKey == publicKey else { return nil }
        self.publicKey = publicKey
        self.secret = secret
    }

    /// A fresh pair, from the system's random source.
    package init() {
        var publicText = [CChar](repeating: 0, count: Z85.textBytes + 1)
        var secretText = [CChar](repeating: 0, count: Z85.textBytes + 1)
        let result = zmq_curve_keypair(&publicText, &secretText)
        precondition(result == 0, "this libzmq was built without CURVE: error \(zmq_errno())")
        guard let publicKey = PublicKey(Z85.string(publicText)), let secret = SecretKey(Z85.string(secretText)) else {
            preconditionFailure("libzmq made what is no key")
        }
        self.publicKey = publicKey
        self.secret = secret
    }
}

/// Who is at the other end of an encrypted connection: the first eight bytes of the public key whose secret half it has
/// proved to hold. The broker's list holds no two keys that are alike in these.
///
/// This is what the ``Gatekeeper`` hands to libzmq as `User-Id` and a ``RouterSocket`` reads back with each message.
package struct UserID: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ key: PublicKey) {
        value = key.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// An identity that nobody proved, for simulations and tests.
    package init(simulated value: UInt64) { self.value = value }

    /// Nil unless these are sixteen hexadecimal digits and nothing more.
    init?(text: UnsafePointer<CChar>) {
        var value: UInt64 = 0
        for place in 0..<Self.textBytes {
            let digit: UInt64
            switch UInt8(bitPattern: text[place]) {
            case let byte where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): digit = UInt64(byte) - 0x30
            case let byte where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte): digit = UInt64(byte) - 0x57
            default: return nil  // also the zero at the end of a shorter text, so nothing is read beyond it
            }
            value = value << 4 | digit
        }
        guard text[Self.textBytes] == 0 else { return nil }
        self.value = value
    }

    static let textBytes = 16

    package var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: Self.textBytes - digits.count) + digits
    }
}

/// ZeroMQ's text form of 32 bytes, by libzmq's own functions.
private enum Z85 {
    static let keyBytes = 32
    static let textBytes = 40

    static func encode(_ bytes: [UInt8]) -> String {
        var text = [CChar](repeating: 0, count: textBytes + 1)
        let result = zmq_z85_encode(&text, bytes, bytes.count)
        precondition(result != nil, "a key of \(bytes.count) bytes")
        return string(text)
    }

    static func decode(_ text: String) -> [UInt8]? {
        // Checked here, because libzmq 4.3.4 looks characters up in a table without asking whether they are in it.
        guard text.utf8.count == textBytes, text.utf8.allSatisfy(alphabet.contains) else { return nil }
        var bytes = [UInt8](repeating: 0, count: keyBytes)
        return text.withCString { zmq_z85_decode(&bytes, $0) } == nil ? nil : bytes
    }

    static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let alphabet = Set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
}
