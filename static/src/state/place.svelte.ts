/** Where the person is: the team whose vaults the case shows, and a slow clock. */
import type { Id, TeamView } from "../worker/api.ts"
import { go, router } from "./router.svelte.ts"
import { session } from "./session.svelte.ts"

class Place {
    #chosen = $state<Id | null>(null)
    now = $state(Date.now())

    /** The team of the address, else the one chosen, else the first. */
    readonly team: TeamView | null = $derived.by(() => {
        const { route } = router
        const teams = session.snapshot.teams.filter((team) => team.kind === "team")
        const named =
            route.page === "members"
                ? route.team
                : route.page === "items" || route.page === "access"
                  ? session.vault(route.vault)?.team
                  : undefined
        const wanted = [named, this.#chosen].map((id) => teams.find((team) => team.id === id))
        return wanted.find((team) => team !== undefined) ?? teams[0] ?? null
    })

    choose(team: Id): void {
        this.#chosen = team
        go({ page: "items", vault: null, item: null, mode: "view" })
    }

    tick(): void {
        this.now = Date.now()
    }
}

export const place = new Place()
