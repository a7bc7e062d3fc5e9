import Foundation
import StintCore
import StintWire

@testable import Stint

extension FuzzTarget {
    /// What a client makes of the answers of a broker that lies: an input is a frame.
    static let client = FuzzTarget(
        name: "client", bytesMax: 4_096,
        run: { frame in
            guard let (_, message) = try? Frame.decode(frame) else { return }
            switch message {
            case .statusAnswer(let answer): _ = ClusterStatus(answer)
            case .jobAnswer(let answer): _ = JobDetails(answer.job)
            case .jobsAnswer(let answer): for job in answer.jobs { _ = JobDetails(job) }
            case .jobEvent(let event): _ = JobUpdate(event)
            case .refused(let refused): _ = StintError(refused.refusal)
            case .enqueued(let enqueued): for refused in enqueued.refused { _ = StintError(refused.refusal) }
            default: break
            }
        },
        seeds: { Golden.frames })
}
