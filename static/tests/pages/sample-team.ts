/** A team of six people, its vaults and invitations, and a personal team. */
import type { Id, MemberView, Right, Role, TeamView, VaultView } from "../../src/worker/api.ts"

export const DAY = 86_400_000
export const NOW = Date.parse("2026-11-22T10:00:00Z")

export function hex(number: number): Id {
    return number.toString(16).padStart(32, "0")
}

export const TEAM = hex(1)
export const PERSONAL = hex(2)
export const VAULTS = { personal: hex(10), fleet: hex(11), databases: hex(12), build: hex(13) }
export const WORDS = [
    "harbour velvet tundra acrobat mosaic pebble",
    "gravel nimble otter sunlit cabin wicker",
    "copper drizzle anvil moth keel brisk",
    "pewter lilac sprint domino radish fable",
]
export const PHRASES = [
    "gravel nimble otter sunlit cabin wicker",
    "gravel nimble anvil sunlit keel wicker",
    "gravel nimble lilac sunlit fable wicker",
]

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
        formerly: [],
        role,
        verified,
        checked: { by: hex(verified === "founder" ? 100 : 101), at: NOW - (29 - number) * DAY },
        differed: null,
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

export function members(): MemberView[] {
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

export function vault(
    id: Id,
    name: string | null,
    right: Right | null,
    more: Partial<VaultView> = {},
): VaultView {
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
        shut: 0,
        awaits: null,
        state: "ready",
        due: false,
        holders,
        last: null,
        broken: [],
        steppedOver: [],
        key: { epoch: 1, by: hex(100), at: NOW - 200 * DAY },
        ...more,
    }
}

export function teams(): TeamView[] {
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
                    former: null,
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
                    former: null,
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
                    former: null,
                },
            ],
            vaults: [
                vault(VAULTS.fleet, "Web fleet", "manage"),
                vault(VAULTS.databases, "Databases", "manage", { due: true }),
                vault(VAULTS.build, "Build and deploy", "read", { state: "waiting_for_key" }),
            ],
            uncompared: false,
            lastByOther: { member: hex(101), at: NOW - 2 * DAY, isAhead: false },
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
export function asUnverified(team: TeamView, uncompared: boolean): TeamView {
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
