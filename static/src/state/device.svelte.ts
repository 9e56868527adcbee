/**
 * The fragment of a mailed device link. It opens nothing, but it is good for one use, so it leaves the address bar at
 * once, and is kept in memory only.
 */
class DeviceLink {
    token = $state<string | null>(null)

    /** Take the token from the address. */
    take(): void {
        if (location.pathname !== "/device" || location.hash === "") return
        this.token = location.hash.slice(1)
        history.replaceState(null, "", "/device")
    }
}

export const deviceLink = new DeviceLink()
