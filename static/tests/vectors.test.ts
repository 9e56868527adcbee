// @vitest-environment node
// The vectors of tests/vectors, which Python writes and checks too: the same verdict, refusal and digest here.
import { readdirSync, readFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { grantVerdict } from "../src/chain/grant"
import { isRefusal } from "../src/chain/refusals"
import type { TeamState } from "../src/chain/team"
import { foldTeam, digest as teamDigest } from "../src/chain/team"
import { foldVault, startVault, digest as vaultDigest } from "../src/chain/vault"
import type { Bytes } from "../src/crypto/bytes"
import { concat, hex, unhex } from "../src/crypto/bytes"
import type { Value } from "../src/crypto/cbor"
import { decode, encode } from "../src/crypto/cbor"
import { DecryptionError, Refused, Waiting } from "../src/crypto/errors"
import {
    BoxKey,
    Dek,
    dekCommit,
    deriveAuk,
    deriveKit,
    fingerprint,
    IdentityKey,
    inviteKey,
    Keyring,
    profileCommitment,
    teamId,
} from "../src/crypto/keys"
import { parseAccept, parseSigned, verifyAccept } from "../src/crypto/links"
import { pad, padme, partCommitment, revisionHash, unpad } from "../src/crypto/parts"
import type { Label } from "../src/crypto/seal"
import { open } from "../src/crypto/seal"
import { sodiumReady, validBoxKey, validSigningKey, verify } from "../src/crypto/sodium"
import type { WordsKind } from "../src/crypto/words"
import { safetyWords } from "../src/crypto/words"

const FOLDER = new URL("../../tests/vectors/", import.meta.url)
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"))

type Always = "name" | "verdict"
type Field =
    | (
          | "accept"
          | "account"
          | "account_secret"
          | "by_identity"
          | "by_invite"
          | "bytes"
          | "chain"
          | "code"
          | "context"
      )
    | (
          | "count"
          | "cred"
          | "dek"
          | "deployment"
          | "details"
          | "epoch"
          | "export_key"
          | "fill"
          | "genesis"
          | "hash"
      )
    | ("box" | "identity" | "identity_seed" | "invite" | "invite_key" | "key" | "kind" | "label" | "message")
    | (
          | "overview"
          | "padded"
          | "plaintext"
          | "prefix"
          | "public"
          | "salt"
          | "sealed"
          | "server_key"
          | "signature"
      )
    | ("signed" | "suffix" | "t" | "team" | "text" | "vault")

/** A case of any file: texts are hexadecimal unless the field says otherwise. */
type Case = Record<Always, string> & Input
type Input = { readonly [F in Field]?: string }

function read(file: string): unknown {
    const content: unknown = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"))
    return content !== null && typeof content === "object" && "pool" in content
        ? unpooled(content as Pooled)
        : content
}

/** Cases whose lists name links by their place in a pool, since many cases share a beginning. */
interface Pooled {
    readonly pool: readonly string[]
    readonly cases: readonly Readonly<Record<string, unknown>>[]
}

function unpooled({ pool, cases: rows }: Pooled): unknown {
    const links = (row: Readonly<Record<string, unknown>>, field: string) =>
        field in row ? { [field]: (row[field] as number[]).map((place) => pool[place]) } : {}
    return rows.map((row) => ({ ...row, ...links(row, "team"), ...links(row, "links") }))
}

/** The cases of a file; one without any is a mistake. */
function cases<T = Case>(file: string): T[] {
    const rows = read(file) as T[]
    if (rows.length === 0) throw new Error(`${file} has no cases`)
    return rows
}

const bytes = (row: Input, field: Field): Bytes => unhex(row[field] as string)

function verdictOf(check: () => unknown): string {
    try {
        check()
        return "valid"
    } catch (error) {
        if (error instanceof Refused) return error.refusal
        if (error instanceof Waiting) return "waiting"
        if (error instanceof DecryptionError) return "R16.open"
        throw error
    }
}

beforeAll(sodiumReady)

const KNOWN = [
    "accept.json",
    "cbor.json",
    "derive.json",
    "ed25519.json",
    "grants.json",
    "keys.json",
    "links.json",
    "parts.json",
    "seal.json",
    "team_chains.json",
    "vault_chains.json",
    "words.json",
]

it("reads every file of the folder, and finds cases in each", () => {
    expect(FILES.toSorted()).toEqual(KNOWN)
    for (const file of FILES) expect(Object.values(read(file) as object).length).toBeGreaterThan(0)
})

describe("cbor", () => {
    it.each(cases("cbor.json"))("$name", (row) => {
        const { verdict } = row
        const data = bytes(row, "bytes")
        if (verdict === "valid") expect(hex(encode(decode(data)))).toBe(row.bytes)
        else expect(() => decode(data)).toThrow()
    })
})

describe("ed25519", () => {
    it.each(cases("ed25519.json"))("$name", (row) => {
        const holds = verify(bytes(row, "signature"), bytes(row, "message"), bytes(row, "public"))
        expect(holds ? "valid" : "refused").toBe(row.verdict)
    })
})

describe("keys", () => {
    it.each(cases("keys.json"))("$kind: $name", (row) => {
        const valid = row.kind === "box" ? validBoxKey : validSigningKey
        expect(valid(bytes(row, "public")) ? "valid" : "F10.key").toBe(row.verdict)
    })
})

describe("seal", () => {
    it.each(cases("seal.json"))("$name", async (row) => {
        const { suite: _, ...context } = decode(bytes(row, "context")) as Record<string, Value>
        // Labels that only the server uses are opened here by the same code: the key's class does not change a byte.
        const key = new Dek(bytes(row, "key"))
        const opened = open<Label>(key, row.label as Label, context as never, bytes(row, "sealed"))
        if (row.verdict === "valid") expect(hex(await opened)).toBe(row.plaintext)
        else await expect(opened).rejects.toThrow(DecryptionError)
    })
})

const DERIVE: Record<string, (input: Input) => Promise<Bytes> | Bytes> = {
    fingerprint: (input) => fingerprint(bytes(input, "identity"), bytes(input, "box")),
    dek_commit: (input) => {
        const place = { team: bytes(input, "team"), vault: bytes(input, "vault"), epoch: Number(input.epoch) }
        return dekCommit(new Dek(bytes(input, "dek")), place)
    },
    team_id: (input) => teamId(bytes(input, "genesis")),
    oprf_seed_message: (input) =>
        encode([
            "coffret/oprf/v1",
            bytes(input, "deployment"),
            bytes(input, "account"),
            bytes(input, "cred"),
        ]),
    invite_key: async (input) =>
        (await inviteKey(bytes(input, "t"), bytes(input, "team"), bytes(input, "invite"))).public,
    kit: async (input) => (await deriveKit(bytes(input, "code"), bytes(input, "account"))).expose(),
    revision_hash: (input) => revisionHash(bytes(input, "overview"), bytes(input, "details")),
    auk: async (input) => {
        const secret = input.account_secret === "" ? null : bytes(input, "account_secret")
        const serverKey = bytes(input, "server_key")
        const place = { account: bytes(input, "account"), cred: bytes(input, "cred"), serverKey }
        return (await deriveAuk(bytes(input, "export_key"), secret, place)).expose()
    },
    commitment: (input) =>
        profileCommitment(input.kind as "name", input.text as string, bytes(input, "salt")),
}

interface DeriveCase {
    function: string
    input: Input
    output: string
}

describe("derive", () => {
    it.each(cases<DeriveCase>("derive.json"))("$function", async ({ function: name, input, output }) => {
        expect(hex(await (DERIVE[name] as (typeof DERIVE)[string])(input))).toBe(output)
    })
})

describe("parts", () => {
    const { padme: lengths, parts } = read("parts.json") as {
        padme: { length: number; padded: number }[]
        parts: Case[]
    }
    it.each(lengths)("$length bytes become $padded", ({ length, padded }) => {
        expect(padme(length)).toBe(padded)
    })
    it.each(parts)("$name", (row) => {
        const padded = bytes(row, "padded")
        expect(verdictOf(() => unpad(padded))).toBe(row.verdict)
        if (row.verdict !== "valid") return
        expect(hex(unpad(padded))).toBe(row.text)
        expect(hex(pad(bytes(row, "text"), padded.subarray(0, 32)))).toBe(row.padded)
        expect(hex(partCommitment("overview", padded))).toBe(row.overview)
        expect(hex(partCommitment("details", padded))).toBe(row.details)
    })
})

interface WordsCase {
    kind: WordsKind
    message: string
    words: string
}

describe("words", () => {
    it.each(cases<WordsCase>("words.json"))("$kind: $words", async ({ kind, message, words }) => {
        expect(await safetyWords(kind, unhex(message))).toBe(words)
    })
})

function signedOf(row: Case): Bytes {
    if (row.signed !== undefined) return unhex(row.signed)
    const fill = new Uint8Array(Number(row.count)).fill(Number.parseInt(row.fill as string, 16))
    return concat(bytes(row, "prefix"), fill, bytes(row, "suffix"))
}

describe("links", () => {
    it.each(cases("links.json"))("$name", (row) => {
        const signed = signedOf(row)
        const parse = () =>
            row.chain === "vault" ? parseSigned(signed, "vault") : parseSigned(signed, "team")
        expect(verdictOf(parse)).toBe(row.verdict)
        if (row.hash !== undefined) expect(hex(parse().hash)).toBe(row.hash)
    })
})

describe("accept", () => {
    it.each(cases("accept.json"))("$name", async (row) => {
        const accept = bytes(row, "accept")
        expect(verdictOf(() => parseAccept(accept))).toBe(row.verdict)
        if (row.verdict !== "valid") return
        const { identity } = parseAccept(accept)
        const signer = new IdentityKey(bytes(row, "identity_seed"))
        expect(hex(signer.public)).toBe(hex(identity))
        expect(hex(signer.sign("coffret/accept/v1\0", accept))).toBe(row.by_identity)
        expect(verifyAccept(accept, bytes(row, "by_identity"), identity)).toBe(true)
        expect(verifyAccept(accept, bytes(row, "by_invite"), bytes(row, "invite_key"))).toBe(true)
        expect(verifyAccept(accept, bytes(row, "by_invite"), identity)).toBe(false)
    })
})

interface TeamCase {
    name: string
    links: string[]
    valid: number
    refusal: string | null
    digest: string | null
}

describe("team chains", () => {
    it.each(cases<TeamCase>("team_chains.json"))("$name", (row) => {
        const links = row.links.map(unhex)
        const batch = foldTeam(links)
        const found = { valid: batch.valid, refusal: batch.refusal, digest: null as string | null }
        if (batch.state !== null) found.digest = hex(teamDigest(batch.state))
        expect(found).toEqual({ valid: row.valid, refusal: row.refusal, digest: row.digest })
        if (row.refusal !== null) expect(isRefusal(row.refusal)).toBe(true)

        // One by one, with a stop after each: the verdict of one batch.
        let valid = 0
        let state: (typeof batch)["state"] = null
        for (const link of links) {
            const one = foldTeam([link], state)
            state = one.state
            if (one.refusal !== null) break
            valid++
        }
        expect(valid).toBe(row.valid)
        expect(state === null ? null : hex(teamDigest(state))).toBe(row.digest)
    })
})

interface VaultCase {
    name: string
    team: string[]
    vault: string
    links: string[]
    /** How many links of the team, then of the vault, are folded by each round's end. */
    rounds: [team: number, vault: number][]
    valid: number
    verdict: string
    refusal: string | null
    digest: string
}

/** The team that a case stands on. */
function teamOf(links: readonly string[]): TeamState {
    const { state, refusal } = foldTeam(links.map(unhex))
    if (state === null || refusal !== null) throw new Error(`the team of the case is refused: ${refusal}`)
    return state
}

function foldRounds(row: VaultCase) {
    const links = row.links.map(unhex)
    const [first] = row.rounds
    const team = teamOf(row.team.slice(0, first?.[0]))
    const state = startVault(team, row.vault)
    let fold = foldVault(team, state, [])
    for (const [teamCount, count] of row.rounds) {
        foldTeam(row.team.slice(team.seq + 1, teamCount).map(unhex), team)
        fold = foldVault(team, state, links.slice(state.seq, count))
        if (fold.verdict === "refused" || fold.verdict === "fork") break
    }
    const { verdict, refusal } = fold
    return { valid: state.seq, verdict, refusal, digest: hex(vaultDigest(state)) }
}

describe("vault chains", () => {
    it.each(cases<VaultCase>("vault_chains.json"))("$name", (row) => {
        const { valid, verdict, refusal, digest } = row
        expect(foldRounds(row)).toEqual({ valid, verdict, refusal, digest })
    })
})

interface GrantCase {
    name: string
    team: string[]
    me: { member: string; identity_pub: string; box_secret: string; box_pub: string }
    team_id: string
    grant: string
    verdict: string
    refusal: string | null
    dek: string | null
}

describe("grants", () => {
    it.each(cases<GrantCase>("grants.json"))("$name", (row) => {
        const team = teamOf(row.team)
        expect(hex(team.id)).toBe(row.team_id)
        // Of the identity key only the public half matters to a recipient, and only that is given.
        const identity = Object.assign(new IdentityKey(new Uint8Array(32)), {
            public: unhex(row.me.identity_pub),
        })
        const keyring = new Keyring(identity, new BoxKey(unhex(row.me.box_secret)))
        let dek: string | null = null
        const verdict = verdictOf(() => {
            dek = hex(grantVerdict(team, { member: row.me.member, keyring }, unhex(row.grant)).expose())
        })
        expect(verdict).toBe(row.refusal ?? row.verdict)
        expect(dek).toBe(row.dek)
    })
})
