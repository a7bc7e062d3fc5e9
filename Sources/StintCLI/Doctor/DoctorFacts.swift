import Foundation
import Stint
import StintCore

/// Everything that the checks of `stint doctor` look at, gathered before any of them runs. A check is a function of this
/// value, so a test can make each finding appear.
struct DoctorFacts: Sendable {
    /// A broker that answered.
    struct Broker: Sendable {
        var status: ClusterStatus
        /// The same, asked again ``askedAgainAfter`` later: what should have moved and did not is stuck.
        var later: ClusterStatus
        /// This host's clock right before it was asked and right after it answered.
        var askedAt: WallTime
        var answeredAt: WallTime
    }

    static let askedAgainAfter: Duration = .seconds(2)

    var cluster: ClusterConfig
    /// Nil: none answered, or none could be asked.
    var broker: Broker?
    /// Why the broker could not be asked, where that is a matter of keys.
    var whyNotAsked: String?
    var host: HostFacts
    var store: StoreFacts
    /// Those of the cluster that can be seen from this host and have not been revoked.
    var keys: [Key] = []
    /// Nil: there is none on this host, or the cluster has no keys.
    var keyFolder: KeyFolderFacts?

    struct Key: Sendable {
        var name: String
        /// Nil: never.
        var expiresAt: WallTime?
        /// Where its secret half lies, if it lies on this host.
        var secretFile: StoreFacts.File?
    }

    /// The folder in which the keys lie.
    struct KeyFolderFacts: Sendable {
        var folder: StoreFacts.File
        /// Why the list of keys cannot be read.
        var listTrouble: String?
        /// There are two keys of the server.
        var isExchanging = false
    }

    /// This host.
    struct HostFacts: Sendable {
        var version = StintCommand.version
        var zmqVersion = ""
        var sqliteVersion = ""
        var now = WallTime(milliseconds: 0)
        /// How many files a process that is started from here may open, soft and hard.
        var openFiles: (soft: UInt64, hard: UInt64) = (0, 0)
    }

    /// The files of the store, as far as they are on this host.
    struct StoreFacts: Sendable {
        struct File: Hashable, Sendable {
            var path: String
            /// Permission bits.
            var mode: UInt32
        }

        var path = ""
        /// The folder, the database and the files beside it; none when they are not there.
        var files: [File] = []
        /// What looking into the store itself found.
        var findings: [Finding] = []
        /// The process that has the store.
        var holder: Int32?
        var epoch: UInt64?
    }
}
