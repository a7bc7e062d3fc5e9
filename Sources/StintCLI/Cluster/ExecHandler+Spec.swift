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
}
