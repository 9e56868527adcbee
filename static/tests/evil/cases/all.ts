/** Every case, in the order in which they run. */
import type { World } from "../world.ts"
import { keyMaterial, signIns } from "./account.ts"
import { rights, unknowns } from "./authority.ts"
import { formOfChains } from "./chain.ts"
import { grants } from "./grants.ts"
import { grantsInTime } from "./intime.ts"
import { resealed, revisions, serversCopies, swaps } from "./items.ts"
import { acceptances, invitations } from "./joining.ts"
import { clocks, seenBefore, whoseChain } from "./pinned.ts"
import { flags, silence } from "./quiet.ts"
import { garbage, order, outbox } from "./races.ts"
import { recipients } from "./recipients.ts"
import { stored, stuck } from "./stored.ts"
import { mailedMember, nobodysKey, otherKeys } from "./strangers.ts"
import { tempted } from "./tempted.ts"
import { encodings, mailed, namesAndViews, withASigner } from "./together.ts"
import { claims, comingBack, waiting } from "./written.ts"

export function everyCase(world: World): void {
    formOfChains(world)
    rights(world)
    unknowns(world)
    seenBefore(world)
    stored(world)
    stuck(world)
    tempted(world)
    whoseChain(world)
    clocks(world)
    grants(world)
    swaps(world)
    serversCopies(world)
    revisions(world)
    resealed(world)
    acceptances(world)
    invitations(world)
    recipients(world)
    flags(world)
    silence(world)
    namesAndViews(world)
    encodings(world)
    mailed(world)
    otherKeys(world)
    nobodysKey(world)
    mailedMember(world)
    withASigner(world)
    outbox(world)
    claims(world)
    waiting(world)
    comingBack(world)
    order(world)
    grantsInTime(world)
    keyMaterial(world)
    signIns(world)
    garbage(world)
}
