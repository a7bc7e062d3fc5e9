import StintTransport

/// Looks once a second how much room the disk has, and tells the loop before the room is gone.
final class DiskWatch: Sendable {
    private let room: RoomKeeper
    private let control: BrokerControl
    private let end: Waker

    init(room: RoomKeeper, control: BrokerControl) throws {
        end = try Waker()
        self.room = room
        self.control = control
    }

    /// The body of the thread.
    func run() {
        repeat {
            if let judgement = room.judge() {
                control.storeJudged(isFull: judgement.isFull, bytes: judgement.bytes)
            }
        } while !end.wait(upTo: .seconds(1))
    }

    func stop() { end.wake() }
}
