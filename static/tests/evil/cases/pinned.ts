/** T4, T5, T6, T17, R22, R23: what this browser has seen before, whose chain it is, and whose clock decides. */
import { expect } from "vitest"
import type { TeamState } from "../../../src/chain/team.ts"
import { digest } from "../../../src/chain/team.ts"
import { refusedLinks } from "../../../src/core/evidence.ts"
import { openInvite } from "../../../src/core/invites.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, random, unhex } from "../../../src/crypto/bytes.ts"
import { inviteFragment, parseSigned } from "../../../src/crypto/links.ts"
import { sha256 } from "../../../src/crypto/sodium.ts"
import { collude, nextFields, signRaw } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { givenBack, passedOver, refused } from "../scene.ts"
import { Twin } from "../twin.ts"
import type { World } from "../world.ts"
import { nextChange, serving, teamRecord } from "./serving.ts"

const YEAR = 31_557_600_000 // ms

export function seenBefore(w: World): void {
    const known = (who: "mary" | "rita") => ({ who: w[who], known: true })
    lie("T4", "a team's head older than the pin", (id) =>
        refused(w, id, { ...known("mary"), lie: teamHead(w.team, (head) => (head.seq -= 1)), scope: "team" }),
    )
    lie("T4", "a vault's head older than the pin", (id) =>
        refused(w, id, {
            ...known("mary"),
            lie: vaultHead(w.vault, (head) => (head.seq = 1)),
            scope: "vault",
        }),
    )
    lie("T4", "an older team, on a browser without a cache", (id) =>
        refused(w, id, { who: w.mary, lie: withheld(w, -1), scope: "team" }),
    )
    lie("T4", "an older vault, on a browser without a cache", (id) =>
        refused(w, id, {
            who: w.ana,
            lie: olderVault(w.vault2),
            scope: "vault",
            team: w.team2,
            vault: w.vault2,
        }),
    )
    lie("T4", "a head that was true before, to a browser that keeps what came after", async (id) => {
        const now = await Twin.of(w.mary, w.mary)
        await now.look()
        const state = now.context.books.teams.get(w.team)?.state as TeamState
        const before = { hash: state.hashes.at(state.seq - 1), seq: state.seq - 1 }
        await refused(w, id, {
            ...{ ...known("mary"), scope: "team" },
            lie: teamHead(w.team, (head) => Object.assign(head, before)),
            sees: (victim) => expect(givenBack(victim)).toHaveLength(1),
        })
    })
    lie("T4", "another history, on a browser without a cache", async (id) => {
        const { told, real, forged } = await lastReplaced(w)
        await refused(w, id, {
            ...{ who: w.mary, scope: "team", lie: told },
            sees: async ({ context }) => {
                const saved = await refusedLinks(context, w.team, null)
                const { links } = JSON.parse(saved.text) as { links: Said[] }
                expect(links).toMatchObject([
                    { source: "verified by this browser", hash: hex(sha256(forged)) },
                    { source: "pinned by this account", hash: hex(sha256(real)), signed: null },
                    { source: "shown by the server", signer: { member: w.ana.member, signature: "holds" } },
                ])
            },
        })
    })
    lie("T4", "another team head at the same place", (id) =>
        refused(w, id, {
            ...known("mary"),
            lie: teamHead(w.team, (head) => (head.hash = random(32))),
            scope: "team",
        }),
    )
    lie("T4", "another vault head at the same place", (id) =>
        refused(w, id, {
            ...known("mary"),
            lie: vaultHead(w.vault, (head) => (head.hash = random(32))),
            scope: "vault",
        }),
    )
    lie("R22", "an older head", (id) =>
        refused(w, id, {
            ...known("rita"),
            lie: teamHead(w.team, (head) => (head.seq -= 2)),
            scope: "team",
            sees: (victim, honest) => {
                // It is still readable, as it was.
                expect(victim.titles).toEqual(honest.titles)
                expect(victim.team(w.team).state).toBe("frozen")
            },
        }),
    )
    lie("R22", "the same place with another hash: both are shown", (id) => {
        const theirs = random(32)
        return refused(w, id, {
            ...known("rita"),
            lie: teamHead(w.team, (head) => (head.hash = theirs)),
            scope: "team",
            sees: (victim) => {
                const report = [...victim.context.books.refusals.values()][0]?.report ?? ""
                const mine = hex(victim.context.books.teams.get(w.team)?.state.head as Uint8Array)
                expect(JSON.parse(report)).toMatchObject({ head: mine, server_head: hex(theirs) })
            },
        })
    })
    lie("R12", "the vault's chain is rolled back on a browser with pins", (id) =>
        refused(w, id, {
            ...known("mary"),
            lie: vaultHead(w.vault, (head) => (head.seq -= 1)),
            scope: "vault",
        }),
    )
}

export function whoseChain(w: World): void {
    lie("T5", "a team of mine under another's id", (id) =>
        refused(w, id, {
            who: w.ana,
            lie: {
                records: (records) => {
                    const [a, b] = [w.team, w.team2].map((team) => recordOf(records, team))
                    if (a !== undefined && b !== undefined) [a.links, b.links] = [b.links, a.links]
                    return undefined
                },
            },
            scope: "nothing",
            sees: (victim) => expect(new Set(victim.titles.values())).toEqual(new Set(["Personal"])),
        }),
    )
    serving(w, "T5", "a link of another team", (c) =>
        c.put(
            signRaw(c.mary.keyring, {
                ...{
                    actor: c.mary.member,
                    at: Date.now(),
                    body: {},
                    chain: unhex(w.team2),
                    prev: c.state.head,
                },
                ...{ seen: null, seq: c.state.seq + 1, type: "set_profile", v: 1 },
                body: { profile: { email: random(32), name: random(32) } },
            }),
        ),
    )
    serving(
        w,
        "T5",
        "a link of another vault",
        (c) => c.putChange(c.vault, signRaw(c.mary.keyring, { ...nextChange(c), chain: c.other.bytes })),
        { scope: "vault" },
    )
    lie("T5", "an invitation that shows another team's id", async (id) => {
        const { t, hash } = w.offered.get("open") as {
            t: Uint8Array<ArrayBuffer>
            hash: Uint8Array<ArrayBuffer>
        }
        const fragment = inviteFragment(t, hash)
        const guest = await Twin.of(w.zed)
        const seen = await openInvite(guest.context.server, guest.context, fragment)
        expect(seen).toMatchObject({ team: w.team, state: "open" })
        const from = guest.transport.sent.length
        guest.transport.lie = {
            answer: (path, value) => (path === "invites/open" ? { ...value, team: unhex(w.team2) } : value),
        }
        const refusal = openInvite(guest.context.server, guest.context, fragment)
        await expect(refusal).rejects.toMatchObject({ refusal: id })
        expect(guest.transport.sent.slice(from).map(({ path }) => path)).toEqual([
            "invites/find",
            "invites/open",
        ])
    })
    lie("T6", "a recipient whose key no log names", (id) =>
        refused(w, id, { who: w.adam, lie: pendingFor(w, random(32)), flow: twoLooks, scope: "nothing" }),
    )
    lie("T6", "a recipient who has no right", (id) =>
        refused(w, id, {
            who: w.adam,
            lie: pendingFor(w, w.max.me.keyring.fp),
            flow: twoLooks,
            scope: "nothing",
        }),
    )
    serving(w, "T6", "a member verified with other keys", (c) =>
        c.force(c.ana, "verify", { fp: random(32), how: "words", member: c.mary.member }),
    )
}

/** A stranger is given the benefit of one more look: the list may be ahead of the chain. */
async function twoLooks(twin: Twin): Promise<void> {
    await twin.look()
    twin.context.books.teams.forEach((team) => {
        team.extras = { ...team.extras, stir: -1 }
    })
    await twin.look()
}

export function clocks(w: World): void {
    for (const [name, skew] of [
        ["a clock ten years ahead", 10 * YEAR],
        ["a clock ten years behind", -10 * YEAR],
    ] as const) {
        for (const line of ["T17", "F16"] as const) {
            lie(line, name, async () => {
                const right = await Twin.of(w.mary)
                await right.look()
                const wrong = await Twin.of(w.mary, { skew, lie: dated(skew) })
                await wrong.look()
                expect([wrong.refusals, right.refusals]).toEqual([[], []])
                const states = [right, wrong].map((twin) => twin.context.books.teams.get(w.team)?.state)
                const [one, other] = states.map((state) => state && hex(digest(state)))
                expect(one).toBe(other)
                expect(wrong.titles).toEqual(right.titles)
            })
        }
    }
    lie("T17", "the server's time in its answers", () =>
        passedOver(w, { who: w.rita, lie: dated(10 * YEAR), scope: "nothing" }),
    )
}

/** The server says what time it is, wherever it can. */
function dated(skew: number): Lie {
    return {
        request: async (_request, send) => {
            const response = await send()
            const headers = new Map(response.headers).set("date", new Date(Date.now() + skew).toUTCString())
            return { ...response, headers }
        },
        heads: (heads) => Object.assign(heads, { now: Date.now() + skew }),
        records: (records) => {
            for (const [kind, one] of records)
                if (kind === "team") Object.assign(one, { at: Date.now() + skew, now: Date.now() + skew })
            return undefined
        },
    }
}

export function teamHead(team: string, bend: (head: Said) => void): Lie {
    return { heads: (heads) => heads.teams.filter((head: Said) => hex(head.team) === team).forEach(bend) }
}

export function vaultHead(vault: string, bend: (head: Said) => void): Lie {
    return { heads: (heads) => heads.vaults.filter((head: Said) => hex(head.vault) === vault).forEach(bend) }
}

/** Everything as it was some links ago. */
function withheld(w: World, count: number): Lie {
    return {
        ...teamRecord(w.team, (record) => {
            record.links = record.links.slice(0, count)
            Object.assign(record, { seq: record.links.length - 1, grants: [], olds: [], pending: [] })
        }),
        heads: (heads) => {
            heads.vaults = heads.vaults.filter((head: Said) => hex(head.team) !== w.team)
        },
    }
}

/** Ana signed another link in the place of the team's last one, and only that is shown. */
async function lastReplaced(w: World): Promise<{ told: Lie; real: Bytes; forged: Bytes }> {
    let links: Bytes[] = []
    const keep = teamRecord(w.team, (record) => {
        links = [...record.links]
    })
    await (await Twin.of(w.mary, { lie: keep })).look()
    const c = await collude(w)
    const real = links.at(-1) as Bytes
    const { prev, seq } = parseSigned(real, "team")
    const body = { profile: { email: random(32), name: random(32) } }
    const forged = signRaw(c.ana.keyring, { ...nextFields(c, c.ana, "set_profile", body), prev, seq })
    const head = { seq, hash: sha256(forged) }
    const told: Lie = {
        ...teamRecord(w.team, (record) => {
            Object.assign(record, head, { grants: [], olds: [], pending: [] })
            record.links = record.links.map((link: Bytes) => (hex(link) === hex(real) ? forged : link))
        }),
        heads: (heads) => {
            for (const one of heads.teams) if (hex(one.team) === w.team) Object.assign(one, head)
            heads.vaults = heads.vaults.filter((one: Said) => hex(one.team) !== w.team)
        },
    }
    return { told, real, forged }
}

/** One vault as it was after its first link. */
export function olderVault(vault: string): Lie {
    return {
        records: (records) => {
            for (const record of records) {
                if (record[0] === "vault" && hex(record[1].vault) === vault) record[1].seq = 1
                if (record[0] === "links" && hex(record[1]) === vault) record[3] = record[3].slice(0, 1)
                if (record[0] === "items" && hex(record[1]) === vault)
                    record[2] = record[2].filter((row: Said) => hex(row[0]) === vault)
            }
            return undefined
        },
        ...vaultHead(vault, (head) => (head.seq = 1)),
    }
}

function recordOf(records: Said[], team: string): Said {
    return records.find(([kind, one]) => kind === "team" && hex(one.team) === team)?.[1]
}

function pendingFor(w: World, to: Uint8Array): Lie {
    return teamRecord(w.team, (record) => record.pending.push({ vault: unhex(w.vault), epoch: 2, to }))
}
