/** States to begin in: what the pictures show. */
import type { Kit, MemberView, Refusal, SessionView, Snapshot } from "../../src/worker/api.ts"
import { asUnverified, hex, NOW, TEAM, VAULTS } from "./sample-team.ts"

export function bare(phase: Snapshot["phase"]): Snapshot {
    return {
        phase,
        stage: phase === "code" ? "sign_up" : null,
        email: phase === "anonymous" ? null : "maya@example.net",
        missing: null,
        newBrowser: false,
        kitSaved: true,
        teams: [],
        refusals: [],
        withheld: 0,
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

const ON =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

export const SESSIONS: SessionView[] = [
    { id: 3, here: true, address: "203.0.113.7", browser: ON, since: NOW },
    {
        ...{ id: 2, here: false, address: "2001:db8:85a3:8d3:1319:8a2e:370:7348", since: NOW - 86_400_000 },
        browser:
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1",
    },
    {
        id: 1,
        here: false,
        address: "198.51.100.24",
        browser: "backup-script 1.0 (nightly)",
        since: NOW - 9e9,
    },
]

/** States to begin in, by name: what the pictures show. */
export const SCENES: Record<string, (snapshot: Snapshot) => Snapshot> = {
    anonymous: () => bare("anonymous"),
    left: () => ({ ...bare("anonymous"), stage: "sign_up" }),
    code: () => bare("code"),
    stage: () => ({ ...bare("code"), stage: "second_factor" }),
    kit: () => ({ ...bare("kit"), kitSaved: false }),
    unheard_kit: () => ({ ...bare("kit"), stage: "unheard", kitSaved: false }),
    locked: () => bare("locked"),
    booting: () => ({
        ...bare("booting"),
        progress: { label: "verify", done: 4_120, total: 10_000 },
    }),
    wasm: () => ({ ...bare("unsupported"), missing: "wasm" }),
    indexeddb: () => ({ ...bare("unsupported"), missing: "indexeddb" }),
    fresh: () => ({ ...bare("open"), kitSaved: false }),
    kitless: (snapshot) => ({ ...snapshot, kitSaved: false }),
    unanswered: (snapshot) => snapshot,
    ended: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) => ({
            ...team,
            members: team.members.map((member) =>
                member.verified === "none"
                    ? { ...member, present: false, left: { at: NOW, by: hex(101) } }
                    : member,
            ),
        })),
    }),
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
        withheld: 2,
        online: false,
        pending: 2,
        kmsUnavailable: true,
        idleLockAt: Date.now() + 50_000,
        progress: { label: "verify", done: 4_120, total: 10_000 },
        refusals: [
            {
                ...{
                    key: "T4.older",
                    at: NOW,
                    isLasting: false,
                    isKnown: false,
                    signer: null,
                    links: false,
                    isDenied: false,
                },
                id: "T4.older",
                team: TEAM,
                vault: null,
                item: null,
                report: "team head 41 3f0c…, shown 38 91ab…",
            },
        ],
    }),
    "by-mail": (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) =>
            team.kind === "team"
                ? { ...asUnverified(team, true), members: verifiedByLink(asUnverified(team, true).members) }
                : team,
        ),
    }),
    last: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) => ({
            ...team,
            members: team.members.map((member) =>
                member.id === hex(101)
                    ? { ...member, formerly: [{ name: "Maya Lindqvist", until: NOW }] }
                    : member,
            ),
            vaults: team.vaults.map((one) => ({
                ...one,
                last: {
                    member: hex(101),
                    of: one.id === VAULTS.fleet ? ("key" as const) : ("right" as const),
                },
                broken: [{ epoch: 1, from: hex(101), to: hex(102) }],
                steppedOver: [{ epoch: 2, by: hex(101), at: NOW }],
            })),
        })),
    }),
    differed: (snapshot) => ({
        ...snapshot,
        teams: snapshot.teams.map((team) => ({
            ...team,
            members: team.members.map((member) =>
                member.name === "Ben Okafor" ? { ...member, verified: "token", differed: NOW } : member,
            ),
        })),
    }),
    refused: refusing({ id: "R7.hash", vault: VAULTS.fleet, item: hex(1003) }),
    fork: refusing(
        { id: "T4.fork", links: true, signer: { member: hex(101), isProven: true } },
        { id: "T4.cut", vault: VAULTS.fleet },
    ),
    older: refusing({ id: "T4.older" }),
    stranger: refusing({ id: "R13.team", team: hex(77) }),
    person: refusing({ id: "T6.key" }),
    key: refusing({ id: "T8.commit", vault: VAULTS.fleet, signer: { member: hex(101), isProven: true } }),
    recipient: refusing({ id: "R1.recipient", vault: VAULTS.fleet }),
    long: refusing(
        {
            id: "T15.backdated",
            vault: VAULTS.fleet,
            links: true,
            isDenied: false,
            signer: { member: hex(103), isProven: false },
        },
        ...Array.from({ length: 24 }, (_, at) => ({
            id: "R7.open",
            vault: VAULTS.fleet,
            item: hex(1000 + at),
        })),
    ),
    standing: refusing({ id: "T7.sig", vault: VAULTS.fleet, isLasting: true, isKnown: true }),
}

function verifiedByLink(members: MemberView[]): MemberView[] {
    return members.map((member) =>
        member.me ? { ...member, verified: "token" as const, via: "link" as const } : member,
    )
}

/** With refusals, each with a report as the core writes it. */
function refusing(...refusals: (Pick<Refusal, "id"> & Partial<Refusal>)[]) {
    return (snapshot: Snapshot): Snapshot => ({
        ...snapshot,
        refusals: refusals.map((refusal) => {
            const place = { team: TEAM, vault: null, item: null, ...refusal }
            const facts = {
                refusal: refusal.id,
                ...place,
                seq: 41,
                head: "3f0c91ab".repeat(8),
                server_seq: 38,
            }
            return {
                ...place,
                ...{ key: Object.values(place).join("/"), at: NOW, isLasting: false, isKnown: false },
                ...{ signer: null, links: false, isDenied: false },
                ...refusal,
                report: JSON.stringify({ ...facts, server_head: "91ab3f0c".repeat(8) }, null, 2),
            }
        }),
    })
}
