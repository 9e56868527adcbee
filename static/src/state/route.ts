/** Addresses of the client. They carry ids only: no title, no name, no search text. */
import type { Id, ItemType } from "../worker/api.ts"

export type ItemMode = "view" | "edit" | "history"

/** `of`: the vault of the item, where the list is not that vault's. An address from before there was such a part has none. */
export type Route =
    | { page: "items"; vault: Id | null; of?: Id; item: Id | null; mode: ItemMode }
    | { page: "trash"; of?: Id; item: Id | null }
    | { page: "new"; type: ItemType | null; vault: Id | null; draft: Id | null }
    | { page: "new-team" }
    | { page: "members"; team: Id }
    | { page: "access"; vault: Id }
    | { page: "settings" }
    | { page: "sign-in" }
    | { page: "sign-up" }
    | { page: "join" }
    | { page: "device" }
    | { page: "nowhere" }

const ID = /^[0-9a-f]{32}$/
const TYPES: ReadonlySet<string> = new Set([
    "ssh_key",
    "env",
    "login",
    "note",
    "server",
    "database",
    "token",
] satisfies ItemType[])

const NOWHERE: Route = { page: "nowhere" }
const PLAIN: Record<string, Route> = {
    "": { page: "items", vault: null, item: null, mode: "view" },
    settings: { page: "settings" },
    signin: { page: "sign-in" },
    signup: { page: "sign-up" },
    join: { page: "join" },
    device: { page: "device" },
}

/** Read the path and query of an address; whatever is not an address of ours is `nowhere`. */
export function parseRoute(path: string, query = ""): Route {
    const [head = "", ...rest] = path.replace(/^\/+|\/+$/g, "").split("/")
    if (rest.length === 0 && Object.hasOwn(PLAIN, head)) return PLAIN[head] ?? NOWHERE
    if (head === "items") return itemOfAllRoute(rest)
    if (head === "vaults") return vaultRoute(rest)
    if (head === "trash") return trashRoute(rest)
    if (head === "new") return newRoute(rest, new URLSearchParams(query))
    if (head === "teams") return teamRoute(rest)
    return NOWHERE
}

function id(text: string | undefined | null): Id | null {
    return text !== undefined && text !== null && ID.test(text) ? text : null
}

function itemOfAllRoute(rest: string[]): Route {
    const of = id(rest[1]) === null ? null : id(rest[0])
    const route = itemRoute(null, of === null ? rest : rest.slice(1))
    return of !== null && route.page === "items" ? { ...route, of } : route
}

function itemRoute(vault: Id | null, rest: string[]): Route {
    const item = id(rest[0])
    const mode = rest[1] ?? "view"
    if (item === null || rest.length > 2) return NOWHERE
    if (mode !== "view" && mode !== "edit" && mode !== "history") return NOWHERE
    return { page: "items", vault, item, mode }
}

function vaultRoute(rest: string[]): Route {
    const vault = id(rest[0])
    if (vault === null) return NOWHERE
    if (rest.length === 1) return { page: "items", vault, item: null, mode: "view" }
    if (rest.length === 2 && rest[1] === "access") return { page: "access", vault }
    return itemRoute(vault, rest.slice(1))
}

function trashRoute(rest: string[]): Route {
    if (rest.length === 0) return { page: "trash", item: null }
    const [item, of] = [id(rest.at(-1)), id(rest[0])]
    if (item === null || of === null || rest.length > 2) return NOWHERE
    return rest.length === 1 ? { page: "trash", item } : { page: "trash", of, item }
}

function newRoute(rest: string[], query: URLSearchParams): Route {
    const type = rest[0]
    if (rest.length > 1 || (type !== undefined && !TYPES.has(type))) return NOWHERE
    return {
        page: "new",
        type: (type as ItemType | undefined) ?? null,
        vault: id(query.get("vault")),
        draft: id(query.get("draft")),
    }
}

function teamRoute(rest: string[]): Route {
    if (rest.length === 1 && rest[0] === "new") return { page: "new-team" }
    const team = id(rest[0])
    return team !== null && rest.length === 2 && rest[1] === "members" ? { page: "members", team } : NOWHERE
}

/** The address of a route; {@link parseRoute} reads it back. */
export function formatRoute(route: Route): string {
    switch (route.page) {
        case "items":
            return formatItems(route.vault, placeOf(route), route.mode)
        case "trash":
            return route.item === null ? "/trash" : `/trash/${placeOf(route)}`
        case "new":
            return formatNew(route.type, route.vault, route.draft)
        case "new-team":
            return "/teams/new"
        case "members":
            return `/teams/${route.team}/members`
        case "access":
            return `/vaults/${route.vault}/access`
        case "sign-in":
            return "/signin"
        case "sign-up":
            return "/signup"
        case "nowhere":
            return "/"
        default:
            return `/${route.page}`
    }
}

/** An item with its vault, if that is said. */
function placeOf({ of, item }: { of?: Id; item: Id | null }): string | null {
    return item === null || of === undefined ? item : `${of}/${item}`
}

function formatItems(vault: Id | null, item: string | null, mode: ItemMode): string {
    if (item === null) return vault === null ? "/" : `/vaults/${vault}`
    const place = vault === null ? `/items/${item}` : `/vaults/${vault}/${item}`
    return mode === "view" ? place : `${place}/${mode}`
}

function formatNew(type: ItemType | null, vault: Id | null, draft: Id | null): string {
    const query = new URLSearchParams()
    if (vault !== null) query.set("vault", vault)
    if (draft !== null) query.set("draft", draft)
    const path = type === null ? "/new" : `/new/${type}`
    return query.size === 0 ? path : `${path}?${query}`
}

/** What the tab says: the page, never a title or a name, since browsers keep tab titles in their history. */
export function routeTitle(route: Route): string {
    const titles: Record<Route["page"], string> = {
        items: "Items",
        trash: "Trash",
        new: "New item",
        "new-team": "New team",
        members: "Members",
        access: "Vault access",
        settings: "Settings",
        "sign-in": "Sign in",
        "sign-up": "Sign up",
        join: "Invitation",
        device: "Device link",
        nowhere: "Not found",
    }
    return `${titles[route.page]} · Coffret`
}
