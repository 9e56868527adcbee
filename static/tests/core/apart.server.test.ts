/**
 * Under test: an item under my item's id in another vault. An honest server takes no such item; one that lies serves what
 * somebody signed in a vault that I hold. Both are what they are, each in its vault.
 */
import { encode as encodeLoosely } from "cborg"
import { expect, inject, it } from "vitest"
import type { Method, Response } from "../../src/core/transport.ts"
import { decodeSequence } from "../../src/core/transport.ts"
import { saveItem } from "../../src/core/write.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, unhex } from "../../src/crypto/bytes.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import { parseSigned } from "../../src/crypto/links.ts"
import type { Details, Overview } from "../../src/worker/api.ts"
import { Device } from "./device.ts"

const [url, folder] = [inject("url"), inject("folder")]
const TAG = Date.now().toString(36)
const emailOf = (name: string) => `apart-${name}-${TAG}@example.test`
// biome-ignore lint/suspicious/noExplicitAny: what a server that lies writes is of no type
type Said = any

const database = (host: string): Overview => ({
    ...{ type: "database", title: "prod database", host, tags: [], trash: null },
})
const password = (value: string): Details => ({
    fields: [{ id: "password", kind: "secret", label: "Password", value }],
    note: "",
})

/** What Mallory sends to the server: it says that it is not available, and keeps it. */
async function signedBy(mallory: Device, vault: string, item: string): Promise<Said> {
    mallory.transport.bend = async (_method, path, send) =>
        path.endsWith("/changes") ? { status: 503, headers: new Map(), body: new Uint8Array() } : send()
    const context = mallory.core.session?.context
    if (context === undefined) throw new Error("not open")
    const [overview, details] = [database("db.mallory.example"), password("bait")]
    await saveItem(context, vault, item, 0, overview, details, null).catch(() => undefined)
    const sent = mallory.transport.sent.findLast(({ path }) => path.endsWith("/changes"))
    return decode(sent?.body as Bytes)
}

/** Serve it, with its blobs, as the next link of Mallory's vault. */
function serving(team: string, vault: string, item: string, { link, blobs }: Said) {
    const change = parseSigned(link as Bytes, "vault")
    const head = { seq: change.seq, hash: change.hash }
    const [blob] = blobs
    const answered = (records: Said[]): Bytes => {
        const end = records.pop()
        for (const one of records[0][1].vaults) if (hex(one.vault) === vault) Object.assign(one, head)
        records.push(["vault", { team: unhex(team), vault: unhex(vault), ...head }])
        const row = [unhex(item), 1, 1, change.actor, blob.c_details, blob.overview]
        records.push(["items", unhex(vault), [row]], ["links", unhex(vault), change.seq, [link]], end)
        return new Uint8Array(Buffer.concat(records.map((record) => encodeLoosely(record))))
    }
    return async (_method: Method, path: string, send: () => Promise<Response>): Promise<Response> => {
        const isItem = path.includes("/items/") && path.replaceAll("-", "").includes(vault)
        if (isItem)
            return { status: 200, headers: new Map(), body: encode({ ...blob, revision: 1, epoch: 1 }) }
        const answer = await send()
        if (path !== "sync" || answer.status !== 200) return answer
        return { ...answer, headers: new Map(), body: answered(decodeSequence(answer.body) as Said[]) }
    }
}

it("takes the place of nothing, and is shown beside it, each bound to its vault", {
    timeout: 60_000,
}, async () => {
    const ana = await new Device(url, folder).signUp(emailOf("ana"), "Ana")
    const mallory = await new Device(url, folder).signUp(emailOf("mallory"), "Mallory")
    const team = await ana.core.createTeam("Acme")
    const mine = await ana.core.createVault(team, "Production")
    const { item } = await ana.core.saveItem(mine, null, 0, database("db.acme.internal"), password("s3cret"))
    const link = await ana.core.invite(team, emailOf("mallory"), "member", [], 7)
    await mallory.core.acceptInvite(link.url.split("#")[1] as string, "Mallory", "hand")
    for (let round = 0; round < 2; round++) for (const one of [ana, mallory]) await one.core.syncNow()
    const theirs = await mallory.core.createVault(team, "Production")
    const me = ana.team().members.find((member) => member.me)?.id as string
    await mallory.core.grantVault(theirs, me, "write")
    for (let round = 0; round < 2; round++) for (const one of [ana, mallory]) await one.core.syncNow()

    const body = await signedBy(mallory, theirs, item)
    ana.transport.bend = serving(team, theirs, item, body)
    mallory.transport.bend = null
    // Something must have changed, or the server says that nothing has.
    await mallory.core.createVault(team, "Other")
    for (let round = 0; round < 2; round++) await ana.core.syncNow()
    const hosts = (vault: string | null) =>
        ana.index.list(vault, false, "title").map(({ overview }) => overview.host)
    expect(ana.index.get(theirs, item)).toMatchObject({
        verified: true,
        overview: { host: "db.mallory.example" },
    })
    expect(hosts(mine)).toEqual(["db.acme.internal"])
    expect(hosts(null).toSorted()).toEqual(["db.acme.internal", "db.mallory.example"])
    const valueIn = async (vault: string) =>
        (await ana.core.openItem(vault, item)).details.fields.map(({ value }) => value)
    expect([await valueIn(mine), await valueIn(theirs)]).toEqual([["s3cret"], ["bait"]])
    // Mallory takes hers away again: mine stays.
    await mallory.core.revokeVault(theirs, me)
    ana.transport.bend = null
    await ana.core.syncNow()
    expect(hosts(null)).toEqual(["db.acme.internal"])
})
