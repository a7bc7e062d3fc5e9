import StintCore

/// What travels with a job unread, on its way in: kept as the bytes it will be handed on as. No rule looks inside, so
/// what is checked here is only what it costs: every job of a group carries it, on disk and in each assign message.
extension Stint_V1_JobExtras {
    /// - Parameter field: What errors name, such as `enqueue.groups[0].extras`.
    func checked(field: String) throws(WireError) -> Bytes {
        try checkTrace(field: "\(field).trace")
        let encoded: [UInt8] = (try? serializedBytes()) ?? []
        guard encoded.count <= Limits.progressBytesMax else {
            throw .outOfRange(field: field, value: encoded.count, allowed: 0...Limits.progressBytesMax)
        }
        return Bytes(encoded)
    }

    private func checkTrace(field: String) throws(WireError) {
        guard trace.count <= Limits.traceHeadersMax else {
            throw .outOfRange(field: field, value: trace.count, allowed: 0...Limits.traceHeadersMax)
        }
        var bytes = 0
        for (index, header) in trace.enumerated() {
            let (key, value) = (header.key.utf8.count, header.value.utf8.count)
            guard (1...Limits.traceKeyBytesMax).contains(key) else {
                throw .outOfRange(field: "\(field)[\(index)].key", value: key, allowed: 1...Limits.traceKeyBytesMax)
            }
            guard value <= Limits.traceValueBytesMax else {
                throw .outOfRange(
                    field: "\(field)[\(index)].value", value: value, allowed: 0...Limits.traceValueBytesMax)
            }
            bytes += key + value
        }
        guard bytes <= Limits.traceBytesMax else {
            throw .invalid(
                field: field, "the headers have \(bytes) bytes together, over the limit of \(Limits.traceBytesMax)")
        }
    }
}
