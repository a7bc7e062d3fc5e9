import Glibc
import StintBroker

/// Looks at the keys of a cluster as far as they lie on this host: all of them on the broker's, those of the pools on
/// another.
enum KeyLook {
    static func look(at cluster: ClusterConfig, into facts: inout DoctorFacts) {
        guard let security = cluster.security else { return }
        let folder = KeyFolder(security.folder)
        if let found = file(folder.path) {
            facts.keyFolder = .init(folder: found, isExchanging: file(folder.formerFile) != nil)
        }
        var files = ["server": folder.serverFile, "server-former": folder.formerFile]
        for pool in cluster.pools.keys { files[pool] = security.keyFile(ofPool: pool) }
        do {
            let known = try folder.known().all
            for key in known { files[key.name] = key.revokedAt == nil ? folder.file(of: key.name) : nil }
            facts.keys = known.filter { $0.revokedAt == nil }.map { key in
                .init(
                    name: key.name, expiresAt: key.expiresAt,
                    secretFile: files.removeValue(forKey: key.name).flatMap(file))
            }
        } catch {
            facts.keyFolder?.listTrouble = error.description
        }
        // Those that no list names: the server's own, and on another host those that were brought there.
        for (name, path) in files.sorted(by: { $0.key < $1.key }) {
            if let found = file(path) { facts.keys.append(.init(name: name, expiresAt: nil, secretFile: found)) }
        }
    }

    private static func file(_ path: String) -> DoctorFacts.StoreFacts.File? {
        var found = stat()
        return stat(path, &found) == 0 ? .init(path: path, mode: UInt32(found.st_mode)) : nil
    }
}
