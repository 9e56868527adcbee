/** What a refusal page says: what was seen, what it means, what to do. By the id of the format's description. */
import { isRefusal, REFUSALS } from "../chain/refusals.ts"

export interface RefusalWords {
    title: string
    seen: string
    effect: string
    steps: { title: string; text: string }[]
}

const OLDER = new Set(["T4.older", "F8.short"])
const FORK = new Set(["T4.fork", "T4.cut", "R23.genesis", "T15.cut", "T15.backdated"])
const ACCOUNT = new Set(["A3.server_key", "A4.bundle", "R10.kdf", "R17.bundle", "R17.keyring", "S4.keys"])
const ITEM = new Set(["R7.open", "R7.hash", "R16.open", "R12.items"])
const GRANT = /^(T7|T8)\./

const TELL = {
    title: "Tell an owner, outside Coffret",
    text: "By voice or in person. Read them the code and the time above.",
}
const KEEP = {
    title: "Keep the report",
    text: "It holds heads and hashes, no secret, and can be checked without this server.",
}

function step(title: string, text: string): RefusalWords["steps"][number] {
    return { title, text }
}

function kindWords(id: string): Omit<RefusalWords, "seen"> {
    if (OLDER.has(id))
        return {
            title: "This server shows an older state",
            effect: "The team is read-only here until the server catches up with what this browser has seen.",
            steps: [
                step("Wait, then reload", "A server restored from a backup can be behind for a while."),
                TELL,
                KEEP,
            ],
        }
    if (FORK.has(id))
        return {
            title: "This server shows another history",
            effect: "The team is read-only here. What this browser has verified stays readable.",
            steps: [
                step("Compare with a colleague", "Ask whether their browser shows the same last change."),
                TELL,
                KEEP,
            ],
        }
    if (ACCOUNT.has(id))
        return {
            title: "This is not the account this browser knows",
            effect: "Nothing was opened. You are not signed in here.",
            steps: [
                step("Check the address", "The address above must be the one your team uses."),
                step("Do not enter your password again", "Not before an owner has an explanation."),
                TELL,
                KEEP,
            ],
        }
    if (ITEM.has(id))
        return {
            title: "We did not open this item",
            effect: "The other items of the vault are not concerned. Earlier revisions may still open.",
            steps: [step("Open an earlier revision", "The item’s history lists them."), TELL, KEEP],
        }
    if (GRANT.test(id))
        return {
            title: "We did not take this vault key",
            effect: "The vault stays closed here until somebody who manages it grants it again.",
            steps: [
                step("Ask for it again", "Somebody who manages the vault can take it back and grant it."),
                TELL,
                KEEP,
            ],
        }
    return {
        title: "We refused what this server showed",
        effect: "This browser stays at the last state it could verify. It reads there, and writes nothing.",
        steps: [TELL, KEEP],
    }
}

export function refusalWords(id: string): RefusalWords {
    const seen = isRefusal(id)
        ? REFUSALS[id]
        : "The server showed something that this client does not accept."
    return { ...kindWords(id), seen }
}
