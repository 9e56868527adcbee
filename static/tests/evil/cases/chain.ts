/** T1 to T4: the order and form of chains, who may do what, and what was seen before. */
import { random } from "../../../src/crypto/bytes.ts"
import { encode } from "../../../src/crypto/cbor.ts"
import type { Collusion } from "../collusion.ts"
import { nextFields, signBytes, signRaw } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { refused } from "../scene.ts"
import { flipped, rewritten, uncanonical } from "../spoil.ts"
import type { World } from "../world.ts"
import { linksOf, ofVault, serving, teamRecord } from "./serving.ts"

export function formOfChains(w: World): void {
    const withheld = (bend: (links: Said[]) => Said[]): Lie =>
        teamRecord(w.team, (record) => {
            record.links = bend(record.links)
        })

    lie("T1", "a link is missing", (id) =>
        refused(w, id, { who: w.mary, lie: withheld((links) => links.toSpliced(3, 1)), scope: "team" }),
    )
    lie("T1", "a link comes twice, another is gone", (id) =>
        refused(w, id, { who: w.ana, lie: withheld((links) => links.with(4, links[3])), scope: "team" }),
    )
    lie("T1", "a genesis that is not at the beginning", (id) =>
        refused(w, id, { who: w.ana, lie: withheld((links) => [atSeqOne(links[0])]), scope: "nothing" }),
    )
    serving(w, "T1", "a wrong prev", (c) =>
        c.put(
            signRaw(c.mary.keyring, { ...nextFields(c, c.mary, "set_profile", profile()), prev: random(32) }),
        ),
    )
    serving(w, "T1", "a second genesis", (c) =>
        c.force(c.mary, "genesis", {
            founder: { ...founder(c), profile: { email: random(32), name: random(32) }, suite: 1 },
            kind: "team",
            name: random(32),
            nonce: random(32),
        }),
    )
    serving(w, "T1", "a state of the team in a team link", (c) =>
        c.put(
            signRaw(c.mary.keyring, {
                ...nextFields(c, c.mary, "set_profile", profile()),
                seen: { ...c.head },
            }),
        ),
    )
    serving(w, "T1", "a signature that does not hold", (c) => c.put(flipped(honestLink(c), -1)))
    serving(w, "T1", "a signature that is not canonical (S + L)", (c) =>
        c.put(
            rewritten(honestLink(c), ({ link, sigs }) => {
                const [{ fp, sig }] = sigs as unknown as [{ fp: Uint8Array; sig: Uint8Array }]
                return { link, sigs: [{ fp, sig: uncanonical(sig) }] } as never
            }),
        ),
    )
    serving(w, "T1", "a signature under another's name", (c) =>
        c.put(signRaw(c.mary.keyring, nextFields(c, c.adam, "set_profile", profile()))),
    )
    serving(w, "T1", "a link that is not canonical", (c) =>
        c.put(signBytes(c.mary.keyring, "set_profile", flippedLength(c))),
    )
    serving(w, "T1", "a link that is too long", (c) => c.put(new Uint8Array(263_169)))
    lie("T1", "a vault's link is missing", (id) =>
        refused(w, id, {
            who: w.mary,
            lie: linksOf(w.vault, (links) => links.toSpliced(1, 1)),
            scope: "vault",
        }),
    )
    ofVault(w, "T1", "a vault link with a wrong prev", (c) => ({ prev: random(32), seen: { ...c.head } }))
    ofVault(w, "T1", "a vault link on a team that never was", (c) => ({
        seen: { hash: random(32), seq: c.state.seq },
    }))
    ofVault(w, "T1", "a vault link on no team", () => ({ seen: null }))
}

const profile = () => ({ profile: { email: random(32), name: random(32) } })

function founder({ mary }: Collusion) {
    const { account, keyring, member } = mary
    return { account, box: keyring.box.public, identity: keyring.identity.public, member }
}

/** A link that the fold would take: Mary's new name. */
function honestLink(c: Collusion) {
    return c.sign(c.mary, "set_profile", { profile: { email: random(32), name: random(32) } }).signed
}

/** The first link with `seq` 1, signed by nobody: its place is judged first. */
function atSeqOne(genesis: Uint8Array) {
    return rewritten(genesis, ({ link, sigs }) => ({
        link: rewritten(link as Uint8Array, (fields) => ({ ...fields, seq: 1 })),
        sigs: sigs as never,
    }))
}

/** A canonical link but for the length of its map, which takes a byte more than it needs. */
function flippedLength(c: Collusion) {
    const link = encode(nextFields(c, c.mary, "set_profile", profile()))
    return new Uint8Array([0xb8, 9, ...link.slice(1)])
}
