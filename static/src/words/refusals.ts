/** What a refusal page says: what was seen, what it means, what to do. By the id of the format's description. */
import { isRefusal, REFUSALS } from "../chain/refusals.ts"
import type { SavedLinks } from "../worker/api.ts"

export interface RefusalWords {
    title: string
    seen: string
    /** What may be behind it, the harmless cause first where there is one. */
    meaning: string
    effect: string
    steps: { title: string; text: string }[]
}

const OLDER = new Set(["T4.older"])
const JOIN = new Set(["T10.link", "F8.short"])
const STRANGER = new Set(["T6.key"])
const STOPPED = new Set(["R1.recipient"])
const UNKNOWN = new Set(["R13.team", "R13.vault"])
const FORK = new Set(["T4.fork", "T4.cut", "R23.genesis", "T15.cut"])
const ACCOUNT = new Set([
    "A3.server_key",
    "A4.bundle",
    "A4.email",
    "R10.kdf",
    "R17.bundle",
    "R17.keyring",
    "S4.keys",
])
const KEPT = new Set(["R17.pins", "R17.settings"])
const ITEM = new Set(["R7.open", "R7.hash", "R16.open"])
const ITEMS = new Set(["R12.items"])
const GRANT = /^(T7|T8)\./

/** Do two histories part there, whose links can be compared? */
export function isFork(id: string): boolean {
    return FORK.has(id)
}

/** Is the server given back what it lacks? That alone leaves after a refusal. */
export function givesBack(id: string): boolean {
    return OLDER.has(id)
}

/** What a saved file of links holds. */
export function savedWords({ whole, hashes }: Omit<SavedLinks, "text">): string {
    const links = whole === 1 ? "one link" : `${whole} links`
    const others = hashes === 1 ? "one hash" : `${hashes} hashes`
    if (hashes === 0) return `Saved, with ${links}.`
    if (whole === 0) return `Saved: ${others}. No link itself is known here.`
    return `Saved, with ${links}; of the rest only ${others} ${hashes === 1 ? "is" : "are"} known here.`
}

/** Whose signature stands under what was refused: a quoted name, or null for somebody whom the team's log does not know. */
export function signerWords(name: string | null, isProven: boolean): string {
    if (name === null) return "What was refused names a signer whom the team’s log does not know."
    return isProven
        ? `What was refused is signed by ${name}.`
        : `What was refused names ${name} as its signer, but the signature is not theirs.`
}

/** The same of an item's revision, whose stored copy nobody signs. */
export function authorWords(name: string | null): string {
    return `The revision that was refused was written by ${name ?? "somebody whom the team’s log does not know"}. Whether they sent something else than they signed, or the server changed it since, cannot be told from here: ask them.`
}

/** In the place of an item of which nothing could be shown. */
export function unshownWords(id: string, hasOlder: boolean): string {
    return `We did not open this item: what this server showed of it was refused, code ${id}. ${hasOlder ? "Open an older revision, or ask" : "Ask"} a colleague whether it opens in their browser; if not, tell an owner, outside Coffret.`
}

/** Is it about one revision of an item? */
export function isOfItem(id: string): boolean {
    return ITEM.has(id)
}

const TELL = {
    title: "Tell an owner, outside Coffret",
    text: "By voice or in person. Read them the code and the time above.",
}
const KEEP = {
    title: "Keep the report",
    text: "It says what was shown and what was expected, as checksums. It holds no secret, and can be checked without this server.",
}
const KEEP_BOTH = {
    title: "Keep the report and both links",
    text: "Each link names who signed it. Neither holds a secret, and both can be checked without this server.",
}

function step(title: string, text: string): RefusalWords["steps"][number] {
    return { title, text }
}

/** By kind; an id without a kind of its own gets {@link OTHER}. */
const KINDS: readonly { of: (id: string) => boolean; words: Omit<RefusalWords, "seen"> }[] = [
    {
        of: (id) => OLDER.has(id),
        words: {
            title: "This server is behind this browser",
            meaning:
                "The server was restored from a backup, or somebody holds back what came later. Both look alike from here.",
            effect: "The team is read-only here until the server catches up with what this browser has seen.",
            steps: [
                step("Wait, then reload", "A server restored from a backup can be behind for a while."),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => FORK.has(id),
        words: {
            title: "There are two histories",
            meaning:
                "Both are of the same team or vault, and part at one entry. No damage makes that happen: somebody signed both, or one of them was made up for you.",
            effect: "The team is read-only here. What this browser has verified stays readable.",
            steps: [
                step("Compare with a colleague", "Ask whether their browser shows the same last change."),
                TELL,
                KEEP_BOTH,
            ],
        },
    },
    {
        of: (id) => JOIN.has(id),
        words: {
            title: "This invitation does not fit this server",
            meaning:
                "The link was copied incompletely or is brand-new, or the server shows you another team than the one that invited you.",
            effect: "You joined nothing, and no key of yours was made known.",
            steps: [
                step("Open the whole link again", "Ask the person who sent it for the complete link."),
                step(
                    "Tell an owner or whoever invited you",
                    "By voice or in person. Read them the code and the time above.",
                ),
                KEEP,
            ],
        },
    },
    {
        of: (id) => STRANGER.has(id),
        words: {
            title: "We did not let this person in",
            meaning:
                "Somebody uses the invitation under another person’s account, or the server put its own keys in.",
            effect: "Nothing was signed. The invitation is open as before, and the team is not concerned.",
            steps: [
                step("Ask the person you invited", "Whether it was they who accepted, and when."),
                step("Take the invitation back", "On the page Members; then invite again, by another way."),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => STOPPED.has(id),
        words: {
            title: "We stopped before sealing",
            meaning:
                "The server is behind the team’s log, or it named a key or a person that the team never signed.",
            effect: "The write was stopped before anything was sealed. What you typed is kept as a draft.",
            steps: [
                step("Reload, then try again", "If the server was only behind, it works the second time."),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => UNKNOWN.has(id),
        words: {
            title: "This server shows something nobody signed",
            meaning: "You may have been removed from it, or the server made it up so that you write into it.",
            effect: "It is not shown and not used. Your other teams and vaults are not concerned.",
            steps: [
                step("Ask whoever should have shared it", "Whether they did, and with which team."),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => ACCOUNT.has(id),
        words: {
            title: "This is not the account this browser knows",
            meaning: "The server was set up anew or damaged, or this is not your server.",
            effect: "Nothing was opened. You are not signed in here.",
            steps: [
                step("Check the address", "The address of this page must be the one your team uses."),
                step("Do not enter your password again", "Not before an owner has an explanation."),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => KEPT.has(id),
        words: {
            title: "We did not take what this server keeps for you",
            meaning: "The stored copy was damaged, or exchanged with another one.",
            effect: "You are signed in, and what this browser has verified itself stands. It is written over the stored copy; if this browser is new to your account, only after you have locked and unlocked it.",
            steps: [
                step(
                    "Compare with a colleague, if this browser is new to your account",
                    "Whether they see the same last change by someone else: a new browser cannot know an older state.",
                ),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => ITEM.has(id),
        words: {
            title: "We did not open this item",
            meaning:
                "The stored copy was damaged, or exchanged with another one; or whoever wrote this revision sent something else than they signed.",
            effect: "The other items of the vault are not concerned, and older revisions of this one can be opened and restored.",
            steps: [
                step(
                    "Ask a colleague",
                    "Whether the item opens in their browser. If it does, what they save anew opens here after you have locked and unlocked.",
                ),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => ITEMS.has(id),
        words: {
            title: "Something is missing, or in another’s place",
            meaning:
                "The server holds items back, shows older ones, or exchanged them; or its database was damaged.",
            effect: "What was verified before stays readable here. Nothing is written where an item may be missing.",
            steps: [
                step(
                    "Compare with a colleague",
                    "Ask whether their list of the vault has more items, or newer ones.",
                ),
                TELL,
                KEEP,
            ],
        },
    },
    {
        of: (id) => GRANT.test(id),
        words: {
            title: "We did not take this vault key",
            meaning:
                "Whoever granted it made a mistake, or somebody wants you to write under a key that they know.",
            effect: "The vault stays closed here until somebody who manages it grants it again.",
            steps: [
                step("Ask for it again", "Somebody who manages the vault can take it back and grant it."),
                TELL,
                KEEP,
            ],
        },
    },
]

const OTHER: Omit<RefusalWords, "seen"> = {
    title: "We refused what this server showed",
    meaning: "A stored entry was damaged, or somebody made one that the team’s rules do not allow.",
    effect: "This browser stays at the last state it could verify. It reads there, and writes nothing.",
    steps: [TELL, KEEP],
}

/** @param hasLinks - Are both links of a fork at hand? Else there is only the report to keep. */
export function refusalWords(id: string, hasLinks = true): RefusalWords {
    const seen = isRefusal(id)
        ? REFUSALS[id]
        : "The server showed something that this client does not accept."
    const words = KINDS.find(({ of }) => of(id))?.words ?? OTHER
    const steps = hasLinks ? words.steps : words.steps.map((each) => (each === KEEP_BOTH ? KEEP : each))
    return { ...words, steps, seen }
}
