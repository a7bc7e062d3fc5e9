import Dispatch
import Glibc

/// Calls a closure whenever one of these signals comes, instead of ending the process. Until this object goes.
final class SignalSources {
    private var sources: [any DispatchSourceSignal] = []

    init(_ signals: [Int32], _ body: @escaping @Sendable () -> Void) {
        for number in signals {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler(handler: body)
            source.resume()
            sources.append(source)
        }
    }

    deinit { for source in sources { source.cancel() } }
}
