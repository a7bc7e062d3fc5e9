/// Something that a text names, once per document, with every place where it is named.
public struct Entity: Codable, Hashable, Sendable {
    public var type: EntityType
    /// As it is written where it is named first.
    public var name: String
    /// How often it is named.
    public var mentions: Int
    /// The first places, at most ``placesMax``.
    public var places: [Span]

    public static let placesMax = 20
}

/// One way in which a name is found in a text.
public struct Mention: Hashable, Sendable {
    public var name: String
    public var span: Span
}

/// What can be detected, each by rules of its own in `EntityRules`.
public enum EntityType: String, Codable, CaseIterable, Sendable {
    case person = "Person"
    case organization = "Organization"
    case place = "Place"
    case date = "Date"
    case licence = "Licence"
    case identifier = "Identifier"
    case url = "URL"
    case email = "Email"
}

public enum Entities {
    /// How often a type is named in a text, and the entities those mentions come down to.
    public static func detect(_ type: EntityType, in prose: Prose) -> (found: Int, entities: [Entity]) {
        let mentions = mentions(of: type, in: prose)
        var order: [String] = []
        var byName: [String: Entity] = [:]
        for mention in mentions {
            // "ACME Inc" and "Acme Inc." are one.
            let key = mention.name.lowercased()
            if byName[key] == nil {
                order.append(key)
                byName[key] = Entity(type: type, name: mention.name, mentions: 0, places: [])
            }
            byName[key]?.mentions += 1
            if let known = byName[key]?.places.count, known < Entity.placesMax {
                byName[key]?.places.append(mention.span)
            }
        }
        return (mentions.count, order.compactMap { byName[$0] })
    }

    /// Every place where something of this type is named, in the order of the text.
    public static func mentions(of type: EntityType, in prose: Prose) -> [Mention] {
        switch type {
        case .person: PersonRules.find(in: prose)
        case .organization: OrganizationRules.find(in: prose)
        case .place: Gazetteer.places.find(in: prose)
        case .date: DateRules.find(in: prose)
        case .licence: LicenceRules.find(in: prose)
        case .identifier: IdentifierRules.find(in: prose)
        case .url: AddressRules.urls(in: prose)
        case .email: AddressRules.emails(in: prose)
        }
    }
}
