/** States to begin in: what the pictures show. */
import type { Kit, Snapshot } from "../../src/worker/api.ts"
import { asUnverified, hex, NOW, TEAM, VAULTS } from "./sample-team.ts"

export function bare(phase: Snapshot["phase"]): Snapshot {
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
                ...{ key: "T4.older", at: NOW, isLasting: false, isKnown: false },
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
                ...{ key: "R7.hash", at: NOW, isLasting: false, isKnown: false },
                id: "R7.hash",
                team: TEAM,
                vault: VAULTS.fleet,
                item: hex(1003),
                report: "vault head 40\nitem revision 4\nhash 3f0c…91ab",
            },
        ],
    }),
}
