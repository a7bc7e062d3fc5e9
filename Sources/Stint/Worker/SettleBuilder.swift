import Foundation
import StintCore
import StintWire

/// Collects the columns of one settle message.
struct SettleBuilder {
    private var message = Stint_V1_Settle()
    private var leases: [LeaseReference] = []
    private var bytes = 0

    func hasRoom(for item: RunQueue.Finished) -> Bool {
        leases.isEmpty
            || (leases.count < Limits.settleJobsMax && message.epoch == item.run.lease.token.epoch
                && bytes + Self.size(of: item) <= Limits.messageBytesMax / 2)
    }

    private static func size(of item: RunQueue.Finished) -> Int {
        if case .completed(let result) = item.end { return result.count + 64 }
        return Limits.errorBytesMax + 64
    }

    mutating func add(_ item: RunQueue.Finished) {
        let index = leases.count
        message.epoch = item.run.lease.token.epoch
        message.ids.append(item.run.lease.id)
        message.sequences.append(item.run.lease.token.sequence)
        message.runMicroseconds.append(item.microseconds)
        leases.append(item.run.lease)
        bytes += 64

        var detail = Stint_V1_SettleDetail()
        var result = Data()
        switch item.end {
        case .completed(let value):
            if value.count <= Limits.payloadBytesMax {
                result = value
            } else {
                detail.outcome = .failed
                detail.permanent = true
                detail.error = """
                    the result has \(value.count) bytes, over the limit of \(Limits.payloadBytesMax); store the data \
                    elsewhere and return a reference to it
                    """
            }
        case .failed(let error, let isPermanent, let retryAfter):
            detail.outcome = .failed
            detail.error = error.cut(to: Limits.errorBytesMax)
            detail.permanent = isPermanent
            if let retryAfter { detail.retryAfterMs = UInt64(max(0, retryAfter.inMilliseconds)) }
        case .errored(let error, _):
            detail.outcome = .errored
            detail.error = error.cut(to: Limits.errorBytesMax)
        case .timedOut:
            detail.outcome = .timedOut
            detail.error = "the attempt passed its timeout of \(item.run.attempt.timeout)"
        case .cancelled: detail.outcome = .cancelled
        case .snoozed(let duration):
            detail.outcome = .snoozed
            detail.retryAfterMs = UInt64(max(0, duration.inMilliseconds))
        case .released: detail.outcome = .released
        case .crashed(let error):
            detail.outcome = .crashed
            detail.error = error.cut(to: Limits.errorBytesMax)
        }
        message.resultBytes.append(UInt32(result.count))
        message.results.append(result)
        bytes += result.count

        let said = item.run.channel.take()
        if detail.outcome == .completed { detail.children = said.children }
        detail.log = Data(said.log)
        if let progress = said.progress { detail.progress = progress }
        if detail != Stint_V1_SettleDetail() {
            detail.index = UInt32(index)
            bytes += detail.error.utf8.count + said.log.count + detail.progress.count
            if detail.outcome == .completed { bytes += Limits.childrenBytesMax }
            message.details.append(detail)
        }
    }

    mutating func take() -> (message: Stint_V1_Settle, leases: [LeaseReference])? {
        guard !leases.isEmpty else { return nil }
        let taken = (message, leases)
        self = SettleBuilder()
        return taken
    }
}

extension String {
    /// At most so many bytes, at a character's end.
    func cut(to bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var text = self
        while text.utf8.count > bytes - 3 { text.removeLast() }
        return text + "…"
    }
}
