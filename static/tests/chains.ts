/** Teams with real keys, for tests: people, a team's chain, vaults with DEKs, changes, grants. */
import type { Id, TeamState } from "../src/chain/team"
import { foldTeam, stepParsed } from "../src/chain/team"
import type { VaultState } from "../src/chain/vault"
import { startVault, step as vaultStep } from "../src/chain/vault"
import type { Bodies, Entry, Right, Role, TeamType } from "../src/crypto/bodies"
import type { Bytes } from "../src/crypto/bytes"
import { hex, random, utf8 } from "../src/crypto/bytes"
import { makeGrant } from "../src/crypto/grants"
import { Dek, dekCommit, inviteKey, Keyring, profileCommitment, teamId } from "../src/crypto/keys"
import type { Head, Parsed, TeamLink, VaultLink } from "../src/crypto/links"
import { makeAccept, signLink } from "../src/crypto/links"
import { pad, partCommitment, revisionHash, sealPart } from "../src/crypto/parts"

const ZERO16 = new Uint8Array(16)
const ZERO32 = new Uint8Array(32)

/** Unix ms of the first link of every team here; each further link is a second later. */
export const START = 1_700_000_000_000

/** Somebody with an account, whose member id is of one team. */
export class Person {
    readonly name: string
    readonly account = random(16)
    readonly keyring = Keyring.generate()
    readonly salts = { name: random(32), email: random(32) }
    member: Bytes = random(16)

    constructor(name: string) {
        this.name = name
    }

    get id(): Id {
        return hex(this.member)
    }

    get email(): string {
        return `${this.name}@example.org`
    }

    get profile() {
        return {
            email: profileCommitment("email", this.email, this.salts.email),
            name: profileCommitment("name", this.name, this.salts.name),
        }
    }
}

/** A vault with what its honest members know of it. */
export interface VaultKit {
    readonly id: Id
    readonly bytes: Bytes
    /** DEKs by epoch − 1. */
    readonly deks: Dek[]
    readonly links: Bytes[]
    state: VaultState
}

/** Someone's invitation, as far as the link that they hold. */
export interface Invitation {
    readonly t: Bytes
    readonly hash: Bytes
    readonly invite: Bytes
    readonly team: Bytes
}

export interface InviteChoice {
    readonly role?: Role
    readonly vaults?: readonly { vault: VaultKit; right: Right }[]
    readonly via?: "link" | "mail"
    readonly expiry?: number
}

/** A team whose every link is signed, parsed and folded as it is made. */
export class TeamBuilder {
    readonly founder: Person
    readonly id: Bytes
    readonly nameSalt = random(32)
    readonly links: Bytes[] = []
    readonly vaults: VaultKit[] = []
    readonly state: TeamState

    /** @param known - a team that is there already, to go on from; it is changed. */
    constructor(
        founder: Person = new Person("olive"),
        kind: "team" | "personal" = "team",
        known: TeamState | null = null,
    ) {
        this.founder = founder
        if (known !== null) {
            this.id = known.id
            this.state = known
            return
        }
        const { account, keyring, member, profile } = founder
        const keys = { box: keyring.box.public, identity: keyring.identity.public, suite: 1 }
        const name = profileCommitment("team", "Orchard", this.nameSalt)
        const body = { founder: { account, ...keys, member, profile }, kind, name, nonce: random(32) }
        const place = { actor: member, at: START, chain: ZERO16, prev: ZERO32, seen: null, seq: 0 }
        const genesis = signLink(keyring, { ...place, body, type: "genesis" })
        this.id = teamId(genesis.link)
        this.links.push(genesis.signed)
        this.state = stepParsed(null, genesis)
    }

    get head(): Head {
        return { hash: this.state.head, seq: this.state.seq }
    }

    /** Sign the next link, whatever it says; it is not appended. */
    sign<T extends TeamType>(
        by: Person,
        type: T,
        body: Bodies[T],
        at = START + 1_000 * (this.state.seq + 1),
    ): Parsed<T> {
        const { head, seq } = this.state
        const place = { actor: by.member, at, chain: this.id, prev: head, seen: null, seq: seq + 1 }
        return signLink<T>(by.keyring, { ...place, body, type })
    }

    /**
     * Sign the next link and append it.
     *
     * @throws {Refused} if the fold refuses it.
     */
    add<T extends TeamType>(by: Person, type: T, body: Bodies[T], at?: number): Parsed<T> {
        const link = this.sign(by, type, body, at)
        stepParsed(this.state, link as TeamLink)
        this.links.push(link.signed)
        return link
    }

    async invite(by: Person, whom: Person, choice: InviteChoice = {}): Promise<Invitation> {
        const { role = "member", vaults = [], via = "link", expiry = Number.MAX_SAFE_INTEGER } = choice
        const [t, invite] = [random(32), random(16)]
        const key = (await inviteKey(t, this.id, invite)).public
        const given = vaults.map(({ vault, right }) => ({ right, vault: vault.bytes }))
        const email = whom.profile.email
        const link = this.add(by, "invite", { email, expiry, invite, key, role, vaults: given, via })
        return { t, hash: link.hash, invite, team: this.id }
    }

    /** What an invitee signs; it becomes the body of `add_member`. */
    async accept(whom: Person, invitation: Invitation): Promise<Bodies["add_member"]> {
        const key = await inviteKey(invitation.t, invitation.team, invitation.invite)
        const { account, member, profile } = whom
        return makeAccept(whom.keyring, key, {
            account,
            invite: invitation.hash,
            member,
            profile,
            team: this.id,
        })
    }

    /** Invite somebody and add them. */
    async join(by: Person, whom: Person, choice: InviteChoice = {}): Promise<Person> {
        this.add(by, "add_member", await this.accept(whom, await this.invite(by, whom, choice)))
        return whom
    }

    createVault(by: Person): VaultKit {
        const [bytes, dek] = [random(16), Dek.generate()]
        const commit = dekCommit(dek, { team: this.id, vault: bytes, epoch: 1 })
        this.add(by, "vault_create", { dek_commit: commit, epoch: 1, vault: bytes })
        const kit = {
            id: hex(bytes),
            bytes,
            deks: [dek],
            links: [],
            state: startVault(this.state, hex(bytes)),
        }
        this.vaults.push(kit)
        return kit
    }

    /** The cut of some vaults at their heads. */
    cut(vaults: readonly VaultKit[]) {
        return vaults.map(({ bytes, state }) => ({ hash: state.head, seq: state.seq, vault: bytes }))
    }

    /** The cut of every vault in which somebody holds a right. */
    cutOf(whom: Person) {
        return this.cut(this.vaults.filter((vault) => this.state.rightAt(vault.id, whom.id) > 0))
    }

    grantRight(by: Person, whom: Person, vault: VaultKit, right: Right): void {
        const lowers = this.state.rightAt(vault.id, whom.id) > { read: 1, write: 2, manage: 3 }[right]
        this.add(by, "vault_grant", {
            cut: this.cut(lowers ? [vault] : []),
            member: whom.member,
            right,
            vault: vault.bytes,
        })
    }

    revoke(by: Person, whom: Person, vault: VaultKit): void {
        this.add(by, "vault_revoke", { cut: this.cut([vault]), member: whom.member, vault: vault.bytes })
    }

    remove(by: Person, whom: Person): void {
        this.add(by, "remove_member", { cut: this.cutOf(whom), member: whom.member })
    }

    setRole(by: Person, whom: Person, role: Role): void {
        this.add(by, "set_role", {
            cut: role === "auditor" ? this.cutOf(whom) : [],
            member: whom.member,
            role,
        })
    }

    rotate(by: Person, vault: VaultKit): Dek {
        const dek = Dek.generate()
        const epoch = vault.deks.length + 1
        const commit = dekCommit(dek, { team: this.id, vault: vault.bytes, epoch })
        this.add(by, "vault_rotate", {
            cut: this.cut([vault]),
            dek_commit: commit,
            epoch,
            vault: vault.bytes,
        })
        vault.deks.push(dek)
        return dek
    }

    /** Sign the next link of a vault, whatever it says; it is not appended. */
    signChange(by: Person, vault: VaultKit, entries: readonly Entry[], seen: Head = this.head): VaultLink {
        const { head, seq } = vault.state
        const place = {
            actor: by.member,
            at: START + 1_000 * seq,
            chain: vault.bytes,
            prev: head,
            seen,
            seq: seq + 1,
        }
        const epoch = this.state.vaults.get(vault.id)?.epochAt(seen.seq) ?? 1
        return signLink(by.keyring, { ...place, body: { entries, epoch }, type: "change" })
    }

    /** @throws {Refused} if the fold refuses it. */
    change(by: Person, vault: VaultKit, entries: readonly Entry[]): VaultLink {
        const link = this.signChange(by, vault, entries)
        vaultStep(this.state, vault.state, link.signed)
        vault.links.push(link.signed)
        return link
    }

    /** Write one revision of an item, with its two blobs. */
    async write(by: Person, vault: VaultKit, item: Bytes, overview: string, details: string) {
        const parts = { overview: pad(utf8(overview)), details: pad(utf8(details)) }
        const c = {
            overview: partCommitment("overview", parts.overview),
            details: partCommitment("details", parts.details),
        }
        const hash = revisionHash(c.overview, c.details)
        const revision = vault.state.revisionOf(hex(item)) + 1
        const epoch = vault.deks.length
        const link = this.change(by, vault, [[item, revision, hash]])
        const place = { author: by.member, epoch, item, revision, team: this.id, vault: vault.bytes }
        const dek = vault.deks[epoch - 1] as Dek
        const blobs = {
            overview: await sealPart(dek, { ...place, part: "overview" }, parts.overview),
            details: await sealPart(dek, { ...place, part: "details" }, parts.details),
        }
        return { link, place, hash, commitments: c, blobs }
    }

    /** `CBOR{grant, sig}` of a vault's DEK, sealed to a member at the present team head. */
    grant(
        by: Person,
        whom: Person,
        vault: VaultKit,
        epoch = vault.deks.length,
        head: Head = this.head,
    ): Bytes {
        const to = { fp: whom.keyring.fp, box: whom.keyring.box.public }
        const at = { team: this.id, vault: vault.bytes, epoch }
        return makeGrant(by.keyring, vault.deks[epoch - 1] as Dek, at, to, head).stored
    }

    /** The hash of the team's link at `seq`, as a head. */
    headAt(seq: number): Head {
        return { hash: this.state.hashes.at(seq), seq }
    }
}

/** A team of `olive` (owner) with `adam` (admin), `mary` (member, writes), `rita` (reads) and one vault. */
export async function orchard() {
    const team = new TeamBuilder()
    const olive = team.founder
    const vault = team.createVault(olive)
    const adam = await team.join(olive, new Person("adam"), {
        role: "admin",
        vaults: [{ vault, right: "manage" }],
    })
    const mary = await team.join(adam, new Person("mary"), { vaults: [{ vault, right: "write" }] })
    const rita = await team.join(adam, new Person("rita"), { vaults: [{ vault, right: "read" }] })
    return { team, vault, olive, adam, mary, rita }
}

/** A team with some of everything, and a vault of five links. */
export async function busy() {
    const { team, vault, olive, adam, mary, rita } = await orchard()
    const items = [random(16), random(16), vault.bytes]
    await team.write(olive, vault, vault.bytes, "Production", "")
    await team.write(mary, vault, items[0] as Bytes, "web", "secret")
    team.remove(adam, rita)
    team.rotate(mary, vault)
    await team.write(mary, vault, items[0] as Bytes, "web", "secret 2")
    const guest = await team.join(adam, new Person("gus"), {
        via: "mail",
        vaults: [{ vault, right: "read" }],
    })
    team.add(olive, "verify", { fp: guest.keyring.fp, how: "words", member: guest.member })
    await team.write(adam, vault, items[1] as Bytes, "db", "secret")
    team.change(adam, vault, [[items[1] as Bytes, 2, null]])
    team.setRole(olive, adam, "member")
    return { team, vault, olive, adam, mary, rita, guest, items }
}

/** The state after honest links. */
export function fold(links: readonly Bytes[]): TeamState {
    const { state, refusal } = foldTeam(links)
    if (state === null || refusal !== null) throw new Error(`refused: ${refusal}`)
    return state
}
