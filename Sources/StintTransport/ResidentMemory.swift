import Glibc

/// What this process takes of the host's memory.
package enum ResidentMemory {
    /// In bytes; 0 where /proc does not tell. Costs some microseconds.
    package static var bytes: UInt64 {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        let pages = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { buffer -> UInt64? in
            let count = read(file, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            // proc(5): all that it maps, and what of that is resident, in pages.
            let words = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: " ")
            return words.count > 1 ? UInt64(words[1]) : nil
        }
        return (pages ?? 0) * pageBytes
    }

    private static let pageBytes = UInt64(sysconf(Int32(_SC_PAGESIZE)))
}
