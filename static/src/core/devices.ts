/** The browsers of a person: where they are signed in, and how a new one gets tries of its own. */
import type { SessionView } from "../worker/api.ts"
import type { Server } from "./transport.ts"
import { asBool, asList, asMap, asText, asUint } from "./wire.ts"

/** Newest first, as the server says; it alone knows. */
export async function sessionsOf(server: Server): Promise<SessionView[]> {
    const { sessions } = await server.call("GET", "sessions")
    return asList(sessions).map((each) => {
        const { id, current, address, browser, since } = asMap(each)
        return {
            id: asUint(id),
            here: asBool(current),
            address: asText(address),
            browser: asText(browser),
            since: asUint(since),
        }
    })
}

/** @throws {CoreFailure} `not_found` if it is over already. */
export async function endSession(server: Server, id: number): Promise<void> {
    await server.call("DELETE", `sessions/${asUint(id)}`)
}

/** Mail a link to an address; the answer is the same if nobody has it. @throws {CoreFailure} `too_many`. */
export async function mailDeviceLink(server: Server, email: string): Promise<void> {
    await server.call("POST", "login/link", { email })
}

/** @throws {CoreFailure} `gone` if the link was used, or is older than half an hour. */
export async function useDeviceLink(server: Server, token: string): Promise<void> {
    await server.call("POST", "login/device", { token })
}
