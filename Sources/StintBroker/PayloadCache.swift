import StintCore

/// Payloads of jobs that came in moments ago, so that a job granted at once is not read back from disk.
///
/// Direct-mapped by serial: serials of new jobs are consecutive, so a place is overwritten only when as many jobs came
/// in since as there are places. Losing an entry costs one read, nothing else. Bounded in jobs and bytes.
struct PayloadCache {
    struct Entry {
        var serial: Int64
        var payload: Bytes
        var extras: Bytes
    }
    private var entries: [Entry?]
    private let mask: Int64
    private var bytes = 0
    private let bytesMax: Int

    /// - Parameter places: A power of two.
    init(places: Int, bytesMax: Int = 32 * 1_048_576) {
        precondition(places > 0 && places & (places - 1) == 0)
        entries = Array(repeating: nil, count: places)
        mask = Int64(places - 1)
        self.bytesMax = bytesMax
    }

    mutating func put(_ serial: Int64, payload: Bytes, extras: Bytes) {
        let place = Int(serial & mask)
        if let former = entries[place] { bytes -= former.payload.count + former.extras.count }
        entries[place] = nil
        guard bytes + payload.count + extras.count <= bytesMax else { return }
        bytes += payload.count + extras.count
        entries[place] = Entry(serial: serial, payload: payload, extras: extras)
    }

    /// Takes the entry out: a payload is sent once; a job granted again is read from disk.
    mutating func take(_ serial: Int64) -> Entry? {
        let place = Int(serial & mask)
        guard let entry = entries[place], entry.serial == serial else { return nil }
        entries[place] = nil
        bytes -= entry.payload.count + entry.extras.count
        return entry
    }
}
