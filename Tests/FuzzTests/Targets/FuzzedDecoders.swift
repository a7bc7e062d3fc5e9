import Foundation
import StintTestKit
import StintWire

extension FuzzTarget {
    /// Every decoder of StintWire, for both directions: an input is a frame.
    static let decoders = FuzzTarget(
        name: "decoders", bytesMax: 512,
        run: { frame in
            do {
                _ = try Decoding.all(frame)
            } catch {
                expectHolds(false, "\(error)")
            }
        },
        seeds: { Golden.frames })
}

/// The golden bytes of every message.
enum Golden {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "StintWireTests/Fixtures")

    static var frames: [[UInt8]] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.sorted().compactMap { name in
            guard let text = try? String(contentsOf: folder.appending(path: name), encoding: .utf8) else { return nil }
            let digits = text.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }
}
