/** A Core in memory with sample data, for pages under test and for pictures of them. Never part of the build. */
import type {
    Comparison,
    Core,
    Details,
    Draft,
    Event,
    Failure,
    Id,
    ImportResult,
    InvitePreview,
    Kit,
    MemberView,
    NewItem,
    Overview,
    Picked,
    Right,
    Role,
    Row,
    Snapshot,
    TeamView,
    VaultView,
} from "../../src/worker/api.ts"

const DAY = 86_400_000
export const NOW = Date.parse("2026-11-22T10:00:00Z")

export function hex(number: number): Id {
    return number.toString(16).padStart(32, "0")
}

export const TEAM = hex(1)
export const PERSONAL = hex(2)
export const VAULTS = { personal: hex(10), fleet: hex(11), databases: hex(12), build: hex(13) }
const WORDS = [
    "harbour velvet tundra acrobat mosaic pebble",
    "gravel nimble otter sunlit cabin wicker",
    "copper drizzle anvil moth keel brisk",
    "pewter lilac sprint domino radish fable",
]
const PHRASES = [
    "gravel nimble otter sunlit cabin wicker",
    "gravel nimble anvil sunlit keel wicker",
    "gravel nimble lilac sunlit fable wicker",
]

function fail(code: string, more: Partial<Failure> = {}): never {
    throw { code, ...more } satisfies Failure
}

function person(
    number: number,
    name: string | null,
    email: string,
    role: Role,
    verified: MemberView["verified"],
    rights: Record<Id, Right>,
): MemberView {
    return {
        id: hex(100 + number),
        name,
        email,
        role,
        verified,
        checked: { by: hex(verified === "founder" ? 100 : 101), at: NOW - (29 - number) * DAY },
        via: verified === "founder" ? null : verified === "none" ? "mail" : "link",
        words: WORDS[number % WORDS.length] ?? "",
        joinedAt: NOW - (30 - number) * DAY,
        present: true,
        left: null,
        me: number === 0,
        rights,
        pending: verified === "none" ? { [VAULTS.fleet]: "write", [VAULTS.build]: "read" } : {},
    }
}

function members(): MemberView[] {
    const { fleet, databases, build } = VAULTS
    return [
        person(0, "Maya Lindqvist", "maya@example.net", "owner", "founder", {
            [fleet]: "manage",
            [databases]: "manage",
            [build]: "read",
        }),
        person(1, "Ben Okafor", "ben.okafor@example.net", "admin", "token", {
            [fleet]: "write",
            [databases]: "read",
            [build]: "manage",
        }),
        person(
            2,
            "Maximiliane Wójcikowska-Hartmann",
            "maximiliane.wojcikowska-hartmann@contractors.example.org",
            "member",
            "words",
            { [fleet]: "read" },
        ),
        person(3, null, "tariq@example.net", "member", "none", {}),
        person(5, null, "wanda@example.net", "auditor", "token", {}),
        {
            ...person(4, "Somebody Else", "lena@example.net", "member", "none", {}),
            present: false,
            left: { by: hex(101), at: NOW - 4 * DAY },
        },
    ]
}

function vault(id: Id, name: string | null, right: Right | null, more: Partial<VaultView> = {}): VaultView {
    const team = id === VAULTS.personal ? PERSONAL : TEAM
    const holders = members().flatMap((member) => {
        const held = member.rights[id]
        return held === undefined ? [] : [{ member: member.id, right: held, hasKey: member.id !== hex(102) }]
    })
    return {
        id,
        team,
        name,
        right,
        items: 0,
        verified: 40,
        links: 40,
        state: "ready",
        due: false,
        holders,
        ...more,
    }
}

function teams(): TeamView[] {
    const me = {
        ...person(0, "Maya Lindqvist", "maya@example.net", "owner", "founder", {
            [VAULTS.personal]: "manage" as const,
        }),
    }
    return [
        {
            id: TEAM,
            name: "Northwind Operations",
            kind: "team",
            role: "owner",
            state: "ready",
            members: members(),
            invites: [
                {
                    hash: "a1".repeat(32),
                    email: "ines@example.net",
                    role: "member",
                    expiry: NOW + 5 * DAY,
                    via: "mail",
                    by: hex(100),
                    state: "open",
                    waiting: true,
                },
                {
                    hash: "a2".repeat(32),
                    email: "tomasz.ferrari@example.net",
                    role: "admin",
                    expiry: NOW + 6 * DAY,
                    via: "link",
                    by: hex(100),
                    state: "open",
                    waiting: true,
                },
                {
                    hash: "a4".repeat(32),
                    email: "olga@example.net",
                    role: "member",
                    expiry: NOW + 6 * DAY,
                    via: "link",
                    by: hex(104),
                    state: "dead",
                    waiting: false,
                },
            ],
            vaults: [
                vault(VAULTS.fleet, "Web fleet", "manage"),
                vault(VAULTS.databases, "Databases", "manage", { due: true }),
                vault(VAULTS.build, "Build and deploy", "read", { state: "waiting_for_key" }),
            ],
            uncompared: false,
            lastByOther: { member: hex(101), at: NOW - 2 * DAY },
        },
        {
            id: PERSONAL,
            name: null,
            kind: "personal",
            role: "owner",
            state: "ready",
            members: [me],
            invites: [],
            vaults: [
                vault(VAULTS.personal, "Personal", "manage", {
                    holders: [{ member: me.id, right: "manage", hasKey: true }],
                }),
            ],
            uncompared: false,
            lastByOther: null,
        },
    ]
}

/** The team as somebody sees it who joined by mail. */
function asUnverified(team: TeamView, uncompared: boolean): TeamView {
    const mine = hex(103)
    return {
        ...team,
        role: "member",
        uncompared,
        invites: [],
        vaults: [],
        members: team.members.map((member) => ({ ...member, me: member.id === mine })),
    }
}

const PRIVATE_KEY = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx",
    "OQAAACAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAAAARURVNU",
    "-----END OPENSSH PRIVATE KEY-----",
    "",
].join("\n")
const PUBLIC_KEY =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f deploy@northwind"
const ENV =
    '# payments-api, production\nDATABASE_URL=postgresql://app@db-01/orders?sslmode=verify-full\nexport REGION=eu-west-1\nSIGNING_KEY="k7#Lw~9\\nsecond line"\nEMPTY=\nDEBUG=false # never true here\n\nnot a variable\n'

interface Kept {
    row: Row
    details: Details
}

function keep(
    number: number,
    vaultId: Id,
    overview: Overview,
    details: Details,
    more: Partial<Row> = {},
): Kept {
    const team = vaultId === VAULTS.personal ? PERSONAL : TEAM
    return {
        row: {
            id: hex(1000 + number),
            vault: vaultId,
            team,
            overview,
            revision: 1 + (number % 7),
            author: hex(100 + (number % 3)),
            at: NOW - number * 3_600_000,
            verified: true,
            ...more,
        },
        details,
    }
}

function secret(id: string, label: string, value: string): Details {
    return { fields: [{ id, kind: "secret", label, value }], note: "" }
}

function overview(type: Overview["type"], title: string, more: Partial<Overview> = {}): Overview {
    return { type, title, tags: [], trash: null, ...more }
}

function samples(): Kept[] {
    const { fleet, databases, personal } = VAULTS
    return [
        keep(
            0,
            fleet,
            overview("ssh_key", "Deploy key, web fleet", {
                login: "deploy",
                host: "web-01.example.net",
                tags: ["eu-west-1", "on-call"],
            }),
            {
                fields: [
                    { id: "private_key", kind: "secret_multiline", label: "Private key", value: PRIVATE_KEY },
                    { id: "public_key", kind: "text", label: "Public key", value: PUBLIC_KEY },
                    {
                        id: "passphrase",
                        kind: "secret",
                        label: "Passphrase",
                        value: "quay-Lantern-47-osprey-mild",
                    },
                ],
                note: "Used by the deploy job and by hand during an incident.\nRotate together with the bastion key.",
            },
        ),
        keep(
            1,
            fleet,
            overview("env", "payments-api, production", { host: "deploy/payments-api", tags: ["on-call"] }),
            { fields: [{ id: "env", kind: "secret_multiline", label: "Variables", value: ENV }], note: "" },
        ),
        keep(
            2,
            databases,
            overview("database", "db-01 primary, application role", {
                login: "app_rw",
                host: "db-01.example.net",
            }),
            {
                fields: [
                    { id: "engine", kind: "text", label: "Engine", value: "PostgreSQL" },
                    { id: "port", kind: "text", label: "Port", value: "5432" },
                    { id: "password", kind: "secret", label: "Password", value: "vR7_mQ2x-Lk9wTz4p~Hn6cYd" },
                ],
                note: "",
            },
        ),
        keep(
            3,
            fleet,
            overview("login", "Grafana, admin", { login: "admin", host: "https://grafana.ops.example.net" }),
            secret("password", "Password", "Kv8_tR0p%Wm3z=Qx71"),
        ),
        keep(
            4,
            fleet,
            overview("server", "bastion-eu", { login: "ops", host: "bastion-eu-west-1.example.net" }),
            secret("password", "Password", "Nn4-rust-Heron"),
            { verified: false, at: null },
        ),
        keep(
            5,
            databases,
            overview("token", "Object storage, backup writer", {
                login: "svc-backup",
                host: "s3.eu-west-1.example.net",
            }),
            secret("token", "Token", "tok_5fK2"),
        ),
        keep(6, personal, overview("note", "Runbook: restore order after a power cut", {}), {
            fields: [
                {
                    id: "text",
                    kind: "secret_multiline",
                    label: "Text",
                    value: "First the switch.\nThen the disks.\n",
                },
            ],
            note: "",
        }),
        keep(
            7,
            databases,
            overview("database", "Legacy ERP reporting database, read only, month-end close", {
                login: "finance_readonly_reporting",
                host: "erp-reporting-02.finance.example.net",
            }),
            secret("password", "Password", "x"),
        ),
        keep(
            8,
            fleet,
            overview("login", "Old registrar", { login: "infra@example.net", trash: NOW - 3 * DAY }),
            secret("password", "Password", "gone"),
        ),
        keep(90, fleet, overview("vault", "Web fleet"), { fields: [], note: "" }, { id: fleet }),
    ]
}

function many(count: number): Kept[] {
    const types = ["server", "login", "database", "ssh_key", "env", "token"] as const
    return Array.from({ length: count }, (_, at) => {
        const name = `host-${String(at).padStart(5, "0")}`
        return keep(
            5000 + at,
            VAULTS.fleet,
            overview(types[at % types.length] ?? "login", name, {
                login: "root",
                host: `${name}.example.net`,
            }),
            secret("password", "Password", `p${at}`),
        )
    })
}

function bare(phase: Snapshot["phase"]): Snapshot {
    return {
        phase,
        email: phase === "anonymous" ? null : "maya@example.net",
        missing: null,
        newBrowser: false,
        kitSaved: true,
        teams: [],
        refusals: [],
        pending: 0,
        online: true,
        kmsUnavailable: false,
        progress: null,
        idleLockAt: null,
    }
}

export const KIT: Kit = {
    code: "K7QX-2MBA-ZP4D-TLRW-JH3V-N5CE-Y6GS-AAF2-UOIK-RRT7-WD3M-QL5P-XE2Z",
    email: "maya@example.net",
    server: "coffret.example.net",
    madeAt: NOW,
}

/** States to begin in, by name: what the pictures show. */
export const SCENES: Record<string, (snapshot: Snapshot) => Snapshot> = {
    anonymous: () => bare("anonymous"),
    code: () => bare("code"),
    kit: () => ({ ...bare("kit"), kitSaved: false }),
    locked: () => bare("locked"),
    booting: () => ({
        ...bare("booting"),
        progress: { label: "verify", done: 4_120, total: 10_000 },
    }),
    wasm: () => ({ ...bare("unsupported"), missing: "wasm" }),
    indexeddb: () => ({ ...bare("unsupported"), missing: "indexeddb" }),
    fresh: () => ({ ...bare("open"), kitSaved: false }),
    personal: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.filter((team) => team.kind === "personal"),
    }),
    novault: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams
            .map((team) =>
                team.kind === "team"
                    ? { ...team, vaults: [], members: team.members.slice(0, 1), lastByOther: null }
                    : team,
            )
            .filter((team) => team.kind === "team"),
    }),
    empty: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) => ({
            ...team,
            vaults: team.vaults.slice(0, 1),
            lastByOther: null,
        })),
    }),
    unheard: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) => (team.kind === "team" ? asUnverified(team, true) : team)),
    }),
    heard: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) => (team.kind === "team" ? asUnverified(team, false) : team)),
    }),
    full: (snapshot) => snapshot,
    many: (snapshot) => snapshot,
    conflict: (snapshot) => snapshot,
    notices: (snapshot) => ({
        ...snapshot,
        newBrowser: true,
        online: false,
        pending: 2,
        kmsUnavailable: true,
        idleLockAt: Date.now() + 50_000,
        progress: { label: "verify", done: 4_120, total: 10_000 },
        refusals: [
            {
                id: "T4.older",
                team: TEAM,
                vault: null,
                item: null,
                report: "team head 41 3f0c…, shown 38 91ab…",
            },
        ],
    }),
    refused: (snapshot) => ({
        ...snapshot,
        refusals: [
            {
                id: "R7.hash",
                team: TEAM,
                vault: VAULTS.fleet,
                item: hex(1003),
                report: "vault head 40\nitem revision 4\nhash 3f0c…91ab",
            },
        ],
    }),
}

export class FakeCore implements Core {
    #scene: string
    #snapshot: Snapshot
    #items = new Map<Id, Kept>()
    #drafts = new Map<Id, Draft>()
    #listeners: ((event: Event) => void)[] = []
    #tries = 5
    invitation: InvitePreview | Failure = {
        team: hex(3),
        teamName: "Northwind Operations",
        inviter: "Ben Okafor",
        role: "member",
        vaults: 2,
        expiry: Date.now() + 5 * DAY,
        via: "link",
        awaited: ["Maya Lindqvist", "Ben Okafor"],
        state: "open",
        forMe: true,
    }

    constructor(scene = "full") {
        this.#scene = scene
        const kept =
            scene === "many"
                ? [...samples(), ...many(10_000)]
                : ["empty", "fresh", "novault", "personal"].includes(scene)
                  ? []
                  : samples()
        for (const each of kept) this.#items.set(each.row.id, each)
        const begin = SCENES[scene] ?? ((snapshot: Snapshot) => snapshot)
        this.#snapshot = begin({ ...bare("open"), teams: teams(), idleLockAt: Date.now() + 9 * 60_000 })
    }

    readonly subscribe = (listener: (event: Event) => void): void => {
        this.#listeners.push(listener)
    }

    #tell(event: Event): void {
        for (const listener of this.#listeners) listener(event)
    }

    #set(change: Partial<Snapshot>): void {
        this.#snapshot = { ...this.#snapshot, ...change }
        this.#tell({ kind: "snapshot", snapshot: this.#snapshot })
        if (change.phase === "open") this.#rows()
    }

    #rows(): void {
        this.#tell({
            kind: "rows",
            rows: [...this.#items.values()].map((each) => each.row),
            gone: [],
            reset: true,
        })
    }

    #team(id: Id, change: (team: TeamView) => TeamView): void {
        this.#set({ teams: this.#snapshot.teams.map((team) => (team.id === id ? change(team) : team)) })
    }

    #kept(item: Id): Kept {
        return this.#items.get(item) ?? fail("not_found")
    }

    #change(item: Id, change: Partial<Overview>): void {
        const kept = this.#kept(item)
        const row = {
            ...kept.row,
            overview: { ...kept.row.overview, ...change },
            revision: kept.row.revision + 1,
            at: Date.now(),
        }
        this.#items.set(item, { ...kept, row })
        this.#tell({ kind: "rows", rows: [row], gone: [], reset: false })
    }

    async start(): Promise<void> {
        this.#set({ phase: this.#snapshot.phase })
    }
    async signUp(email: string): Promise<Kit> {
        this.#set({ phase: "code", email })
        return KIT
    }
    async confirmCode(code: string): Promise<void> {
        if (code !== "123456") fail("code_wrong", { triesLeft: --this.#tries })
        this.#set({ phase: "kit" })
    }
    async resendCode(): Promise<void> {
        this.#tries = 5
    }
    async kitSaved(confirmed: boolean): Promise<void> {
        this.#set({ phase: "open", kitSaved: confirmed })
    }
    async signIn(email: string, password: string): Promise<void> {
        if (password === "lying server") fail("refused", { refusal: "A3.server_key" })
        if (password !== "correct horse battery staple") fail("login_failed")
        this.#set({ phase: "open", email })
    }
    async unlock(password: string): Promise<void> {
        if (password !== "correct horse battery staple") fail("login_failed")
        this.#set({ phase: "open" })
    }
    async lock(): Promise<void> {
        this.#set({ phase: "locked" })
    }
    async signOut(): Promise<void> {
        this.#set({ phase: "anonymous", email: null })
    }
    async changePassword(current: string): Promise<void> {
        if (current !== "correct horse battery staple") fail("login_failed")
    }
    async touch(): Promise<void> {}
    async setVisible(): Promise<void> {}
    async createTeam(name: string): Promise<Id> {
        const team: TeamView = {
            id: hex(7),
            name,
            kind: "team",
            role: "owner",
            state: "ready",
            members: members().slice(0, 1),
            invites: [],
            vaults: [],
            uncompared: false,
            lastByOther: null,
        }
        this.#set({ teams: [...this.#snapshot.teams, team] })
        return team.id
    }
    async createVault(team: Id, name: string): Promise<Id> {
        const made = {
            ...vault(hex(20 + this.#snapshot.teams.length), name, "manage"),
            team,
            holders: [{ member: hex(100), right: "manage" as const, hasKey: true }],
        }
        this.#team(team, (each) => ({ ...each, vaults: [...each.vaults, made] }))
        return made.id
    }
    async invite(
        team: Id,
        email: string,
        role: Role,
        _vaults: { vault: Id; right: Right }[],
        days: number,
        via: "link" | "mail" = "link",
    ): Promise<{ url: string }> {
        const invite = {
            hash: "a3".repeat(32),
            email,
            role,
            via,
            by: hex(100),
            expiry: Date.now() + days * DAY,
            state: "open" as const,
            waiting: false,
        }
        this.#team(team, (each) => ({ ...each, invites: [...each.invites, invite] }))
        return { url: `https://coffret.example.net/join#${"A".repeat(86)}` }
    }
    async revokeInvite(team: Id, hash: Id): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            invites: each.invites.filter((invite) => invite.hash !== hash),
        }))
    }
    async confirmMember(team: Id, hash: Id): Promise<void> {
        await this.revokeInvite(team, hash)
    }
    async openInvite(): Promise<InvitePreview> {
        if ("code" in this.invitation) throw this.invitation
        return this.invitation
    }
    async acceptInvite(): Promise<void> {
        if (!("code" in this.invitation)) this.invitation = { ...this.invitation, state: "waiting" }
    }
    async wordsOf(_team: Id, member: Id): Promise<string> {
        return WORDS[Number.parseInt(member, 16) % WORDS.length] ?? ""
    }
    async comparison(_team: Id, member: Id): Promise<Comparison> {
        const isNone = this.#snapshot.teams[0]?.members.find(({ id }) => id === member)?.verified === "none"
        return { say: isNone ? (WORDS[2] ?? null) : null, choices: PHRASES }
    }
    async pickWords(team: Id, member: Id, choice: number | null): Promise<Picked> {
        if (choice !== 1) {
            await this.removeMember(team, member)
            return "removed"
        }
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) =>
                one.id === member ? { ...one, verified: "words" as const, pending: {} } : one,
            ),
        }))
        return "verified"
    }
    async myComparison(team: Id): Promise<Comparison> {
        const unheard = this.#snapshot.teams.find(({ id }) => id === team)?.uncompared
        return unheard ? { say: null, choices: PHRASES } : { say: PHRASES[1] ?? null, choices: null }
    }
    async hearWords(team: Id, choice: number | null): Promise<Picked> {
        if (choice !== 1) return "removed"
        this.#team(team, (each) => ({ ...each, uncompared: false }))
        return "verified"
    }
    async removeMember(team: Id, member: Id): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) =>
                one.id === member ? { ...one, present: false, rights: {} } : one,
            ),
        }))
    }
    async setRole(team: Id, member: Id, role: Role): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) => (one.id === member ? { ...one, role } : one)),
        }))
    }
    async grantVault(id: Id, member: Id, right: Right): Promise<void> {
        this.#vault(id, (each) => ({
            ...each,
            holders: [
                ...each.holders.filter((holder) => holder.member !== member),
                { member, right, hasKey: true },
            ],
        }))
    }
    async revokeVault(id: Id, member: Id): Promise<void> {
        this.#vault(id, (each) => ({
            ...each,
            due: true,
            holders: each.holders.filter((holder) => holder.member !== member),
        }))
    }
    async rotateVault(id: Id): Promise<void> {
        this.#vault(id, (each) => ({ ...each, due: false }))
    }
    #vault(id: Id, change: (vault: VaultView) => VaultView): void {
        this.#set({
            teams: this.#snapshot.teams.map((team) => ({
                ...team,
                vaults: team.vaults.map((each) => (each.id === id ? change(each) : each)),
            })),
        })
    }
    async openItem(
        _vault: Id,
        item: Id,
        revision?: number,
    ): Promise<{ overview: Overview; details: Details; revision: number; author: string }> {
        const { row, details } = this.#kept(item)
        return { overview: row.overview, details, revision: revision ?? row.revision, author: row.author }
    }
    async history(_vault: Id, item: Id): Promise<{ revision: number; author: string; at: number }[]> {
        const { row } = this.#kept(item)
        return Array.from({ length: row.revision }, (_, at) => ({
            revision: at + 1,
            author: hex(100 + (at % 4)),
            at: NOW - (row.revision - at) * 40 * DAY,
        }))
    }
    async saveItem(
        vaultId: Id,
        item: Id | null,
        base: number,
        text: Overview,
        details: Details,
    ): ReturnType<Core["saveItem"]> {
        const id = item ?? hex(9000 + this.#items.size)
        const before = this.#items.get(id)
        if (this.#scene === "conflict" && before !== undefined && base <= before.row.revision) {
            const newer = {
                overview: { ...before.row.overview, login: "deployer" },
                details: { ...before.details, note: "Changed by Ben." },
                revision: before.row.revision + 1,
                author: hex(101),
            }
            this.#items.set(id, {
                row: { ...before.row, overview: newer.overview, revision: newer.revision },
                details: newer.details,
            })
            this.#scene = "full"
            return { result: "conflict", item: id, theirs: newer }
        }
        const revision = (before?.row.revision ?? 0) + 1
        const row: Row = {
            id,
            vault: vaultId,
            team: TEAM,
            overview: text,
            revision,
            author: hex(100),
            at: Date.now(),
            verified: true,
        }
        this.#items.set(id, { row, details })
        this.#tell({ kind: "rows", rows: [row], gone: [], reset: false })
        return { result: "saved", item: id, revision }
    }
    async importItems(vault: Id, entries: NewItem[]): Promise<ImportResult> {
        for (const { overview, details } of entries) await this.saveItem(vault, null, 0, overview, details)
        return { saved: entries.length, pending: 0 }
    }
    async trashItem(_vault: Id, item: Id): Promise<void> {
        this.#change(item, { trash: Date.now() })
    }
    async restoreItem(_vault: Id, item: Id): Promise<void> {
        this.#change(item, { trash: null })
    }
    async purgeItem(_vault: Id, item: Id): Promise<void> {
        this.#items.delete(item)
        this.#tell({ kind: "rows", rows: [], gone: [item], reset: false })
    }
    async putDraft(draft: Draft): Promise<void> {
        this.#drafts.set(draft.id, draft)
    }
    async drafts(): Promise<Draft[]> {
        return [...this.#drafts.values()]
    }
    async dropDraft(id: Id): Promise<void> {
        this.#drafts.delete(id)
    }
    async forkOf(): Promise<string> {
        return "{}"
    }

    async readableCopy(): Promise<string> {
        return "{}"
    }

    async syncNow(): Promise<void> {}
}
