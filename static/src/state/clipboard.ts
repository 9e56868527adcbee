/**
 * The clipboard, cleared 30 seconds after a copy. A browser lets a page write only while it has focus: if it has
 * none at that moment, the clipboard is cleared when the page is looked at again.
 */

export const CLEAR_AFTER_MS = 30_000

let timer: ReturnType<typeof setTimeout> | undefined
let waiting = false

/** Put a text on the clipboard, byte for byte. @throws if the browser does not let us. */
export async function copyText(text: string): Promise<void> {
    await navigator.clipboard.writeText(text)
    clearLater()
}

/** The same for a text that is still being opened; asked for within the click, so that every browser allows it. */
export async function copyWhenOpened(text: Promise<string>): Promise<void> {
    const blob = text.then((value) => new Blob([value], { type: "text/plain" }))
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })])
    clearLater()
}

function clearLater(): void {
    clearTimeout(timer)
    waiting = false
    timer = setTimeout(() => void clearClipboard(), CLEAR_AFTER_MS)
}

/** Clear now; without focus, at the next focus. True once it is empty. */
export async function clearClipboard(): Promise<boolean> {
    clearTimeout(timer)
    try {
        await navigator.clipboard.writeText("")
        waiting = false
        return true
    } catch {
        if (!waiting) {
            waiting = true
            addEventListener("focus", onFocus, { once: true })
        }
        return false
    }
}

function onFocus(): void {
    if (waiting) {
        waiting = false
        void clearClipboard()
    }
}
