import StintTransport

/// Looks once a second how much room the disk has, and how much memory the process takes, and tells the loop before
/// either is gone. Counts open files now and then, because that costs more the more there are.
final class DiskWatch: Sendable {
    private let room: RoomKeeper
    private let control: BrokerControl
    private let memory: MemoryWatch
    private let end: Waker
    private static let roundsPerCount = 10

    init(room: RoomKeeper, memory: MemoryWatch, control: BrokerControl) throws {
        end = try Waker()
        self.room = room
        self.memory = memory
        self.control = control
    }

    /// The body of the thread.
    func run() {
        var facts = control.host
        facts.filesMax = OpenFiles.limit
        facts.memoryMax = memory.most
        var giveBack = MemoryReturn()
        var round = 0
        repeat {
            if round % Self.roundsPerCount == 0 { facts.filesOpen = OpenFiles.count() }
            room.judge(&facts)
            facts.memoryBytes = ResidentMemory.bytes
            if giveBack.isDue(resident: facts.memoryBytes) {
                FreedMemory.giveBack()
                facts.memoryBytes = ResidentMemory.bytes
                giveBack.done(resident: facts.memoryBytes)
            }
            control.host = facts
            round += 1
        } while !end.wait(upTo: .seconds(1))
    }

    func stop() { end.wake() }
}
