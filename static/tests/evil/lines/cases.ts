/** How a case may end, by what each is called. */
import type { RefusalId } from "../../../src/chain/refusals.ts"

/**
 * `passed over`: not used, not shown, and no lie that a person should read of. `waiting`: read, not written upon.
 * `goes on`: it is done all the same, on what is true. `fails`: the call ends in an error, and nothing was sent.
 */
export type Ending = RefusalId | "passed over" | "waiting" | "goes on" | "fails"

export type Cases = Readonly<Record<string, Readonly<Record<string, Ending>>>>
