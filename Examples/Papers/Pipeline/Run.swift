import Foundation
import Stint

/// One pass of the pipeline over a set of documents: which jobs belong to it, and where its files lie.
///
///     parse_paper ──┬─► extract_claims ──► detect_entities        once for every document
///                   └─► checksum
///     report                                                      once, when all of them have ended
///
/// The id of every job follows from the run, the step and the number of the document. So a handler that runs twice
/// enqueues its child once, and the program that started the run can ask for any job without having been told its id.
public struct Run: Codable, Hashable, Sendable {
    public let id: JobID
    /// Absolute, because the worker that reads it has a working directory of its own. Workers on several hosts need a
    /// folder that all of them see.
    public let folder: String

    public init(id: JobID, folder: String) {
        self.id = id
        self.folder = folder
    }

    /// A run that starts now, with a folder of its own inside this one.
    public init(startedAt: Date = Date(), tag: UInt64 = .random(in: .min ... .max), inside parent: String) {
        let id = Run.rootID(milliseconds: UInt64(max(0, startedAt.timeIntervalSince1970 * 1000)), tag: tag)
        let name = Run.name(of: id)
        self.init(id: id, folder: URL(fileURLWithPath: parent).appendingPathComponent(name).path)
    }

    public enum Step: Int, CaseIterable, Sendable {
        case parse = 1, checksum, claims, entities, report

        public var type: String {
            switch self {
            case .parse: ParsePaper.type
            // No Swift handler serves it: cluster.json names `sha256sum`.
            case .checksum: "checksum"
            case .claims: ExtractClaims.type
            case .entities: DetectEntities.type
            case .report: WriteReport.type
            }
        }

        /// What is enqueued when this step of a document has succeeded.
        public var next: [Step] {
            switch self {
            case .parse: [.checksum, .claims]
            case .claims: [.entities]
            case .checksum, .entities, .report: []
            }
        }
    }

    /// The time and the tag of a run make the first 104 bits of its ids, as a UUID of version 7 has them; step and
    /// document fill the rest.
    ///
    /// - Parameter document: Its number, from 1 to 16 777 215; 0 for the step that is about all of them.
    public func jobID(_ step: Step, document: Int = 0) -> JobID {
        precondition((0..<1 << 24).contains(document))
        let text = id.description
        let stamped = "\(text.prefix(15))\(hexadecimal(UInt64(step.rawValue), 3))\(text.dropFirst(18).prefix(12))"
        return JobID(stamped + hexadecimal(UInt64(document), 6)) ?? id
    }

    private static func rootID(milliseconds: UInt64, tag: UInt64) -> JobID {
        let time = hexadecimal(milliseconds, 12)
        let digits =
            "\(time.prefix(8))-\(time.suffix(4))-7000-8\(hexadecimal(tag, 3))-\(hexadecimal(tag >> 12, 6))000000"
        guard let id = JobID(digits) else { preconditionFailure("\(digits) has not the form of a job id") }
        return id
    }

    // MARK: Names

    /// When it started, to the millisecond.
    public var startedAt: Date {
        let digits = id.description.prefix(13).filter { $0 != "-" }
        return Date(timeIntervalSince1970: Double(UInt64(digits, radix: 16) ?? 0) / 1000)
    }

    /// `20250629-140530-0c4f2a`: UTC, and enough of the tag to tell two runs of one second apart.
    public var name: String { Run.name(of: id) }

    private static func name(of id: JobID) -> String {
        let clock = Run(id: id, folder: "").startedAt
        let time = clock.formatted(
            .verbatim(
                """
                \(year: .padded(4))\(month: .twoDigits)\(day: .twoDigits)-\
                \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased))\(minute: .twoDigits)\
                \(second: .twoDigits)
                """,
                locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian)))
        return "\(time)-\(id.description.dropFirst(24).prefix(6))"
    }
}

private func hexadecimal(_ value: UInt64, _ digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text.suffix(digits)
}
