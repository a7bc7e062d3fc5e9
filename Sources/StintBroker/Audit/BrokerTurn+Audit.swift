import StintCore
import StintStore
import StintWire

// What of a turn is written into the audit log, and how it is read. A record is written in the commit of what it tells.

extension BrokerTurn {
    /// Audit records join the open batch, and so the commit of what they tell of.
    mutating func writeAudit() {
        for record in audit.takePending() {
            open.rows.append(.audit(record))
            let last = record.number - AuditLog.recordsMax
            if last > 0 { open.rows.append(.auditForgotten(upTo: last)) }
        }
    }

    /// An operator's cancel is a record of its own. A producer cancels as part of its work, and could do so a million
    /// times to push everything else out of the log; his are counted.
    mutating func auditCancel(_ id: JobID, by principal: Principal, wasRunning: Bool, at now: Moment) {
        let what = "job \(id)\(wasRunning ? ", which was running" : "")"
        if case .key(let key) = principal, key.role == .producer {
            audit.counted(.cancelled, who: key.name, what: what, at: now)
        } else {
            audit.record(.cancelled, who: principal.name, what: what, at: now)
        }
    }

    mutating func auditDead(_ verb: DeadVerb, _ ids: [JobID], jobs: Int, by principal: Principal, at now: Moment) {
        guard jobs > 0 else { return }
        let named = ids.prefix(4).map(\.description).joined(separator: ", ")
        let rest = ids.count > 4 ? " and \(ids.count - 4) more" : ""
        audit.record(verb.auditKind, who: principal.name, what: "\(jobs) dead: \(named)\(rest)", at: now)
    }

    mutating func auditDead(
        _ verb: DeadVerb, type: String, _ jobs: Int64, _ operation: Int64, _ principal: Principal, at now: Moment
    ) {
        let which = type.isEmpty ? "all dead jobs" : "all dead jobs of type \(type)"
        audit.record(
            verb.auditKind, who: principal.name, what: "\(which), \(jobs) of them, as operation \(operation)", at: now)
    }

    /// Handshakes that the gatekeeper ended, since the last call.
    package mutating func take(_ knocks: [RefusedKnock], at now: Moment) {
        for knock in knocks {
            refusals.add(.forbidden, knock.count)
            audit.counted(
                .authenticationFailed, who: knock.who, what: knock.what, count: knock.count, at: now)
        }
    }

    // MARK: Reading

    mutating func auditRecords(_ message: Stint_V1_GetAudit, from session: SessionID) throws {
        guard (1...Limits.listMax).contains(Int(message.limit)) else {
            throw WireError.outOfRange(field: "get_audit.limit", value: Int(message.limit), allowed: 1...Limits.listMax)
        }
        let after = Int64(clamping: message.after)
        let rows = after == .max ? [] : try reader.audit(after: after, limit: Int(message.limit))
        rowsRead += rows.count
        var answer = Stint_V1_AuditAnswer()
        answer.request = message.request
        answer.last = UInt64(audit.last.number)
        answer.records = rows.map(Stint_V1_AuditRecord.init)
        self.answer(.auditAnswer(answer), to: session)
    }
}

extension DeadVerb {
    fileprivate var auditKind: AuditKind {
        switch self {
        case .replay: .replayed
        case .discard: .discarded
        }
    }
}
