/** What the list shows: its search text (never in the address) and its order. */
import type { Row } from "../worker/api.ts"
import { router } from "./router.svelte.ts"
import type { Order } from "./rows.ts"
import { session } from "./session.svelte.ts"

class List {
    query = $state("")
    order = $state<Order>("title")

    readonly rows: Row[] = $derived.by(() => {
        void session.rowsVersion
        const { route } = router
        if (this.query.trim() !== "") return session.index.search(this.query)
        const vault = route.page === "items" ? route.vault : null
        return session.index.list(vault, route.page === "trash", this.order)
    })

    readonly counts: { all: number; trash: number; vaults: Map<string, number> } = $derived.by(() => {
        void session.rowsVersion
        const vaults = new Map<string, number>()
        let [all, trash] = [0, 0]
        for (const row of session.index.all()) {
            if (row.overview.type === "vault") continue
            if (row.overview.trash !== null) trash++
            else {
                all++
                vaults.set(row.vault, (vaults.get(row.vault) ?? 0) + 1)
            }
        }
        return { all, trash, vaults }
    })

    clear(): void {
        this.query = ""
    }
}

export const list = new List()
