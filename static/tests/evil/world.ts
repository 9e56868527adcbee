/**
 * The people whom the server lies to: a real server, six real accounts, two teams, vaults with items and two epochs.
 * Built once for all cases; a case leaves it as it was, but for items that were added.
 */

import { commitTo, sendTeamLink } from "../../src/core/teamlink.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random, unhex } from "../../src/crypto/bytes.ts"
import { Dek, inviteKey } from "../../src/crypto/keys.ts"
import { inviteFragment, parseInviteFragment } from "../../src/crypto/links.ts"
import type { Right, Role } from "../../src/worker/api.ts"
import { cookieFetch, Device } from "../core/device.ts"
import { MemoryStore } from "../core/memory.ts"
import type { Said } from "./lying.ts"
import type { Account } from "./twin.ts"
import { note, Twin, text } from "./twin.ts"

/** Stands in every text that a person typed into an item or a vault's name; no request may carry it. */
export const MARKER = "zz-plain"

const NAMES = ["Ana", "Adam", "Mary", "Rita", "Max", "Zed"] as const
type Name = (typeof NAMES)[number]

export interface Somebody extends Account {
    readonly email: string
    readonly name: string
    /** Member id in the team, hex. */
    member: string
    /** The team's record as the honest server gave it to this account at a first sync. */
    record: Said
}

/** An invitation with its secret, as whoever made it could know it. */
export interface Offered {
    readonly t: Bytes
    readonly hash: Bytes
}

export class World {
    readonly url: string
    readonly folder: string
    readonly #tag = `${Date.now().toString(36)}${hex(random(3))}`
    readonly #people = new Map<string, Somebody>()
    readonly #devices = new Map<string, Device>()
    team = ""
    /** Ana, Adam, Mary, Rita hold it. Two epochs, four items; the first item has two revisions. */
    vault = ""
    /** Ana's, and Zed's until he was removed: nobody has written to it since. */
    other = ""
    /** Another team of Ana's, with a vault. */
    team2 = ""
    vault2 = ""
    readonly items: string[] = []
    /** An item of `other`, and one of `vault2`. */
    otherItem = ""
    item2 = ""
    /** Invitations for a member: open; taken back; of Zed, who was removed since; Mary's, used. */
    readonly offered = new Map<"open" | "revoked" | "dead" | "used", Offered>()
    /** Every DEK there is, by its bytes in hex. Copies: those of a browser are wiped when it locks. */
    readonly deks = new Map<string, Dek>()

    constructor(url: string, folder: string) {
        this.url = url
        this.folder = folder
    }

    get people(): Somebody[] {
        return [...this.#people.values()]
    }

    /** Owner. */
    get ana(): Somebody {
        return this.#of("Ana")
    }

    /** Admin, manages `vault`. */
    get adam(): Somebody {
        return this.#of("Adam")
    }

    /** Writes to `vault`; made its second epoch. */
    get mary(): Somebody {
        return this.#of("Mary")
    }

    /** Reads `vault`. */
    get rita(): Somebody {
        return this.#of("Rita")
    }

    /** Invited by mail and not verified, with `write` on `vault` pending. */
    get max(): Somebody {
        return this.#of("Max")
    }

    /** Was admin and managed both vaults; removed. */
    get zed(): Somebody {
        return this.#of("Zed")
    }

    #of(name: Name): Somebody {
        return this.#people.get(name) as Somebody
    }

    /** From now on it is a secret that is looked for. */
    knowDek(dek: Dek): void {
        this.deks.set(hex(dek.expose()), new Dek(dek.expose()))
    }

    async build(): Promise<void> {
        await Promise.all(NAMES.map((name) => this.signUp(name)))
        const ana = this.#device("Ana")
        await this.#fill(ana)
        await this.#join("Adam", "admin", [[this.vault, "manage"]])
        await this.#join("Mary", "member", [[this.vault, "write"]])
        await this.#join("Rita", "member", [[this.vault, "read"]])
        await this.#join("Max", "member", [[this.vault, "write"]], "mail")
        await this.#join("Zed", "admin", [
            [this.vault, "manage"],
            [this.other, "manage"],
        ])
        await this.#leaveTraces(ana)
        for (const name of NAMES) if (name !== "Zed") await this.#device(name).core.syncNow()
        for (const name of NAMES) if (name !== "Zed") await this.#keep(this.#of(name))
    }

    #device(name: Name): Device {
        return this.#devices.get(name) as Device
    }

    async #fill(ana: Device): Promise<void> {
        this.team = await ana.core.createTeam("Acme")
        this.vault = await ana.core.createVault(this.team, `${MARKER} servers`)
        this.other = await ana.core.createVault(this.team, `${MARKER} other`)
        this.team2 = await ana.core.createTeam("Second")
        this.vault2 = await ana.core.createVault(this.team2, `${MARKER} second`)
        for (const title of ["one", "two", "three"]) this.items.push(await save(ana, this.vault, title))
        await ana.core.saveItem(this.vault, this.items[0] as string, 1, note(`${MARKER} one more`), text(""))
        this.item2 = await save(ana, this.vault2, "second")
    }

    /** Zed writes, invites and is removed; Mary writes in the epoch that this asks for. */
    async #leaveTraces(ana: Device): Promise<void> {
        const [zed, mary] = [this.#device("Zed"), this.#device("Mary")]
        this.otherItem = await save(zed, this.other, "by Zed")
        await mary.core.saveItem(this.vault, this.items[1] as string, 1, note(`${MARKER} by Mary`), text(""))
        this.offered.set("dead", await this.#offer(zed))
        this.offered.set("open", await this.#offer(ana))
        this.offered.set("revoked", await this.#offer(ana))
        await ana.core.revokeInvite(this.team, hex((this.offered.get("revoked") as Offered).hash))
        await ana.core.removeMember(this.team, this.#member("Zed"))
        await mary.core.syncNow()
        this.items.push(await save(mary, this.vault, "four"))
    }

    async #offer(by: Device): Promise<Offered> {
        const { url } = await by.core.invite(this.team, this.emailOf("Nobody"), "member", [], 7)
        const { t, invite } = parseInviteFragment(url.split("#")[1] as string)
        return { t, hash: invite }
    }

    #member(name: Name): string {
        const found = this.#device("Ana").core.session?.context.books.teams.get(this.team)?.state
        const account = hex(this.#of(name).me.account)
        return [...(found?.members.values() ?? [])].find((one) => one.account === account)?.id as string
    }

    emailOf(name: string): string {
        return `${name.toLowerCase()}-${this.#tag}@example.test`
    }

    /** A real sign-up. */
    async signUp(name: string): Promise<Device> {
        const fetcher = cookieFetch()
        const device = new Device(this.url, this.folder, new MemoryStore(), fetcher)
        const email = this.emailOf(name)
        await device.signUp(email, name)
        const me = device.core.session?.context.me
        if (me === undefined) throw new Error("not open")
        const account = { url: this.url, fetcher, me, store: new MemoryStore() }
        this.#people.set(name, { ...account, email, name, member: "", record: null })
        this.#devices.set(name, device)
        return device
    }

    async #join(
        name: Name,
        role: Role,
        vaults: [string, Right][],
        via: "link" | "mail" = "link",
    ): Promise<void> {
        const [ana, device] = [this.#device("Ana"), this.#device(name)]
        const fragment = await this.#invite(name, role, vaults, via)
        await device.core.acceptInvite(fragment, name, "hand")
        await ana.core.syncNow()
        const waiting = ana.team().invites.find((invite) => invite.waiting && invite.role === "admin")
        if (waiting !== undefined) await ana.core.confirmMember(this.team, waiting.hash)
        await ana.core.syncNow()
        await device.core.syncNow()
        this.#of(name).member = this.#member(name)
        const { t, invite } = parseInviteFragment(fragment)
        if (name === "Mary") this.offered.set("used", { t, hash: invite })
    }

    async #invite(name: Name, role: Role, given: [string, Right][], via: "link" | "mail"): Promise<string> {
        const context = this.#device("Ana").core.session?.context
        if (context === undefined) throw new Error("not open")
        const [t, invite] = [random(32), random(16)]
        const key = (await inviteKey(t, unhex(this.team), invite)).public
        const email = commitTo("email", this.emailOf(name))
        const vaults = given.map(([vault, right]) => ({ right, vault: unhex(vault) }))
        const expiry = Date.now() + 86_400_000
        const { link } = await sendTeamLink(context, this.team, "invite", () => ({
            body: { email: email.commitment, expiry, invite, key, role, vaults, via },
            openings: [email.opening],
        }))
        return inviteFragment(t, link.hash)
    }

    /** Visit once as a new browser; keep what it kept, what the server said of the team, and the keys. */
    async #keep(somebody: Somebody): Promise<void> {
        const visitor = await Twin.of(somebody, {
            lie: {
                records: (records) => {
                    const found = records.find(
                        ([kind, one]) => kind === "team" && hex(one.team) === this.team,
                    )
                    if (found !== undefined) somebody.record = structuredClone(found[1])
                    return undefined
                },
            },
        })
        await visitor.look()
        if (visitor.refusals.length > 0) throw new Error(`an honest server is refused: ${visitor.refusals}`)
        // Two looks at once at the sign-up made one vault, not two.
        const personal = [...visitor.context.books.teams.values()].filter(
            (team) => team.state.kind === "personal",
        )
        if (personal.length !== 1 || personal[0]?.vaults.size !== 1) throw new Error("not one personal vault")
        somebody.member = this.#member(somebody.name as Name)
        for (const team of visitor.context.books.teams.values())
            for (const { ring } of team.vaults.values()) for (const dek of ring.values()) this.knowDek(dek)
        somebody.store = await visitor.close()
    }
}

async function save(device: Device, vault: string, title: string): Promise<string> {
    const name = `${MARKER} ${title}`
    return (await device.core.saveItem(vault, null, 0, note(name), text(name))).item
}
