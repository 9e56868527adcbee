/** The lines' numbers, the lines without a case, and how a case becomes a test. */
import { it } from "vitest"
import type { RefusalId } from "../../src/chain/refusals.ts"
import type { Line } from "./lines.ts"
import { LINES } from "./lines.ts"

/** The numbers that the requirements have; those left out were settled in the design. */
export const NUMBERS = {
    R: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24],
    T: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
    F: [
        1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,
        34, 35, 36,
    ],
} as const

/** Lines without a case, why, and the words by which the README owns up to it. */
export const LATER: Readonly<Record<string, { readonly why: string; readonly said: string }>> = {
    R24: {
        why:
            "The client's code comes from the server, and all that could compare it with a release would come with it. " +
            "What checks it from outside is a later feature: there is nothing yet that this lie could be told to.",
        said: "the client itself is code that the server delivers, and releases cannot be verified yet",
    },
}

/** Declare the test of one case. */
export function lie<L extends Line>(
    line: L,
    name: keyof (typeof LINES)[L] & string,
    run: (refusal: RefusalId) => Promise<void>,
): void {
    it(`${line}: ${name}`, () => run(LINES[line][name] as RefusalId), 60_000)
}
