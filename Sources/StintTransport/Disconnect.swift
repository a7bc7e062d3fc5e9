import Glibc

/// Ends a connection from outside, and throws away what the kernel still holds of it. After a mere shutdown libzmq would read
/// that to its end: megabytes, of which small pieces make a hundred.
///
/// - Parameter descriptor: Stays open; whoever owns it finds the connection reset.
func disconnect(_ descriptor: Int32) {
    // connect(2): a TCP socket is disconnected, with a RST, by connecting it to an address of no family.
    var nobody = sockaddr()
    nobody.sa_family = sa_family_t(AF_UNSPEC)
    guard connect(descriptor, &nobody, socklen_t(MemoryLayout<sockaddr>.size)) != 0 else { return }
    shutdown(descriptor, Int32(SHUT_RDWR))
}
