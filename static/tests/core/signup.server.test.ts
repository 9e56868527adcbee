/** Under test: a sign-up whose code is wrong, or whose answers are lost, leads on, and the kit is shown whatever was lost. */
import { beforeEach, describe, expect, inject, it } from "vitest"
import { Unanswered } from "../../src/core/failure.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"
import { MemoryStore } from "./memory.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const NAME = "Ana Harbour"
let made = 0

/** From a machine of its own, since sign-ups are counted by machine; `deaf` to the answers of some addresses. */
function browser() {
    const deaf = new Set<string>()
    const cookies = cookieFetch((asked) => ![...deaf].some((path) => asked.endsWith(path)))
    const fetcher: typeof fetch = (input, init) => {
        const headers = new Headers(init?.headers)
        headers.set("x-forwarded-for", `198.51.100.${made}`)
        return cookies(input, { ...init, headers })
    }
    const device = new Device(url, folder, new MemoryStore(), fetcher)
    return { deaf, device, fetcher }
}

describe("a sign-up", { timeout: 60_000 }, () => {
    let email = ""
    let { deaf, device, fetcher } = browser()

    /** These are done, and nobody hears the answer: with its cookies if `deaf` names them too. */
    const lose = (...paths: string[]) => {
        device.transport.bend = async (_method, path, send) => {
            const answer = await send()
            if (paths.includes(path)) throw new Unanswered()
            return answer
        }
    }
    const code = () => device.codeFor(email)
    const nameOf = ({ core }: Device) => core.session?.context.settings.name

    beforeEach(async () => {
        made++
        email = `kit-${made}-${tag}@example.test`
        ;({ deaf, device, fetcher } = browser())
        await device.core.start()
        await device.core.signUp(email, NAME, PASSWORD)
        expect(device.snapshot).toMatchObject({ phase: "code", stage: "sign_up", email })
    })

    it("whose last answer is lost goes on to the kit, and to its settings, though that answer is lost too", async () => {
        lose("signup/verify", "account/settings")
        await device.core.confirmCode(await code())
        expect(device.snapshot).toMatchObject({ phase: "kit", stage: null, email })
        device.transport.bend = null
        await device.core.kitSaved(true)
        await device.core.syncNow()
        expect(device.snapshot).toMatchObject({ phase: "open", kitSaved: true, newBrowser: false })
        expect(device.team("personal").members[0]?.name).toBe(NAME)

        const elsewhere = await new Device(url, folder).signIn(email)
        expect(nameOf(elsewhere)).toBe(NAME)
    })

    it("is found made at the next code, or when another is asked for, if nothing at all came through", async () => {
        lose("signup/verify", "session")
        const right = await code()
        await expect(device.core.confirmCode(right)).rejects.toMatchObject({ code: "offline" })
        expect(device.snapshot.phase).toBe("code")
        device.transport.bend = null
        await device.core.resendCode()
        expect(device.snapshot).toMatchObject({ phase: "kit", stage: null })
        expect(nameOf(device)).toBe(NAME)
    })

    it("whose session was lost with the answer shows the kit, and the sign-in that follows has all that was said", async () => {
        deaf.add("signup/verify")
        lose("signup/verify")
        await device.core.confirmCode(await code())
        expect(device.snapshot).toMatchObject({ phase: "kit", stage: "unheard", email })
        device.transport.bend = null
        await device.core.kitSaved(true)
        expect(device.snapshot).toMatchObject({ phase: "anonymous", stage: null })
        expect(device.notices).toEqual(["made_unheard"])

        await device.core.signIn(email, PASSWORD)
        expect(device.snapshot).toMatchObject({ phase: "open", kitSaved: true })
        expect(nameOf(device)).toBe(NAME)
        const elsewhere = await new Device(url, folder).signIn(email)
        expect(nameOf(elsewhere)).toBe(NAME)
        expect(elsewhere.snapshot.kitSaved).toBe(true)
    })

    it("that was perhaps made is not left without the kit", async () => {
        lose("signup/verify", "session")
        await expect(device.core.confirmCode(await code())).rejects.toMatchObject({ code: "offline" })
        await device.core.startAgain()
        expect(device.snapshot).toMatchObject({ phase: "kit", stage: "unheard" })
    })

    it("ends after five wrong codes, and begins again with another address", async () => {
        const right = await code()
        const wrong = right === "000000" ? "000001" : "000000"
        for (const triesLeft of [4, 3, 2, 1, 0])
            await expect(device.core.confirmCode(wrong)).rejects.toMatchObject({
                code: "code_wrong",
                triesLeft,
            })
        await expect(device.core.resendCode()).rejects.toMatchObject({ code: "code_expired" })
        await expect(device.core.confirmCode(right)).rejects.toMatchObject({ code: "code_expired" })
        await device.core.startAgain()
        expect(device.snapshot).toMatchObject({ phase: "anonymous", email: null })
        await device.signUp(`other-${email}`, NAME)
        expect(device.snapshot.phase).toBe("open")
    })

    it("is told to have been left where its keys went with a reload", async () => {
        const reloaded = new Device(url, folder, device.store, fetcher)
        await reloaded.core.start()
        expect(reloaded.snapshot).toMatchObject({ phase: "anonymous", stage: "sign_up" })
        await expect(reloaded.core.confirmCode(await code())).rejects.toMatchObject({ code: "not_signed_in" })
    })
})
