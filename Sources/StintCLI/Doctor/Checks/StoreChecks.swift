/// What looking into the store itself found; see ``StoreLook``.
enum StoreChecks {
    static func findings(_ facts: DoctorFacts) -> [Finding] { facts.store.findings }
}
