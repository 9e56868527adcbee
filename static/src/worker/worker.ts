/** Keys live here, in memory, away from the page. */
import sodium from "libsodium-wrappers-sumo"
import { answer, isRequest } from "./protocol.ts"

addEventListener("message", async (event: MessageEvent<unknown>) => {
    if (!isRequest(event.data)) return
    await sodium.ready
    postMessage(answer(event.data, sodium.SODIUM_VERSION_STRING))
})
