/** The answers that an honest server would give of a team that was made without one. */
import type { Extras } from "../../src/core/records.ts"

/** What a team's record says beside its chain: nothing. */
export function record(): Extras {
    return { stir: 0, openings: [], grants: [], olds: [], waiting: [], pending: [] }
}
