import Foundation
import Glibc
import Stint

/// Every run of every handler, as the effect logs tell it, in the order of job and token.
struct Runs {
    struct Run {
        var job: JobID
        var token: FencingToken
        var attempt: Int
        var nanoseconds: Int64
        var child: JobID?
        /// The process of the worker; 0 for executables.
        var process: pid_t
    }

    private(set) var all: [Run] = []

    init(folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            try TextLines.forEach(in: "\(folder)/\(name)") { line in
                let words = line.split(separator: " ")
                guard words.count >= 4, let job = JobID(String(words[0])), let attempt = Int(words[1]),
                    let token = FencingToken(String(words[2])), let time = Int64(words[3])
                else { throw Broken("the effect log \(name) has a line that no handler writes: \(line.prefix(120))") }
                let child = words.count > 4 ? JobID(String(words[4])) : nil
                all.append(
                    Run(
                        job: job, token: token, attempt: attempt, nanoseconds: time, child: child,
                        process: pid_t(name) ?? 0))
            }
        }
        all.sort { $0.job == $1.job ? $0.token < $1.token : $0.job < $1.job }
    }

    /// The runs of one job, in the order of their tokens.
    func of(_ job: JobID) -> ArraySlice<Run> {
        let start = all.partitioningIndex { $0.job >= job }
        let end = all[start...].firstIndex { $0.job != job } ?? all.endIndex
        return all[start..<end]
    }

    func contains(_ job: JobID, _ token: FencingToken) -> Bool { of(job).contains { $0.token == token } }

    /// Neighbours of one job, the one with the smaller token first.
    func forEachPair(_ body: (Run, Run) -> Void) {
        for (left, right) in zip(all, all.dropFirst()) where left.job == right.job { body(left, right) }
    }
}

extension RandomAccessCollection {
    /// The first place from which on the predicate holds, of a collection in which it holds for a tail.
    func partitioningIndex(where belongs: (Element) -> Bool) -> Index {
        var (low, count) = (startIndex, count)
        while count > 0 {
            let half = count / 2
            let middle = index(low, offsetBy: half)
            if belongs(self[middle]) {
                count = half
            } else {
                low = index(after: middle)
                count -= half + 1
            }
        }
        return low
    }
}
