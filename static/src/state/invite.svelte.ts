/**
 * The fragment of an invitation's address. It holds a secret, so it leaves the address bar at once, and is kept for
 * this tab only: in memory, and in the tab's own storage until the invitation is answered.
 */
const KEY = "coffret.invite"
/** 64 bytes in base64url. What is shorter or longer was cut or joined on the way, and is not asked of the server. */
const WHOLE = /^[A-Za-z0-9_-]{86}$/

export function isWholeInvite(fragment: string): boolean {
    return WHOLE.test(fragment)
}

class InviteKeeper {
    fragment = $state<string | null>(null)
    /** Nothing is left to do with it but to read its page, a reload of that included. */
    isOver = $state(false)

    /** Take the fragment from the address, or what this tab kept of it. */
    take(): void {
        const given = location.pathname === "/join" ? location.hash.slice(1) : ""
        if (given !== "") {
            history.replaceState(null, "", "/join")
            this.#keep(given)
        } else {
            this.fragment = sessionStorage.getItem(KEY)
        }
    }

    #keep(fragment: string): void {
        // The link that is open already, opened again, has no new page that could say so.
        if (fragment !== this.fragment) this.isOver = false
        this.fragment = fragment
        sessionStorage.setItem(KEY, fragment)
    }

    drop(): void {
        this.fragment = null
        this.isOver = false
        sessionStorage.removeItem(KEY)
    }
}

export const inviteKeeper = new InviteKeeper()
