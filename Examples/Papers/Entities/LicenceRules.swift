/// Licences, by the names people write and by the short forms of SPDX and Debian: `GNU General Public License`,
/// `Apache License, Version 2.0`, `GPL-2+`, `BSD-3-clause`, `MIT`.
enum LicenceRules {
    static func find(in prose: Prose) -> [Mention] {
        let words = prose.words
        var mentions: [Mention] = []
        var position = 0
        while position < words.count {
            var last: Int?
            let length = names.length(at: position, in: prose)
            if length > 0 {
                last = withVersion(position + length - 1, in: prose)
            } else if isShortForm(words[position]) {
                last = position
            }
            guard let last else {
                position += 1
                continue
            }
            var end = words[last].span.end
            // "GPL-2+" says "or later" with a sign that is no part of a word.
            if end < prose.bytes.count, prose.bytes[end] == UInt8(ascii: "+") { end += 1 }
            let span = Span(words[position].span.start, end)
            mentions.append(Mention(name: prose.line(span), span: span))
            position = last + 1
        }
        return mentions
    }

    /// `, Version 2.0` or ` version 2` right after the name belongs to it.
    private static func withVersion(_ last: Int, in prose: Prose) -> Int {
        let words = prose.words
        guard last + 2 < words.count, words[last + 1].key == "version", words[last + 2].isNumber else { return last }
        let gap = prose.bytes[words[last].span.end..<words[last + 1].span.start].drop { $0 == UInt8(ascii: ",") }
        return gap.count <= 2 && gap.allSatisfy(isSpace) && prose.areNeighbours(words[last + 1], words[last + 2])
            ? last + 2 : last
    }

    /// A known family, a hyphen and a version or variant (`LGPL-2.1`), or one of the families that stand alone.
    private static func isShortForm(_ word: Prose.Word) -> Bool {
        if alone.contains(word.text) { return true }
        guard let hyphen = word.text.firstIndex(of: "-") else { return false }
        let rest = word.text[word.text.index(after: hyphen)...]
        return families.contains(String(word.text[..<hyphen])) && !rest.isEmpty
            && (rest.first?.isNumber == true || variants.contains(rest.lowercased()))
    }

    private static let families: Set<String> = [
        "GPL", "LGPL", "AGPL", "GFDL", "FDL", "MPL", "Apache", "BSD", "CC0", "CC-BY", "EPL", "CDDL", "Artistic", "OFL",
        "BSL", "EUPL", "PSF", "Python", "Zlib", "MIT", "CC", "LPPL", "W3C", "OpenSSL", "ISC",
    ]
    private static let variants: Set<String> = ["clause", "by", "by-sa", "by-4.0", "by-sa-4.0", "like", "style"]
    private static let alone: Set<String> = [
        "GPL", "LGPL", "AGPL", "GFDL", "MPL", "GPLv2", "GPLv3", "LGPLv2.1", "LGPLv3", "BSD", "ISC", "CC0", "CDDL",
        "EUPL",
        "Expat", "Unlicense", "WTFPL",
    ]

    private static let names = Gazetteer(
        """
        GNU General Public License,GNU Lesser General Public License,GNU Library General Public License
        GNU Affero General Public License,GNU Free Documentation License,General Public License
        Lesser General Public License,Library General Public License,Affero General Public License
        Free Documentation License,Apache License,Mozilla Public License,Artistic License,The Artistic License
        MIT License,MIT license,BSD License,BSD license,ISC License,ISC license,Eclipse Public License
        Creative Commons Attribution,Boost Software License,Python Software Foundation License,SIL Open Font License
        zlib License,Common Development and Distribution License,Common Public License,OpenSSL License
        Perl Artistic License,Academic Free License,University of Illinois Open Source License,X11 License
        Expat License,Expat license
        """)
}
