/** What can be done with an item from more than one place: addresses, copy, trash, names of authors. */
import { ERRORS } from "../words/errors.ts"
import { memberName } from "../words/names.ts"
import { WAITS } from "../words/notices.ts"
import type { Details, Id, Overview, Row } from "../worker/api.ts"
import { copy } from "./copy.ts"
import { kindOf, shownFields } from "./kinds.ts"
import { formatRoute, type ItemMode } from "./route.ts"
import { router } from "./router.svelte.ts"
import { Action, isUsable, session } from "./session.svelte.ts"
import { toasts } from "./toasts.svelte.ts"

/** The address of an item, inside its vault if that is what the list shows. */
export function itemAddress(row: Row, mode: ItemMode = "view"): string {
    const { route } = router
    if (row.overview.trash !== null) return formatRoute({ page: "trash", of: row.vault, item: row.id })
    const isOfVault = route.page === "items" && route.vault === row.vault
    const place = isOfVault ? { vault: row.vault } : { vault: null, of: row.vault }
    return formatRoute({ page: "items", ...place, item: row.id, mode })
}

/** Go where a row is edited. */
export function openEdit(row: Row): void {
    history.pushState(null, "", itemAddress(row, "edit"))
    router.read()
}

function secretOf(overview: Overview, details: Details): string {
    const wanted = kindOf(overview.type).secret
    return shownFields(overview, details).find((field) => field.id === wanted)?.value ?? ""
}

/** Open the item and copy its secret; this server logs that it served the details. */
export function copySecret(row: Row): Promise<void> {
    const opened = session.core.openItem(row.vault, row.id)
    const kind = kindOf(row.overview.type)
    const label = kind.fields.find((field) => field.id === kind.secret)?.label ?? "Secret"
    return copy(
        label,
        opened.then(({ overview, details }) => secretOf(overview, details)),
    )
}

export function mayWrite(vault: Id): boolean {
    const view = session.vault(vault)
    const team = session.teamOf(vault)
    if (view === null || !isUsable(view) || team?.state !== "ready" || team.uncompared) return false
    return view.right === "write" || view.right === "manage"
}

export function mayPurge(vault: Id): boolean {
    return mayWrite(vault) && session.vault(vault)?.right === "manage"
}

const moving = new Action()

/** Move to trash, with Undo. */
export async function trash(row: Row): Promise<void> {
    const done = await moving.run(() => session.core.trashItem(row.vault, row.id))
    if (!done) return failed()
    if (done.value === "pending") return toasts.show(WAITS)
    toasts.show("Moved to trash.", { label: "Undo", run: () => void restore(row, false) })
}

export async function restore(row: Row, say = true): Promise<void> {
    const done = await moving.run(() => session.core.restoreItem(row.vault, row.id))
    if (!done) return failed()
    if (done.value === "pending") return toasts.show(WAITS)
    toasts.show(say ? "Restored." : "Back in its vault.")
}

/** What a key does with a row that is not open. */
export function actOnRow(row: Row, act: string): void {
    const login = row.overview.login ?? ""
    const changes = mayWrite(row.vault) && row.overview.trash === null
    if (act === "copy-user" && login !== "") void copy("User", login)
    else if (act === "copy-secret") void copySecret(row)
    else if (act === "edit" && changes) openEdit(row)
    else if (act === "trash" && changes) void trash(row)
}

function failed(): void {
    const code = moving.failure?.code
    if (code === undefined || moving.failure?.refusal !== undefined) return
    toasts.show(
        Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS] : ERRORS.unknown,
        undefined,
        "warn",
    )
}

/** The name of who wrote a revision. */
export function authorName(vault: Id, author: string): string {
    const team = session.teamOf(vault)
    const member = team?.members.find((each) => each.id === author)
    if (member !== undefined) return member.me ? "you" : memberName(member)
    return /^[0-9a-f]{32}$/.test(author) ? "a former member" : author
}
