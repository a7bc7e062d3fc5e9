import Testing

// Every suite of this target stands in here, so that they run one after the other: they count descriptors, measure waits
// and start threads, and a machine may have two cores.
@Suite("Transport", .serialized) enum TransportSuite {}
