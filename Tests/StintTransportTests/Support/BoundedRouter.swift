import Testing

@testable import StintTransport

/// A router on a free port of this host, whose bounds are small.
func boundedRouter(_ change: (inout ConnectionLimits) -> Void) throws -> (RouterSocket, UInt16) {
    var limits = RouterSocket.Limits(frameBytesMax: 1_048_576)
    change(&limits.connections)
    let router = try RouterSocket(
        in: try ZMQContext(), binding: Endpoint("tcp://127.0.0.1:*"), limits: limits)
    let port = try #require(router.boundEndpoint.description.split(separator: ":").last.flatMap { UInt16($0) })
    return (router, port)
}
