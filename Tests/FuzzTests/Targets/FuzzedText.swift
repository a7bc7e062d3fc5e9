import Foundation
import Logging
import StintCore
import Synchronization

@testable import Stint
@testable import StintCLI

// What people and programs write: a handler's output, the cluster's file, the arguments of a command.

extension FuzzTarget {
    /// Everything that one process writes to standard output and standard error, in pieces of any size.
    static let handlerOutput = FuzzTarget(
        name: "handler-output", bytesMax: 1_024,
        run: { bytes in
            guard let control = try? ProcessControl() else { return }
            let channel = CountingChannel()
            var spec = ExecSpec(argv: ["x"], limits: .init(lineBytesMax: 256, outputBytesMax: 3_000, logLinesMax: 50))
            if bytes.first == 1 { spec.output = .raw }
            var talk = HandlerConversation(
                spec: spec, channel: channel, control: control, checkpoints: CheckpointRelay(control: control))
            var rest = bytes.dropFirst()
            while let size = rest.popFirst() {
                let piece = Array(rest.prefix(Int(size >> 1) + 1))
                rest = rest.dropFirst(piece.count)
                piece.withUnsafeBytes { talk.take($0, from: size & 1 == 0 ? .output : .error) }
            }
            talk.end(.output)
            talk.end(.error)
            talk.close()
            _ = talk.plainResult
            // One line says how many were dropped; raw output has its own two notes.
            let lines = channel.lines.withLock { $0 }
            expectHolds(lines <= 54, "the log has \(lines) lines")
        },
        seeds: {
            let lines = [
                #"{"stint":"progress","fraction":0.5}"#, #"{"stint":"progress","done":3,"total":4,"message":"x"}"#,
                #"{"stint":"log","message":"hi","level":"warning"}"#, #"{"stint":"checkpoint","state":{"a":[1,2]}}"#,
                #"{"stint":"enqueue","jobs":[{"type":"a","payload":{},"priority":3,"delay_ms":5,"attempts":2}]}"#,
                #"{"stint":"result","value":"\ud83d\ude00"}"#, #"{"stint":"fail","message":"no","permanent":true}"#,
                #"{"stint":"fail","message":"no","retry_after_ms":10}"#, #"{"stint":"snooze","for_ms":100}"#,
                #"{"stint":"heartbeat"}"#, "plain text\r50%\r100%",
            ]
            return lines.map { [0, 254] + Array($0.utf8) + [10] }
        })

    static let clusterFile = FuzzTarget(
        name: "cluster-file", bytesMax: 1_024,
        run: { bytes in
            do throws(ConfigError) {
                _ = try ClusterConfig.read(bytes, file: "cluster.json", folder: "/f", environment: [:])
            } catch {
                expectHolds(!error.description.isEmpty, "a refused file without a word")
            }
        },
        seeds: {
            [
                "{}",
                #"{"name":"n","broker":{"clients":"tcp://127.0.0.1:1","workers":"ipc://w","lease":"2s","heartbeat":"500ms"}}"#,
                #"{"store":{"url":"sqlite:.stint/stint.db","keep":{"completed":"7d","dead":{"time":"90d","count":5}}}}"#,
                #"{"jobs":{"*":{"attempts":5,"backoff":{"first":"1s","factor":2,"most":"10m"},"timeout":"2m","grace":"1s"}}}"#,
                #"{"pools":{"p":{"handlers":{"a":{"exec":["x","{{payload.a}}"],"output":"raw","input":"none"}},"slots":2}}}"#,
                #"{"pools":{"p":{"command":["x"],"processes":2,"environment":{"A":"b"},"directory":"d"}},"limits":{"payload":"1KiB"}}"#,
                #"{"a":"\u00e4\ud83d\ude00\n","b":[1,-2.5e3,true,null,[[[]]]]}"#,
            ].map { Array($0.utf8) }
        })

    /// An argument's template before a zero byte, a payload after it.
    static let argumentTemplate = FuzzTarget(
        name: "argument-template", bytesMax: 256,
        run: { bytes in
            let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            let payload = parts.count > 1 ? Array(parts[1]) : []
            let text = JSONText(validating: payload)
            do throws(ArgumentTemplate.Problem) {
                let template = try ArgumentTemplate(String(decoding: parts.first ?? [], as: UTF8.self))
                guard let text else { return }
                let attempt = Attempt(
                    id: JobID(high: 1, low: 2), type: "a", number: 1, attemptsMax: 1, priority: 0,
                    token: FencingToken(epoch: 1, sequence: 1), timeout: .seconds(1), payload: Data(payload),
                    checkpoint: nil)
                let argument = try template.filled(for: attempt, payload: text, allowDashValues: false)
                expectHolds(!argument.utf8.contains(0), "an argument with a NUL character")
            } catch {
                expectHolds(!error.sentence.isEmpty, "a refused template without a word")
            }
        },
        seeds: {
            [
                "--x={{payload.a.0.b}}\0{\"a\":[{\"b\":\"-c\"}]}", "{{{{x}}\0{}", "{{job.fence}}\0[]",
                "{{payload.p}}\0{\"p\":1e5}",
            ]
            .map { Array($0.utf8) }
        })
}

/// Counts what is said.
private final class CountingChannel: JobChannel {
    let lines = Mutex(0)

    func progress(_ report: Data) {}
    func checkpoint(_ state: Data) async throws {}
    func log(_ level: Logger.Level, _ message: String) { lines.withLock { $0 += 1 } }
    func enqueue(_ job: NewJob) throws -> JobID { JobID(high: 1, low: 1) }
}
