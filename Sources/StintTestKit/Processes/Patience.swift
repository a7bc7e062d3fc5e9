import Foundation

/// How much longer than usual tests wait before they give something up.
///
/// `STINT_TEST_PATIENCE=10` makes every bound of a test ten times as long, for machines and builds that are slower than
/// tests were made for: the sanitizers, an emulator. It changes when a test gives up, never what it expects.
package enum Patience {
    /// 1 unless the environment says otherwise; 1...1 000.
    package static let factor: Int = {
        let text = ProcessInfo.processInfo.environment["STINT_TEST_PATIENCE"] ?? ""
        return min(max(Int(text) ?? 1, 1), 1_000)
    }()
}
