import Stint

/// The types that a worker of this example serves. `checksum` is not among them: another pool runs an
/// executable for it.
public enum PaperHandlers {
    public static var registry: HandlerRegistry {
        var handlers = HandlerRegistry()
        handlers.register(ParsePaper())
        handlers.register(ExtractClaims())
        handlers.register(DetectEntities())
        handlers.register(WriteReport())
        return handlers
    }
}
