import Foundation
import Glibc

/// A small file system in memory, in a mount namespace of its own: it goes with its holder, and the holder with the
/// driver, so that nothing stays mounted whatever happens.
///
/// What is to see it runs behind ``prefix``; the driver reaches it through `/proc`.
struct SmallDisk: Sendable {
    private let rig: Rig
    private let holder: RigProcess
    /// Where it is mounted, below the rig's folder.
    static let place = "disk"

    /// - Throws: ``NotRun`` where mounting is not permitted.
    init(on rig: Rig, megabytes: Int) async throws {
        self.rig = rig
        try FileManager.default.createDirectory(atPath: rig.path(Self.place), withIntermediateDirectories: true)
        let script = """
            mount -t tmpfs -o size=\(megabytes)m stint-torture \(Self.place) && mkdir \(Self.place)/store && \
            : > mounted && exec cat
            """
        holder = try rig.start("disk", ["unshare", "--mount", "sh", "-c", script])
        while !FileManager.default.fileExists(atPath: rig.path("mounted")) {
            guard holder.isAlive else {
                throw NotRun(sentence: "it needs the right to mount (root, or CAP_SYS_ADMIN in the container)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Runs a program where the disk is mounted.
    var prefix: [String] {
        ["nsenter", "--target=\(holder.id)", "--mount", "sh", "-c", #"cd "$0" && exec "$@""#, rig.folder]
    }

    private var view: String { "/proc/\(holder.id)/root\(rig.path(Self.place))" }

    var freeBytes: Int {
        var information = statvfs()
        return statvfs(view, &information) == 0 ? Int(information.f_bavail) * Int(information.f_bsize) : 0
    }

    /// Takes all space but this, as far as the store lets it.
    func fill(leaving bytes: Int) throws {
        let descriptor = open("\(view)/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        defer { Glibc.close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        let more = freeBytes - bytes
        guard more > 0 else { return }
        // The store takes pages meanwhile, so the last ones may not be there; then it is as full as can be.
        _ = posix_fallocate(descriptor, information.st_size, off_t(more))
    }

    func empty() { unlink("\(view)/fill") }

    /// Copies the store to the same path outside of the namespace, for the judge, and ends that. No process may use it
    /// any more.
    func close() async throws {
        try FileManager.default.copyItem(atPath: "\(view)/store", toPath: rig.path("\(Self.place)/store"))
        try await holder.kill9()
    }
}
