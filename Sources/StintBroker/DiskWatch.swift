import Dispatch

/// Looks once a second how much room the disk has, and tells the loop before the room is gone.
final class DiskWatch: Sendable {
    private let room: RoomKeeper
    private let control: BrokerControl
    private let end = DispatchSemaphore(value: 0)

    init(room: RoomKeeper, control: BrokerControl) {
        self.room = room
        self.control = control
    }

    /// The body of the thread.
    func run() {
        repeat {
            if let judgement = room.judge() {
                control.storeJudged(isFull: judgement.isFull, bytes: judgement.bytes)
            }
        } while end.wait(timeout: .now() + .seconds(1)) == .timedOut
    }

    func stop() { end.signal() }
}
