import StintTransport

/// The service manager of this process; programs reach it through here, because they have no other business with the room
/// of the sockets.
package typealias ServiceManager = StintTransport.ServiceManager
/// See ``StintTransport/Watchdog``.
package typealias Watchdog = StintTransport.Watchdog
/// See ``StintTransport/Pulse``.
package typealias Pulse = StintTransport.Pulse
