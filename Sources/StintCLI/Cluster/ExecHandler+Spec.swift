import Stint
import StintCore

extension ClusterConfig.ExecHandler {
    /// What the library runs for this handler.
    ///
    /// - Parameter grace: From the policy of its type.
    func spec(grace: Duration = Policy().grace) -> ExecSpec {
        let input: ExecSpec.Input =
            switch self.input {
            case .job: .job
            case .none: .none
            }
        let output: ExecSpec.Output =
            switch self.output {
            case .messages: .messages
            case .raw: .raw
            }
        return ExecSpec(
            argv: exec, environment: environment, directory: directory, input: input, output: output,
            allowDashValues: allowDashValues, grace: grace)
    }

    /// What is wrong with the template in one argument. Templates are the library's business, so it is asked.
    static func mistake(inArgument argument: String) -> String? {
        ExecSpec(argv: ["program", argument]).problems.first
    }
}
