import StintStore
import StintTransport

/// The versions of the system's libraries that this process runs with.
package enum LibraryVersions {
    package static var zmq: String { ZMQContext.libraryVersion }
    package static var sqlite: String { SQLiteStore.libraryVersion }
}
