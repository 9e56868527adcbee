/** How hard a password is to guess. The dictionaries are large, so they are loaded when a password is first typed. */

export interface Strength {
    /** 0 to 4. */
    score: number
    words: string
}

/** Guesses an owner of a stolen, opened record can make are few, each costs 64 MiB; 3 is where we say yes. */
export const ENOUGH = 3
/** The time the estimate takes grows with the length, and beyond this it says nothing new. */
const LOOKED_AT = 96

const WORDS = [
    "Guessed at once.",
    "Guessed within hours.",
    "Holds off a casual guess, not a patient one.",
    "Good. Hard to guess.",
    "Strong. Very hard to guess.",
]

type Check = (password: string, known: string[]) => { score: number }

let loading: Promise<Check> | undefined

async function load(): Promise<Check> {
    const [{ ZxcvbnFactory }, common, english] = await Promise.all([
        import("@zxcvbn-ts/core"),
        import("@zxcvbn-ts/language-common"),
        import("@zxcvbn-ts/language-en"),
    ])
    const meter = new ZxcvbnFactory({
        dictionary: { ...common.dictionary, ...english.dictionary },
        graphs: common.adjacencyGraphs,
    })
    return (password, known) => meter.check(password, known)
}

/** Name and e-mail count as words that an attacker tries first, in parts too. */
function partsOf(known: readonly string[]): string[] {
    const parts = known.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)])
    return [...new Set(parts.map((part) => part.toLowerCase()).filter((part) => part.length > 2))]
}

export async function strengthOf(password: string, known: readonly string[]): Promise<Strength> {
    loading ??= load()
    const check = await loading
    const { score } = check(password.slice(0, LOOKED_AT), partsOf(known))
    return { score, words: WORDS[score] ?? "" }
}
