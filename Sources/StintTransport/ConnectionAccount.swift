/// What one connection costs: the bytes that came in on it, less those of the frames that were handed out, are what
/// libzmq holds of its peer.
struct ConnectionAccount {
    /// Order of arrival.
    let number: UInt64
    let arrivedAt: Int64
    var peer: PeerAddress?
    /// A session stands behind it.
    var isVouchedFor = false
    var isCut = false
    /// It said nothing for too long.
    var isSilent = false
    /// What it held when it was last judged, and how much of that was a message that had not ended.
    private(set) var held: UInt64 = 0
    private(set) var unfinished: UInt64 = 0
    /// About how many frames that is, after the size of those that were handed out lately.
    private(set) var heldFrames: UInt64 = 0

    /// Bytes that were handed out, or that heartbeats of libzmq may have taken. Never more than came in.
    private var explained: UInt64 = 0
    private var meanFrameBytes = 0.0
    /// Bytes of large frames that were sent, and at least as many as the other end has taken of all.
    private var sent: UInt64 = 0
    private(set) var judgedAt: Int64?
    private var measured: UInt64?
    private var drainsAtMeasure: UInt64 = 0
    private var useless = 0.0
    private var uselessAt: Int64 = 0

    /// The handshake, which no frame accounts for.
    private static let handshakeBytes: UInt64 = 65_536
    /// What heartbeats of libzmq itself add: a PING and a PONG of up to 42 bytes every ten seconds.
    private static let heartbeatBytesPerSecond: UInt64 = 16
    /// So many frames back their size counts a third.
    private static let meanFrames = 256.0

    init(number: UInt64, at now: Int64) {
        self.number = number
        arrivedAt = now
    }

    /// Frames were handed out, of so many bytes on the wire.
    mutating func handOut(frames: Int, bytes: UInt64) {
        precondition(frames > 0)
        explained += bytes
        let mean = Double(bytes) / Double(frames)
        let weight = min(1, Double(frames) / Self.meanFrames)
        meanFrameBytes = meanFrameBytes == 0 ? mean : meanFrameBytes + (mean - meanFrameBytes) * weight
    }

    /// What the connection held when it was last measured and still does, worked out from what was handed out since.
    ///
    /// To be sure that a message is unfinished, and not only unread, the two numbers are taken at different times: the first
    /// at one look, the second at the next, and only when the socket was read to its end in between.
    ///
    /// - Parameters:
    ///   - received: Bytes that were taken from the kernel so far.
    ///   - drains: How often the socket was found empty so far.
    /// - Returns: Bytes that came in since the last time, and whether the socket was found empty meanwhile.
    mutating func judge(received: UInt64, drains: UInt64, at now: Int64) -> (cameIn: UInt64, isDrained: Bool) {
        let cameIn = received - min(received, measured ?? 0)
        let isDrained = measured != nil && drains > drainsAtMeasure
        explained += UInt64(max(0, now - (judgedAt ?? arrivedAt))) * Self.heartbeatBytesPerSecond / 1_000_000_000
        judgedAt = now
        if let measured {
            held = measured - min(measured, explained + Self.handshakeBytes)
            heldFrames = meanFrameBytes > 0 ? UInt64(Double(held) / meanFrameBytes) : 0
            unfinished = isDrained ? held : 0
        }
        // More than came in cannot have been handed out; else a peer could save up for a message without an end.
        explained = min(explained, received)
        measured = received
        drainsAtMeasure = drains
        return (cameIn, isDrained)
    }

    /// A large frame was given to libzmq.
    mutating func send(bytes: Int) { sent += UInt64(bytes) }

    /// How much of what was sent the other end's kernel has not acknowledged.
    mutating func unread(acknowledged: UInt64) -> Int {
        if acknowledged > sent { sent = acknowledged }
        return Int(clamping: sent - acknowledged)
    }

    /// Something useless came. Returns how much of that it is by now, after what was forgiven.
    mutating func addUseless(_ weight: Double, forgivenPerSecond: Double, at now: Int64) -> Double {
        let forgiven = Double(max(0, now - uselessAt)) / 1e9 * forgivenPerSecond
        useless = max(0, useless - forgiven) + weight
        uselessAt = now
        return useless
    }
}

extension ConnectionAccount {
    /// What a frame of so many bytes takes on the wire: flags and a length before it, and with CURVE a command around it,
    /// of its name, a nonce, a seal and the flags.
    static func bytesOnWire(_ count: Int, isEncrypted: Bool) -> UInt64 {
        let inner = isEncrypted ? count + 33 : count
        return UInt64(inner + (inner > 255 ? 9 : 2))
    }
}
