import ArgumentParser
import Foundation
import Stint
import StintBroker
import StintCore

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes, lists and revokes the keys of a cluster, on the broker's host.",
        discussion: """
            With "security": {} in cluster.json a broker lets in only whose key is on its list, and everything that \
            passes is encrypted; a broker that other hosts can reach must have it. Secret halves are in files of mode \
            0600 and are never printed. A running broker sees a change within a second.

            EXAMPLES
              stint keys new operator --role operator
              stint keys new documents --role worker --types parse_paper --expires 90d
              stint keys revoke documents
            """,
        subcommands: [New.self, List.self, Revoke.self, RotateServer.self], defaultSubcommand: List.self)

    /// Where the keys of the cluster lie.
    struct FolderOptions: ParsableArguments {
        @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
        var config: String?
        @Option(help: ArgumentHelp("The folder of keys, instead of the file's.", valueName: "folder"))
        var folder: String?

        func validate() throws {
            if folder == "" { throw ValidationError("--folder is empty; expected a folder") }
        }

        /// The folder, and whether the cluster's file says that its broker uses keys.
        func find() throws -> (folder: KeyFolder, isUsed: Bool) {
            var options = ConnectionOptions()
            options.config = config
            options.connect = nil
            if let folder { return (KeyFolder(URL(fileURLWithPath: folder).path), true) }
            let cluster = try options.load()
            if let security = cluster.security { return (KeyFolder(security.folder), true) }
            let file = URL(fileURLWithPath: config ?? ConnectionOptions.defaultFile)
            let beside = file.deletingLastPathComponent().appendingPathComponent(ClusterConfig.Security().folder)
            return (KeyFolder(beside.path), false)
        }
    }

    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key: a file for its holder, and a line on the broker's list.",
            discussion: """
                Roles: producer (enqueue; cancel and read jobs by id), worker (take and settle jobs), operator (all that \
                clients can ask), auditor (read). A worker's key may be bound to types; what its handlers enqueue as \
                children must be of these types, or of those that --children names.

                EXAMPLE  stint keys new documents --role worker --types parse_paper,extract_claims
                """)

        @OptionGroup var options: FolderOptions
        @Argument(help: "What the key is called: \(TypeName.rule). A pool's key has the pool's name.") var name: String
        @Option(help: "producer, worker, operator or auditor.") var role: String
        @Option(help: ArgumentHelp("A worker's types (default: any).", valueName: "a,b")) var types: String?
        @Option(help: ArgumentHelp("Types that a worker's handlers may enqueue (default: --types).", valueName: "a,b"))
        var children: String?
        @Option(help: ArgumentHelp("How long it is valid (default: without end).", valueName: "duration"))
        var expires: String?
        @Flag(help: "One JSON object.") var json = false

        func validate() throws {
            guard TypeName.isValid(name) else {
                throw ValidationError("\"\(name)\" is no name of a key; expected \(TypeName.rule)")
            }
            guard let role = Role(rawValue: role) else {
                throw ValidationError(
                    "--role is \(role); expected \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            guard role == .worker || (types == nil && children == nil) else {
                throw ValidationError("--types and --children are of workers' keys; a \(role.rawValue) has none")
            }
            _ = try (list(types, "--types"), list(children, "--children"), lifetime())
        }

        private func list(_ text: String?, _ flag: String) throws -> [String]? {
            guard let text else { return nil }
            let names = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            for name in names where !TypeName.isValid(name) {
                throw ValidationError(
                    "\(flag) names \"\(name)\"; expected types of \(TypeName.rule), with commas between")
            }
            guard names.count <= Limits.workerTypesMax else {
                throw ValidationError("\(flag) names \(names.count) types; expected at most \(Limits.workerTypesMax)")
            }
            return names
        }

        private func lifetime() throws -> Duration? {
            guard let expires else { return nil }
            do {
                let duration = try HumanUnits.duration(expires)
                guard (.seconds(1) ... .seconds(36_500 * 86_400)).contains(duration) else {
                    throw ValidationError("--expires is \(expires); expected 1s to 36500d")
                }
                return duration
            } catch let mistake as HumanUnits.Mistake {
                throw ValidationError("--expires: \(mistake)")
            }
        }

        func run() async throws {
            guard let role = Role(rawValue: role) else { return }
            let (folder, isUsed) = try options.find()
            let now = WallTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
            let made: KeyFolder.Made
            do {
                made = try folder.make(
                    name, role, types: list(types, "--types"), children: list(children, "--children"),
                    expiresAt: lifetime().map { now + $0 }, at: now)
            } catch {
                throw CommandError(.usage, "\(error)")
            }
            if json {
                var line = made.key.line(at: now)
                line.add("file", made.file)
                line.add("server", "\(made.server)")
                try StandardOutput.write(line.description)
            } else {
                try StandardOutput.write(made.file)
            }
            var talk = """
                stint: made the key "\(name)" of role \(role.rawValue), public \(made.key.publicKey). Bring the file to its \
                holder, mode 0600, and name it there in STINT_KEY_FILE; no copy needs to stay here\
                \(role == .worker ? ", but for pools of this host" : "").
                """
            if !isUsed {
                talk += " The broker uses keys once its cluster.json has \"security\": {}."
            }
            StandardError.write(talk)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists every key that the broker was told of.", discussion: "EXAMPLE  stint keys list --json")

        @OptionGroup var options: FolderOptions
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            let (folder, _) = try options.find()
            let now = WallTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
            let (known, server): (KnownKeys, String?)
            do {
                (known, server) = (try folder.known(), folder.serverPublicKey)
            } catch {
                throw CommandError(.failure, "\(error)")
            }
            if json {
                for key in known.all { try StandardOutput.write(key.line(at: now).description) }
                return
            }
            var table = Table("NAME", "ROLE", "TYPES", "CHILDREN", "STATE", "EXPIRES", "PUBLIC")
            for key in known.all {
                table.add(
                    key.name, key.role.rawValue, key.role == .worker ? Self.listed(key.types) : "",
                    key.role == .worker ? Self.listed(key.children) : "", key.standing(at: now).rawValue,
                    key.expiresAt?.relative ?? "never", "\(key.publicKey)")
            }
            if table.isEmpty {
                StandardError.write("stint: there are no keys in \"\(folder.path)\"; `stint keys new` makes one")
            } else {
                try StandardOutput.write(table.printed())
            }
            if let server { StandardError.write("stint: server \(server)") }
        }

        private static func listed(_ types: [String]?) -> String { types.map { $0.joined(separator: ",") } ?? "any" }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a key its rights, for good.",
            discussion: """
                A running broker sees it within a second: live sessions of the key end, and what its workers hold goes \
                back into the lines.

                EXAMPLE  stint keys revoke documents
                """)

        @OptionGroup var options: FolderOptions
        @Argument(help: "Which key.") var name: String

        func run() async throws {
            let (folder, _) = try options.find()
            let now = WallTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
            let isNew: Bool
            do {
                guard try folder.known().all.contains(where: { $0.name == name }) else {
                    throw CommandError(.notFound, "there is no key \"\(name)\"; `stint keys list` names them.")
                }
                isNew = try folder.revoke(name, at: now)
            } catch let error as CommandError {
                throw error
            } catch {
                throw CommandError(.failure, "\(error)")
            }
            StandardError.write(
                isNew ? "stint: the key \"\(name)\" is revoked" : "stint: the key \"\(name)\" was revoked already")
        }
    }

    struct RotateServer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replaces the server's key; the former one goes on to count at endpoints of its own.",
            discussion: """
                1. stint keys rotate-server
                2. cluster.json: let "broker" have new endpoints, and "security": { "former": … } the present ones; start \
                the broker again. Running jobs are adopted.
                3. Give every peer the new endpoints, and the new "server" in its key file.
                4. stint keys rotate-server --finish, take "former" out, start the broker again.
                """)

        @OptionGroup var options: FolderOptions
        @Flag(help: "The former key counts no more.") var finish = false

        func run() async throws {
            let (folder, _) = try options.find()
            do {
                if finish {
                    try folder.change { try folder.finishRotation() }
                    StandardError.write(
                        "stint: the former key of the server counts no more once the broker starts again")
                } else {
                    let key = try folder.change { try folder.rotateServer() }
                    try StandardOutput.write("\(key)")
                    StandardError.write(
                        """
                        stint: the server has a new key, printed above. Peers need it as "server" in their key files; \
                        `stint keys rotate-server --help` has the steps
                        """)
                }
            } catch {
                throw CommandError(.failure, "\(error)")
            }
        }
    }
}

extension KnownKey {
    fileprivate func line(at now: WallTime) -> JSONLine {
        var line = JSONLine()
        line.add("name", name)
        line.add("role", role.rawValue)
        if let types { line.add("types", strings: types) } else { line.add("types", nil as String?) }
        if let children { line.add("children", strings: children) } else { line.add("children", nil as String?) }
        line.add("state", standing(at: now).rawValue)
        line.add("public", "\(publicKey)")
        line.add("created_at", createdAt)
        line.add("expires_at", expiresAt)
        line.add("revoked_at", revokedAt)
        return line
    }
}
