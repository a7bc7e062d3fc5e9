import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// A disk that fills up under a running broker, and is emptied again.
    ///
    /// Method: the store lies on a small file system in memory, mounted in a namespace of the broker's own, so that it
    /// goes with the broker. The test reaches it through /proc.
    @Suite("A full disk", .enabled(if: SmallDisk.isUsable, "needs the right to mount")) struct DiskTests {
        private func cluster() async throws -> (Cluster, SmallDisk, events: Mailbox, go: Gate) {
            let cluster = try Cluster(
                #""pools": { "tools": { "slots": 4, "handlers": { "held": { "exec": ["./held"] } } } }"#)
            try cluster.script("held", "echo started > events; read _ < go")
            let disk = try await SmallDisk(cluster, megabytes: 176)
            return (cluster, disk, try cluster.mailbox("events"), try cluster.gate("go"))
        }

        /// Two jobs that are running end: the first one from the reserve, the second one finds no room at all.
        private func exhaust(_ disk: SmallDisk, _ go: Gate) async throws {
            try disk.fill(leaving: 0)
            go.open()
            try await disk.broker.errorLine("the reserve") { $0.contains("settling goes on from the reserve") }
            try await eventually("what the reserve held is free") {
                !disk.hasReserve && disk.free > 8 << 20 ? () : nil
            }
            try disk.fill(leaving: 0)
            go.open()
            try await disk.broker.errorLine("the wait") { $0.contains("everything waits until there is space") }
        }

        @Test("a nearly full disk refuses new jobs and says so; running jobs finish, and space makes it good")
        func nearlyFull() async throws {
            let (cluster, disk, events, go) = try await cluster()
            let worker = try await cluster.worker()
            let id = try await cluster.enqueue("held")
            try await events.line(0)
            try disk.fill(leaving: 40)
            try await eventually("a status that says so") {
                try await cluster.status()["store_full"] == true ? () : nil
            }
            let refused = try await cluster.stint("enqueue", "held")
            #expect(refused.code == 1)
            #expect(refused.errorText.contains("disk of the broker is nearly full"), "\(refused.errorText)")
            go.open()
            _ = try await cluster.job(id, when: "completed")
            disk.empty()
            try await eventually("space") { try await cluster.status()["store_full"] == false ? () : nil }
            go.open()
            #expect(try await cluster.stint("enqueue", "held", "--wait").code == 0)
            try await worker.terminate()
            try await disk.broker.terminate()
        }

        @Test("on a full disk everything waits: nothing is lost, and space lets it go on")
        func full() async throws {
            let (cluster, disk, events, go) = try await cluster()
            let worker = try await cluster.worker()
            let ids = [try await cluster.enqueue("held"), try await cluster.enqueue("held")]
            for place in ids.indices { try await events.line(place) }
            try await exhaust(disk, go)
            #expect(disk.broker.isRunning)
            disk.empty()
            for id in ids { _ = try await cluster.job(id, when: "completed") }
            try await worker.terminate()
            try await disk.broker.terminate()
        }

        @Test("a broker that waits for space ends when it is told to, and the next one has every job")
        func ended() async throws {
            let (cluster, disk, events, go) = try await cluster()
            let worker = try await cluster.worker()
            let ids = [try await cluster.enqueue("held"), try await cluster.enqueue("held")]
            for place in ids.indices { try await events.line(place) }
            try await exhaust(disk, go)
            let store = try disk.copyOfStore()
            disk.broker.signal(SIGTERM)
            #expect(try await disk.broker.end() == .exited(1))
            // The file system went with the broker; what it held is put back on one with room.
            try store.restore(into: cluster)
            let next = try await cluster.broker()
            for id in ids { _ = try await cluster.job(id, when: "completed") }
            try await worker.terminate()
            try await next.terminate()
        }
    }
}

/// A broker whose store is on a file system of a few megabytes.
private final class SmallDisk: Sendable {
    static let isUsable: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = ["-m", "/bin/mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    let broker: RunningProcess
    private let folder: String

    init(_ cluster: Cluster, megabytes: Int) async throws {
        try cluster.script(
            "broker-on-small-disk",
            "mkdir -p store && mount -t tmpfs -o size=\(megabytes)m tmpfs store && exec '\(StintProgram.path)' broker")
        broker = try RunningProcess(
            "/usr/bin/unshare", ["-m", "./broker-on-small-disk"], environment: cluster.environment,
            folder: cluster.folder)
        try await broker.line("ready") { $0.hasPrefix("ready") }
        folder = "/proc/\(broker.id)/root\(cluster.path("store"))"
        try await eventually("the reserve") { hasReserve ? () : nil }
    }

    var hasReserve: Bool { FileManager.default.fileExists(atPath: folder + "/stint.db.reserve") }

    /// Takes space until so many megabytes are left.
    func fill(leaving megabytes: Int) throws {
        let descriptor = open(folder + "/ballast", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let page = [UInt8](repeating: 7, count: 4_096)
        while free > megabytes << 20, write(descriptor, page, page.count) == page.count {}
    }

    func empty() { unlink(folder + "/ballast") }

    var free: Int {
        var facts = statvfs()
        return statvfs(folder, &facts) == 0 ? Int(facts.f_bavail) * Int(facts.f_frsize) : 0
    }

    struct Copy { let files: [String: Data] }

    func copyOfStore() throws -> Copy {
        var files: [String: Data] = [:]
        for name in ["stint.db", "stint.db-wal"] {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        }
        return Copy(files: files)
    }
}

extension SmallDisk.Copy {
    func restore(into cluster: Cluster) throws {
        for (name, data) in files { try data.write(to: URL(fileURLWithPath: cluster.path("store/\(name)"))) }
    }
}
