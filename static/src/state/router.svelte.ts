/** The route of this tab. Links are ordinary links; a click on one of ours changes the route without a load. */
import { formatRoute, parseRoute, type Route } from "./route.ts"

class Router {
    route = $state.raw<Route>(parseRoute(location.pathname, location.search))
    /** Counts every change, so that pages can move focus even when the route is equal. */
    moves = $state(0)

    go(route: Route, replace = false): void {
        this.#open(formatRoute(route), replace)
    }

    #open(address: string, replace: boolean): void {
        if (replace) history.replaceState(null, "", address)
        else if (address !== location.pathname + location.search) history.pushState(null, "", address)
        this.read()
    }

    read(): void {
        this.route = parseRoute(location.pathname, location.search)
        this.moves++
    }

    /** Take clicks on our own links; leave new tabs, downloads and other origins to the browser. */
    click(event: MouseEvent): void {
        if (event.defaultPrevented || event.button !== 0) return
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
        const link = (event.target as Element | null)?.closest?.("a[href]")
        if (!(link instanceof HTMLAnchorElement)) return
        if (link.origin !== location.origin || link.hasAttribute("download") || link.target !== "") return
        if (link.hash !== "" || parseRoute(link.pathname, link.search).page === "nowhere") return
        event.preventDefault()
        this.#open(link.pathname + link.search, false)
    }
}

export const router = new Router()

export function go(route: Route, replace = false): void {
    router.go(route, replace)
}
