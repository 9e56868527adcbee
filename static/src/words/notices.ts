/** Where the answer to a change of password was lost. */
export const UNSURE =
    "It is not known whether your password was changed. Sign in with the new one; if it is refused, with the old one."

/** Notices from the worker, by code; unknown ones are not shown. */

export const NOTICES = {
    auto_locked: "Locked after a time without use. You are still signed in.",
    session_ended: "Your session has ended. Sign in again; your drafts are kept, sealed, on this device.",
    password_unsure: `Your session has ended. ${UNSURE} Your drafts are kept, sealed, on this device.`,
    made_unheard:
        "Now sign in with the password you have just chosen. Should that not open an account, none was made, and its kit is worth nothing: make the account again.",
    joined: "You are in: the team has let you in.",
    key_arrived: "The key of a vault has reached you.",
    cache_failed: "This browser could not keep what it has checked. The next visit checks it again.",
    sync_failed: "This browser could not take in what the server sent. It stays at the last good state.",
    removed:
        "A team is no longer listed for you: most likely you were taken out of it. Nothing new of it opens here.",
    locked_elsewhere: "Locked, as in another tab of this browser. Drafts are kept, sealed, on this device.",
    storage_lost:
        "This browser’s storage was emptied while Coffret was open. What was checked is kept again; drafts from before are gone, and what is typed from now on is kept.",
    gave_back: "This server was behind what this browser has seen. This browser gave back what it had kept.",
    caught_up: "This server has caught up with what this browser has seen.",
    sent: "Sent what was waiting.",
    rotated: "The vault has a new key.",
    draft_kept:
        "What was waiting was not written: the vault or the team changed first. It is a draft again, sealed, on this device: see New item, or the item itself.",
    not_written:
        "What was waiting was not done: the vault or the team changed first. Look at it as it is now, and do it again if it is still wanted.",
} as const satisfies Record<string, string>

/** Those that are not good news. */
const WARNINGS = new Set([
    "cache_failed",
    "sync_failed",
    "removed",
    "storage_lost",
    "draft_kept",
    "not_written",
])

/** Said where something was done and no answer came: the one way of saying it. */
export const WAITS = "Kept, sealed, on this device. It is sent when the connection is back; do not repeat it."

export function isWarning(code: string): boolean {
    return WARNINGS.has(code)
}

/** What the worker says it is doing, by code; counts stand beside it. */
const PROGRESS: Record<string, string> = {
    verify: "Checking the vaults’ logs",
    rotate: "Sealing a vault’s new key to everybody who holds it",
}

export function progressWords(label: string): string {
    return PROGRESS[label] ?? "Working"
}

export function noticeWords(code: string): string | null {
    return Object.hasOwn(NOTICES, code) ? NOTICES[code as keyof typeof NOTICES] : null
}
