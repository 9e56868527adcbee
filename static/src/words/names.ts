/** Names of roles and rights, of people and teams, of times; what people typed goes in quotes. */
import type { Id, MemberView, Overview, Right, Role, TeamView, VaultView } from "../worker/api.ts"

/**
 * Where a control is enforced. `crypto`: by keys and signatures that every browser checks, so it holds against this server
 * too. `server` and `client`: it holds as long as that one is honest.
 */
export type Enforced = "crypto" | "server" | "client"

export const ENFORCED: Record<Enforced, string> = {
    crypto: "cryptography",
    server: "this server",
    client: "this browser",
}

interface Choice {
    label: string
    about: string
    enforced: readonly Enforced[]
}

/** The log is the server's to show; that an auditor opens nothing is a matter of keys. */
export const ROLES: Record<Role, Choice> = {
    owner: { label: "Owner", about: "Everything, other owners included", enforced: ["crypto"] },
    admin: { label: "Admin", about: "Invites and removes members", enforced: ["crypto"] },
    member: { label: "Member", about: "Uses the vaults they were given", enforced: ["crypto"] },
    auditor: { label: "Auditor", about: "Reads the log, opens no vault", enforced: ["crypto", "server"] },
}

export const RIGHTS: Record<Right, Choice> = {
    read: { label: "Read", about: "Open and copy", enforced: ["crypto"] },
    write: { label: "Write", about: "Also add and change", enforced: ["crypto"] },
    manage: { label: "Manage", about: "Also decide who has access", enforced: ["crypto"] },
}

/**
 * The controls of the settings and of an invitation. How long an invitation holds is signed, but what time it is only a
 * clock says: the server's, and that of the browser that lets somebody in.
 */
export const CONTROLS = {
    password: ["crypto"],
    lock: ["client"],
    signOut: ["server"],
    sessions: ["server"],
    kit: ["crypto"],
    shortcuts: ["client"],
    way: ["crypto"],
    days: ["client", "server"],
} as const satisfies Record<string, readonly Enforced[]>

export const VERIFIED: Record<MemberView["verified"], string> = {
    founder: "Founded the team",
    token: "By the invitation’s link",
    words: "Words compared",
    none: "Not verified",
}

export function quoted(name: string): string {
    return `“${name}”`
}

/** A member's name; where its text does not fit its commitment, the words of the fingerprint. */
export function memberName(member: Pick<MemberView, "name" | "words"> | null | undefined): string {
    return member?.name ?? member?.words ?? "Name not shown"
}

export function teamName(team: TeamView | null): string {
    if (team === null) return "Team"
    return team.name ?? (team.kind === "personal" ? "Personal" : "Name not shown")
}

export function vaultName(vault: VaultView | null, team?: TeamView | null): string {
    if (vault === null) return "Vault"
    if (vault.name !== null) return vault.name
    return team?.kind === "personal" ? "Personal" : "Closed vault"
}

/** What somebody may do in a vault; my own right is not claimed where the server no longer lists the team for me. */
export function rightLabel(right: Right, isMe: boolean, team: TeamView | null): string {
    return isMe && team?.state === "waiting" ? "Not listed any more" : RIGHTS[right].label
}

/** Rights in several vaults: those whose names this browser can open by name, the others by number. */
export function rightsWords(rights: readonly (readonly [Id, Right])[], team: TeamView): string {
    const named = rights.flatMap(([id, right]) => {
        const name = team.vaults.find((vault) => vault.id === id)?.name
        return name ? [`${quoted(name)} (${RIGHTS[right].label.toLowerCase()})`] : []
    })
    const closed = rights.length - named.length
    if (closed > 0) named.push(count(closed, named.length > 0 ? "other vault" : "vault"))
    return named.join(", ")
}

/** People to choose from, in quotes: “Ana”, “Ben” or “Cleo”. */
export function anyOf(names: readonly string[]): string {
    const all = names.map(quoted)
    return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`
}

/** Did my link to this team come by mail, and is a side still to hear the other's words? */
export function awaitsWords(team: TeamView | null): boolean {
    if (team === null) return false
    return team.uncompared || team.members.some((member) => member.me && member.verified === "none")
}

/** Does nobody of this team have my words by voice yet? */
export function isUnspoken(team: TeamView | null): boolean {
    return team?.members.some((member) => member.me && member.verified !== "words") ?? false
}

/** What stands for an item: its title, in the author's words. */
export function itemTitle({ title, isUnreadable }: Pick<Overview, "title" | "isUnreadable">): string {
    if (isUnreadable) return "Cannot be read"
    return title || "Without a title"
}

export function initials(name: string): string {
    const words = name.split(/[\s@.]+/).filter((word) => word !== "")
    const letters = words.length > 1 ? [words[0], words[1]] : [words[0]]
    return letters.map((word) => [...(word ?? "?")][0]?.toUpperCase() ?? "?").join("")
}

export function count(number: number, one: string, many = `${one}s`): string {
    return `${number.toLocaleString("en")} ${number === 1 ? one : many}`
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" })
const MINUTE = new Intl.DateTimeFormat("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
})

/** The last moment that a date can name, Unix ms. A signed time may be any number, and a format throws beyond this. */
const LAST_MOMENT = 8.64e15

function dated(format: Intl.DateTimeFormat, at: number): string {
    return Math.abs(at) <= LAST_MOMENT ? format.format(at) : "a date that no calendar has"
}

export function day(at: number): string {
    return dated(DAY, at)
}

export function moment(at: number): string {
    return dated(MINUTE, at)
}
