// The nouns of the core (`JobID`, `JobState`, `FencingToken`, `WallTime`, …) are part of this library's own interface, so a
// user imports one module. Only what is public comes along; the rules are `package` and stay inside.
@_exported import StintCore
