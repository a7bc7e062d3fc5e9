import Foundation

// The program of `scripts/fuzz`, built only by it: libFuzzer around one target. Its first argument is the target's name,
// the rest are libFuzzer's own.

/// In the toolchain's `libclang_rt.fuzzer_no_main`: runs the callback with input after input until told to stop, and
/// ends the process on the first that it does not survive, after writing that input to a file.
@_silgen_name("LLVMFuzzerRunDriver")
func runLibFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

let name = CommandLine.arguments.dropFirst().first ?? ""
guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    FileHandle.standardError.write(
        Data(
            "fuzz: there is no target \"\(name)\"; use one of: \(FuzzTarget.all.map(\.name).joined(separator: " "))\n"
                .utf8))
    exit(2)
}
if CommandLine.arguments.count == 4, CommandLine.arguments[2] == "--write-seeds" {
    for (index, seed) in target.seeds().enumerated() {
        let file = URL(filePath: CommandLine.arguments[3]).appending(path: "seed-\(index)")
        FileManager.default.createFile(atPath: file.path, contents: Data(seed))
    }
    exit(0)
}

/// The callback is C's and captures nothing. Set once, before the first call, and read by the one thread that libFuzzer
/// calls it on.
nonisolated(unsafe) var body = target.run

var words = [CommandLine.arguments[0], "-max_len=\(target.bytesMax)"] + CommandLine.arguments.dropFirst(2)
var pointers = words.map { strdup($0) } + [nil]
pointers.withUnsafeMutableBufferPointer { buffer in
    guard var arguments = buffer.baseAddress else { return }
    var count = Int32(buffer.count - 1)
    exit(
        runLibFuzzer(&count, &arguments) { bytes, count in
            body(Array(UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        })
}
