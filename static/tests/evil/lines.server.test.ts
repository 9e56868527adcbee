/** Under test: what the client does if the server lies, line by line of the security requirements. */
import { beforeAll, describe, inject } from "vitest"
import { keyMaterial, signIns } from "./cases/account.ts"
import { rights, unknowns } from "./cases/authority.ts"
import { formOfChains } from "./cases/chain.ts"
import { grants } from "./cases/grants.ts"
import { resealed, revisions, serversCopies, swaps } from "./cases/items.ts"
import { acceptances, invitations } from "./cases/joining.ts"
import { clocks, seenBefore, whoseChain } from "./cases/pinned.ts"
import { flags, recipients, silence } from "./cases/quiet.ts"
import { garbage, grantsInTime, order, outbox } from "./cases/races.ts"
import { stored } from "./cases/stored.ts"
import { encodings, mailed, namesAndViews, withASigner } from "./cases/together.ts"
import { claims, comingBack, waiting } from "./cases/written.ts"
import { World } from "./world.ts"

describe("against a server that lies", { sequential: true }, () => {
    const world = new World(inject("url"), inject("folder"))
    beforeAll(() => world.build(), 120_000)
    formOfChains(world)
    rights(world)
    unknowns(world)
    seenBefore(world)
    stored(world)
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
})
