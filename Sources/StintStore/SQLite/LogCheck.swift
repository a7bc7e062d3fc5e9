import Glibc

/// Tells a write-ahead log that was damaged from one that a power cut left torn. SQLite cannot: at the first frame whose
/// checksum does not hold it takes the log for ended, and serves without what follows, in silence.
///
/// A torn log ends in one transaction that was not synced, because each is synced before the next is begun. So when a
/// frame does not hold, and behind it stand the end of a transaction *and the beginning of the next*, that transaction
/// was synced and acknowledged, and what is before it was damaged since. Each frame holds the checksum that the next one
/// goes on from, so both can be proved to follow one another also behind the damage.
///
/// What stays untold is damage within the last transaction of a log: it looks like one that was never finished. The lock
/// file tells most of those (``HighWater``).
///
/// The format is that of the page "WAL-mode File Format" of SQLite's documentation.
enum LogCheck {
    private static let headerBytes = 32
    private static let frameHeaderBytes = 24

    /// - Parameter path: The log of a database that no other process writes now, or is about to.
    static func check(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw StoreError(
                .notWritable, "the log \(path) cannot be opened: \(SystemError.last). Check its owner and permissions.")
        }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_size > headerBytes else { return }
        let size = Int(facts.st_size)
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw StoreError(.failed, "the log \(path) cannot be read: \(SystemError.last). Start again.")
        }
        defer { munmap(address, size) }
        if let damage = damage(in: UnsafeRawBufferPointer(start: address, count: size)) {
            throw StoreError(
                .corrupt,
                """
                the write-ahead log \(path) is damaged (\(damage)), and it holds jobs that were acknowledged. Nothing was \
                changed: keep a copy of the database and its log, restore the last backup with "stint restore", and \
                check the disk. To go on with what the log still holds before the damage, and without the rest, see the \
                section "Damage" of docs/OPERATING.md.
                """)
        }
    }

    /// What is wrong with a log, or nil.
    static func damage(in log: UnsafeRawBufferPointer) -> String? {
        guard log.count > headerBytes + frameHeaderBytes else { return nil }
        func word(_ offset: Int) -> UInt32 {
            UInt32(bigEndian: log.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        // Thirty-two bytes lie in one sector, which a disk writes whole or not at all.
        let magic = word(0)
        // Its size was on disk before anything of it was.
        if log[..<headerBytes].allSatisfy({ $0 == 0 }) { return nil }
        guard magic & 0xFFFF_FFFE == 0x377F_0682 else { return "its header is none" }
        var sum = Checksum(isBigEndian: magic & 1 == 1)
        sum.add(log, 0..<24)
        guard sum.first == word(24), sum.second == word(28) else { return "the checksum of its header does not hold" }
        let pageBytes = Int(word(8))
        guard pageBytes >= 512, pageBytes <= 65_536 else { return "its pages have \(pageBytes) bytes" }
        let frameBytes = frameHeaderBytes + pageBytes
        let count = (log.count - headerBytes) / frameBytes

        /// Whether a frame is of this log and goes on from these sums; then they are those to go on from after it.
        func holds(_ frame: Int, _ sum: inout Checksum) -> Bool {
            let start = headerBytes + frame * frameBytes
            guard word(start + 8) == word(16), word(start + 12) == word(20) else { return false }
            sum.add(log, start..<start + 8)
            sum.add(log, start + frameHeaderBytes..<start + frameBytes)
            return sum.first == word(start + 16) && sum.second == word(start + 20)
        }

        var frame = 0
        while frame < count, holds(frame, &sum) { frame += 1 }
        let firstBad = frame
        // Behind it: does any frame go on from one that ends a transaction?
        frame += 1
        while frame + 1 < count {
            let start = headerBytes + frame * frameBytes
            let endsTransaction = word(start + 4) != 0
            if endsTransaction, word(start + 8) == word(16), word(start + 12) == word(20) {
                sum.first = word(start + 16)
                sum.second = word(start + 20)
                if holds(frame + 1, &sum) {
                    return "the checksum of frame \(firstBad + 1) does not hold, those behind it do"
                }
            }
            frame += 1
        }
        return nil
    }

    /// The running checksum of SQLite's log: two sums over pairs of words.
    private struct Checksum {
        let isBigEndian: Bool
        var first: UInt32 = 0
        var second: UInt32 = 0

        init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

        mutating func add(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
            var (one, two) = (first, second)
            var offset = range.lowerBound
            while offset < range.upperBound {
                var left = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                var right = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                if isBigEndian { (left, right) = (UInt32(bigEndian: left), UInt32(bigEndian: right)) }
                one = one &+ left &+ two
                two = two &+ right &+ one
                offset += 8
            }
            (first, second) = (one, two)
        }
    }
}
