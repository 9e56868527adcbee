/** Safety words (SPEC.md 5.3): what two people read to each other by voice, so that a server between them shows. */
import { concat, random, utf8 } from "./bytes"
import { argon2id, sha256, sodiumReady } from "./sodium"

/** Who says the words, and of what. */
export type WordsKind = "invite" | "member" | "key"

const COUNT = 6
const CHOICES = 3
const DRAWS = 65_536 // what two bytes hold

let list: readonly string[] | undefined

/** EFF's list of 7,776 words, loaded when words are first asked for. */
async function loadList(): Promise<readonly string[]> {
    if (list !== undefined) return list
    const { default: text } = await import("./eff_large_wordlist.txt?raw")
    list = text.trimEnd().split("\n")
    return list
}

/**
 * Six words of a hash or a fingerprint, with spaces between. Slow on purpose (about 0.2 s): who looks for a key with the
 * same words pays this for each try.
 *
 * @param message - the invite's hash (32 bytes), it and a fingerprint (64), or a fingerprint (32), as `kind` says.
 */
export async function safetyWords(kind: WordsKind, message: Uint8Array): Promise<string> {
    const [words] = await Promise.all([loadList(), sodiumReady()])
    const salt = sha256(concat(utf8("coffret/words/v1\0"), utf8(kind))).subarray(0, 16)
    let rest = argon2id(message, salt).reduce((number, byte) => number * 256n + BigInt(byte), 0n)
    const found: string[] = []
    for (let i = 0; i < COUNT; i++) {
        found.push(words[Number(rest % BigInt(words.length))] as string)
        rest /= BigInt(words.length)
    }
    return found.join(" ")
}

/**
 * The phrase among two others, in random order. All three differ in the same two places and in nothing else: were the
 * places others, the right phrase would be the one that has most in common with both, and nobody would have to listen.
 */
export async function withDecoys(phrase: string): Promise<{ choices: string[]; right: number }> {
    const words = await loadList()
    const right = phrase.split(" ")
    const places = drawOthers(COUNT, 2, [])
    const drawn = places.map((place) =>
        drawOthers(words.length, CHOICES - 1, [words.indexOf(right[place] as string)]),
    )
    const decoys = Array.from({ length: CHOICES - 1 }, (_, i) => {
        const other = [...right]
        for (const [at, place] of places.entries()) other[place] = words[drawn[at]?.[i] as number] as string
        return other.join(" ")
    })
    const at = draw(CHOICES)
    return { choices: decoys.toSpliced(at, 0, phrase), right: at }
}

/** Different numbers below `below`, none of them in `taken`. */
function drawOthers(below: number, count: number, taken: readonly number[]): number[] {
    const found: number[] = []
    while (found.length < count) {
        const one = draw(below)
        if (!taken.includes(one) && !found.includes(one)) found.push(one)
    }
    return found
}

/** A number below `below`, each equally likely; `below` is at most 65,536. */
function draw(below: number): number {
    const limit = DRAWS - (DRAWS % below)
    for (;;) {
        const [high = 0, low = 0] = random(2)
        const value = high * 256 + low
        if (value < limit) return value % below
    }
}
