/** What a case of its own begins with, where the honest server goes on being written to. */
import { createVault, grantVault } from "../../../src/core/members.ts"
import type { Draft } from "../../../src/worker/api.ts"
import type { Lie } from "../lying.ts"
import { Twin } from "../twin.ts"
import type { Somebody, World } from "../world.ts"

/** A vault of its own for a case: Ana and Adam manage, Mary writes, Rita reads; one item. */
export async function shared(w: World) {
    const ana = await visit(w.ana)
    const vault = await createVault(ana.context, w.team, "zz-plain shared")
    for (const [who, right] of [
        [w.adam, "manage"],
        [w.mary, "write"],
        [w.rita, "read"],
    ] as const)
        await grantVault(ana.context, vault, who.member, right)
    await ana.look()
    const { item } = await ana.save(vault, "zz-plain before")
    return { ana, vault, item }
}

export async function visit(who: Somebody, told?: Lie): Promise<Twin> {
    const twin = await Twin.of(who, told === undefined ? {} : { lie: told })
    await twin.look()
    return twin
}

export const titleOf = (twin: Twin, item: string) => twin.titles.get(item)

/** The text of a draft. */
export const typedOf = (draft: Draft) => draft.details.note
