/** Copy with its toast and its announcement. Says what was copied, never the value. */
import { ERRORS } from "../words/errors.ts"
import { clearClipboard, copyText, copyWhenOpened } from "./clipboard.ts"
import { toasts } from "./toasts.svelte.ts"

async function clearNow(): Promise<void> {
    const cleared = await clearClipboard()
    toasts.show(cleared ? "The clipboard is empty." : ERRORS.clipboard, undefined, cleared ? "done" : "warn")
}

function copied(what: string): void {
    toasts.show(`${what} copied. The clipboard is cleared in 30 seconds.`, {
        label: "Clear now",
        run: () => void clearNow(),
    })
}

/** Copy what is at hand, or what a promise will bring. */
export async function copy(what: string, value: string | Promise<string>): Promise<void> {
    try {
        await (typeof value === "string" ? copyText(value) : copyWhenOpened(value))
        copied(what)
    } catch {
        toasts.show(ERRORS.clipboard, undefined, "warn")
    }
}
