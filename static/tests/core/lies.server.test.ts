/** Under test: what the client refuses when the server lies. The answers are the real server's, bent on their way. */
import { encode as encodeCbor } from "cborg"
import { beforeAll, beforeEach, describe, expect, inject, it } from "vitest"
import type { Response } from "../../src/core/transport.ts"
import { decodeSequence } from "../../src/core/transport.ts"
import { hex, random, unhex } from "../../src/crypto/bytes.ts"
import type { Dek } from "../../src/crypto/keys.ts"
import { open } from "../../src/crypto/seal.ts"
import type { Details, Overview } from "../../src/worker/api.ts"
import { Device, PASSWORD } from "./device.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const ANA = `ana-lies-${tag}@example.test`
const BEN = `ben-lies-${tag}@example.test`
const EVE = `eve-lies-${tag}@example.test`

const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const body = (text: string): Details => ({ fields: [], note: text })

// biome-ignore lint/suspicious/noExplicitAny: records are bent here in every possible way.
type Record = any[]
type Bender = (records: Record) => Record

function encoded(response: Response, values: readonly unknown[]): Response {
    const body = new Uint8Array(
        Buffer.concat(values.map((value) => encodeCbor(value))),
    ) as Uint8Array<ArrayBuffer>
    return { ...response, body }
}

/** Bend what a sync says: of the heads, and of what follows them. */
function lie(
    device: Device,
    records: Bender,
    heads: (heads: Record[number]) => void = () => undefined,
): void {
    device.transport.bend = async (_method, path, send) => {
        const response = await send()
        if (path !== "sync" || response.status !== 200) return response
        const [first, ...rest] = decodeSequence(response.body) as Record
        heads(first[1])
        return encoded(response, [first, ...records(rest)])
    }
}

describe("against a server that lies", { timeout: 60_000 }, () => {
    const ana = new Device(url, folder)
    const eve = new Device(url, folder)
    let team = ""
    let vault = ""
    const items: string[] = []
    let fresh: Device

    beforeAll(async () => {
        await ana.signUp(ANA, "Ana")
        await eve.signUp(EVE, "Eve")
        await eve.core.createTeam("Evil")
        team = await ana.core.createTeam("Acme")
        vault = await ana.core.createVault(team, "Servers")
        for (const title of ["one", "two", "three"]) {
            items.push((await ana.core.saveItem(vault, null, 0, note(title), body(title))).item)
        }
    }, 60_000)

    beforeEach(() => {
        fresh = new Device(url, folder)
    })

    const refusals = (device: Device) => device.snapshot.refusals.map(({ id }) => id)

    /** Name to the browser under test the team's head before the last one. */
    const withholdTeamHead = () =>
        lie(
            fresh,
            (records) => records,
            (heads) => {
                for (const head of heads.teams) if (hex(head.team) === team) head.seq -= 1
            },
        )

    it("refuses a team whose chain does not carry me", async () => {
        let theirs: Record = []
        const eves = new Device(url, folder)
        lie(eves, (records) => {
            theirs = [...theirs, ...records.filter(([kind]) => kind === "team")]
            return records
        })
        await eves.signIn(EVE)
        expect(theirs.length).toBeGreaterThan(0)
        lie(
            fresh,
            (records) => (records.some(([kind]) => kind === "team") ? [...theirs, ...records] : records),
            (heads) =>
                heads.teams.push(
                    ...theirs.map(([, { team, seq, hash, stir }]) => ({ team, seq, hash, stir })),
                ),
        )
        await fresh.signIn(ANA)
        expect(refusals(fresh)).toContain("R13.team")
        expect(fresh.snapshot.teams.some(({ name }) => name === "Evil")).toBe(false)
    })

    it("refuses a vault of which an item was dropped", async () => {
        lie(fresh, (records) =>
            records.map((record) =>
                record[0] === "items" && hex(record[1]) === vault
                    ? ["items", record[1], record[2].slice(0, -1)]
                    : record,
            ),
        )
        await fresh.signIn(ANA)
        expect(refusals(fresh)).toEqual(["R12.items"])
        expect(fresh.vault(vault).state).toBe("refused")
        const before = fresh.transport.sent.length
        await expect(fresh.core.saveItem(vault, null, 0, note("x"), body("x"))).rejects.toMatchObject({
            code: "frozen",
        })
        expect(fresh.transport.sent.length).toBe(before)
    })

    it("refuses two items whose overviews were swapped", async () => {
        lie(fresh, (records) =>
            records.map((record) => {
                if (record[0] !== "items" || hex(record[1]) !== vault) return record
                const rows = record[2].map((row: Record) => [...row])
                const [one, two] = rows.filter((row: Record) => items.includes(hex(row[0])))
                ;[one[5], two[5]] = [two[5], one[5]]
                return ["items", record[1], rows]
            }),
        )
        await fresh.signIn(ANA)
        expect(refusals(fresh)).toEqual(["R7.open", "R7.open"])
        // That they are there is shown; what they say is not.
        const read = items.map((item) => fresh.rows.get(item)?.overview)
        expect(read.map((overview) => overview?.isUnreadable ?? false).toSorted()).toEqual([
            false,
            true,
            true,
        ])
        expect(read.filter((overview) => overview?.title !== "")).toHaveLength(1)
    })

    it("refuses details that belong to another item", async () => {
        await fresh.signIn(ANA)
        const path = (item: string) =>
            fresh.transport.sent.find((sent) => sent.path.includes(item.slice(-12)))
        expect(path(items[0] as string)).toBeUndefined()
        fresh.transport.bend = async (_method, path, send) => {
            const response = await send()
            if (!path.includes("/items/")) return response
            const answer = decodeSequence(response.body)[0] as { details: Uint8Array }
            const details = answer.details.slice()
            details[details.length - 1] = (details[details.length - 1] as number) ^ 1
            return encoded(response, [{ ...answer, details }])
        }
        await expect(fresh.core.openItem(vault, items[0] as string)).rejects.toMatchObject({
            refusal: "R7.open",
            // By this the page finds this item's report among others of the same id.
            place: { team, vault, item: items[0] },
        })
        fresh.transport.bend = null
        // What was refused once is not tried again.
        await expect(fresh.core.openItem(vault, items[0] as string)).rejects.toMatchObject({
            code: "refused",
            refusal: "R7.open",
            place: { team, vault, item: items[0] },
        })
    })

    it("refuses an older head than this browser has seen", async () => {
        await fresh.signIn(ANA)
        withholdTeamHead()
        await ana.core.saveItem(vault, null, 0, note("more"), body("more"))
        await fresh.core.syncNow()
        expect(refusals(fresh)).toEqual(["T4.older"])
        expect(fresh.team().state).toBe("frozen")
    })

    it("refuses a state older than the pins, on a browser that has no cache", async () => {
        lie(
            fresh,
            (records) =>
                records.map((record) => {
                    if (record[0] !== "team" || hex(record[1].team) !== team) return record
                    const links = record[1].links.slice(0, 1)
                    return ["team", { ...record[1], seq: 0, links, grants: [], olds: [], pending: [] }]
                }),
            (heads) => {
                heads.vaults = []
            },
        )
        await fresh.signIn(ANA)
        expect(refusals(fresh)).toEqual(["T4.older"])
    })

    it("refuses another history at the same place", async () => {
        await fresh.signIn(ANA)
        lie(
            fresh,
            (records) => records,
            (heads) => {
                for (const head of heads.vaults) if (hex(head.vault) === vault) head.hash = random(32)
            },
        )
        const personal = ana.team("personal").vaults[0]?.id as string
        await ana.core.saveItem(personal, null, 0, note("elsewhere"), body("elsewhere"))
        await fresh.core.syncNow()
        expect(refusals(fresh)).toEqual(["T4.fork"])
        expect([fresh.vault(vault).state, fresh.vault(personal).state]).toEqual(["refused", "ready"])
        expect(fresh.rows.has(items[0] as string)).toBe(true)
    })

    it("refuses a link of which one bit is another", async () => {
        await fresh.signIn(ANA)
        await ana.core.saveItem(vault, null, 0, note("bit"), body("bit"))
        lie(fresh, (records) =>
            records.map((record) => {
                if (record[0] !== "links" || hex(record[1]) !== vault) return record
                const links = record[3].map((link: Uint8Array) => {
                    const bent = link.slice()
                    bent[bent.length - 1] = (bent.at(-1) as number) ^ 1
                    return bent
                })
                return ["links", record[1], record[2], links]
            }),
        )
        await fresh.core.syncNow()
        expect(refusals(fresh)).toEqual(["T1.sig"])
        expect(fresh.vault(vault).state).toBe("refused")
    })

    it("uses no grant that was made for another vault", async () => {
        const other = await ana.core.createVault(team, "Other")
        await ana.core.syncNow()
        const epoch = ana.core.session?.context.books.vault(vault)?.epoch as number
        lie(fresh, (records) =>
            records.map((record) => {
                if (record[0] !== "team" || hex(record[1].team) !== team) return record
                const grants: { vault: Uint8Array }[] = record[1].grants
                const wrong = grants.find((grant) => hex(grant.vault) === other)
                return [
                    "team",
                    {
                        ...record[1],
                        grants: grants.map((grant) =>
                            hex(grant.vault) === vault ? { ...wrong, vault: unhex(vault) } : grant,
                        ),
                    },
                ]
            }),
        )
        await fresh.signIn(ANA)
        // A manager whose key was kept back may make a new one; what was shown instead opens and seals nothing.
        const ring = fresh.core.session?.context.books.vault(vault)?.ring.keys() ?? []
        expect([...ring].filter((held) => held <= epoch)).toEqual([])
        await expect(fresh.core.openItem(vault, items[1] as string)).rejects.toMatchObject({
            code: expect.stringMatching(/no_key|waiting/),
        })
    })

    /** Have false grants beside the true ones: each is a true one with other bytes as its signature. */
    const falseGrants = (device: Device, sigs: readonly Uint8Array[]) =>
        lie(
            device,
            (records) =>
                records.map((record) => {
                    if (record[0] !== "team" || hex(record[1].team) !== team) return record
                    const grants: Record = record[1].grants
                    const mine = grants.find((grant) => hex(grant.vault) === vault)
                    const added = sigs.map((sig) => ({ ...mine, sig, opened: false }))
                    return ["team", { ...record[1], grants: [...grants, ...added] }]
                }),
            (heads) => {
                // The server says that something moved, as it does when a grant was stored.
                for (const head of heads.teams) head.stir += 1
            },
        )

    it("says once of a false key that stays stored what it is; another one is news", async () => {
        const [one, two] = [random(64), random(64)]
        const told = (device: Device) =>
            device.snapshot.refusals.map(({ id, isKnown }) => [id, isKnown] as const)
        falseGrants(fresh, [one])
        const begun = Date.now()
        await fresh.signIn(ANA)
        expect(told(fresh)).toEqual([["T7.sig", false]])
        const [first] = fresh.snapshot.refusals
        expect(first?.at).toBeGreaterThanOrEqual(begun)
        expect(first?.at).toBeLessThanOrEqual(Date.now())
        const visit = async (): Promise<void> => {
            await fresh.core.lock()
            await fresh.core.unlock(PASSWORD)
            await fresh.core.syncNow()
        }
        // Nobody has looked at it yet.
        await visit()
        expect(told(fresh)).toEqual([["T7.sig", false]])
        const shown = fresh.snapshot.refusals[0]
        await fresh.core.lookedAt(shown?.key as string)
        expect(told(fresh)).toEqual([["T7.sig", true]])
        await visit()
        expect(told(fresh)).toEqual([["T7.sig", true]])
        expect(fresh.snapshot.refusals[0]?.at).toBe(shown?.at)
        expect(fresh.vault(vault).state).toBe("ready")

        falseGrants(fresh, [one, two])
        await visit()
        expect(told(fresh)).toEqual([
            ["T7.sig", true],
            ["T7.sig", false],
        ])
        falseGrants(fresh, [])
        await visit()
        expect(told(fresh)).toEqual([])
        // Another browser knows nothing of what was looked at here.
        const other = new Device(url, folder)
        falseGrants(other, [one])
        await other.signIn(ANA)
        expect(told(other)).toEqual([["T7.sig", false]])
    })

    /** Have a team not be there, or be there as one whose keys cannot be reached. */
    const without = (device: Device, id: string, shut = false) =>
        lie(
            device,
            (records) =>
                records.filter(([kind, what]) => {
                    if (kind === "team") return hex(what.team) !== id
                    return !(what instanceof Uint8Array) || hex(what) !== vault
                }),
            (heads) => {
                heads.teams = heads.teams.filter((head: Record[number]) => hex(head.team) !== id)
                heads.vaults = heads.vaults.filter((head: Record[number]) => hex(head.team) !== id)
                if (shut) heads.teams.push({ error: "kms_unavailable", team: unhex(id) })
            },
        )

    it("tells a new browser that a team which its pins name is not shown", async () => {
        without(fresh, team)
        await fresh.signIn(ANA)
        expect(fresh.snapshot.teams.map(({ id }) => id)).not.toContain(team)
        expect(fresh.snapshot).toMatchObject({ withheld: 1, newBrowser: true, refusals: [] })
        await fresh.core.toldOfWithheld()
        expect(fresh.snapshot.withheld).toBe(0)
        await fresh.core.lock()
        await fresh.core.unlock(PASSWORD)
        await fresh.core.syncNow()
        expect(fresh.snapshot.withheld).toBe(0)

        const other = new Device(url, folder)
        without(other, team, true)
        await other.signIn(ANA)
        expect(other.snapshot).toMatchObject({ withheld: 0, kmsUnavailable: true })
        other.transport.bend = null
        await ana.core.saveItem(vault, null, 0, note("meanwhile"), body("more"))
        await other.core.syncNow()
        expect(other.snapshot).toMatchObject({ withheld: 0, kmsUnavailable: false })
        expect(other.vault(vault).state).toBe("ready")
    })

    it("keeps no note of what was looked at where something is frozen", async () => {
        await fresh.signIn(ANA)
        withholdTeamHead()
        await ana.core.saveItem(vault, null, 0, note("still more"), body("more"))
        await fresh.core.syncNow()
        const [older] = fresh.snapshot.refusals
        expect(older).toMatchObject({ id: "T4.older", isLasting: false, isKnown: false })
        await fresh.core.lookedAt(older?.key as string)
        expect(fresh.snapshot.refusals).toEqual([older])
    })

    it("stops before KE3 if the server's key changed", async () => {
        await fresh.store.put("server_key", random(32))
        await fresh.core.start()
        await expect(fresh.core.signIn(ANA, PASSWORD)).rejects.toMatchObject({ refusal: "A3.server_key" })
        expect(fresh.transport.sent.map(({ path }) => path)).not.toContain("login/finish")
    })

    it.each([
        ["no keyring", "R17.keyring", (bundle: Record[number]) => ({ ...bundle, keyring: null })],
        [
            "a short wrap",
            "R17.bundle",
            (bundle: Record[number]) => ({
                ...bundle,
                wrap: { ...bundle.wrap, blob: bundle.wrap.blob.slice(1) },
            }),
        ],
        ["another suite", "R10.kdf", (bundle: Record[number]) => ({ ...bundle, suite: 2 })],
        ["an extra field", "R17.bundle", (bundle: Record[number]) => ({ ...bundle, auto_recover: true })],
        ["another account", "A4.bundle", (bundle: Record[number]) => ({ ...bundle, account: random(16) })],
    ])("writes nothing after a bundle with %s", async (_name, refusal, bend) => {
        fresh.transport.bend = async (_method, path, send) => {
            const response = await send()
            if (path !== "login/finish") return response
            const answer = decodeSequence(response.body)[0] as { bundle: unknown }
            return encoded(response, [{ ...answer, bundle: bend(answer.bundle) }])
        }
        await fresh.core.start()
        await expect(fresh.core.signIn(ANA, PASSWORD)).rejects.toMatchObject({ refusal })
        expect(fresh.transport.sent.at(-1)?.path).toBe("login/finish")
        expect(fresh.snapshot.phase).toBe("anonymous")
    })

    it("a removed member's keys open nothing that is written afterwards", async () => {
        const ben = await new Device(url, folder).signUp(BEN, "Ben")
        const { url: link } = await ana.core.invite(team, BEN, "member", [{ vault, right: "read" }], 1)
        await ben.core.acceptInvite(link.split("#")[1] as string, "Ben", "hand")
        for (const device of [ana, ben]) await device.core.syncNow()
        const ring = [...(ben.core.session?.context.books.vault(vault)?.ring ?? [])] as [number, Dek][]
        expect(ring).toHaveLength(1)
        const member = ana.team().members.find(({ name }) => name === "Ben")?.id as string
        await ana.core.removeMember(team, member)
        const { item } = await ana.core.saveItem(vault, null, 0, note("after"), body("after"))
        const row = ana.core.session?.context.books.vault(vault)?.rows.get(item)
        expect(row?.epoch).toBe(2)
        let overview = new Uint8Array()
        ana.transport.bend = async (_method, path, send) => {
            const response = await send()
            if (path.includes("/items/"))
                overview = (decodeSequence(response.body)[0] as { overview: Uint8Array<ArrayBuffer> })
                    .overview
            return response
        }
        await ana.core.openItem(vault, item)
        ana.transport.bend = null
        const context = {
            author: unhex(row?.author as string),
            item: unhex(item),
            part: "overview",
            revision: 1,
            team: unhex(team),
            vault: unhex(vault),
        } as const
        for (const [, dek] of ring) {
            for (const epoch of [1, 2])
                await expect(open(dek, "coffret/item/v1", { ...context, epoch }, overview)).rejects.toThrow()
        }
    })
})
