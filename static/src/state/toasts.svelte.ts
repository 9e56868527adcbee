/** What was just done, said once: a toast for the eye, a polite announcement for screen readers. */

export interface Toast {
    id: number
    text: string
    kind: "done" | "warn"
    action?: { label: string; run: () => void }
}

const SHOWN_MS = 6_000
const SHOWN_WITH_ACTION_MS = 12_000

class Toasts {
    current = $state.raw<Toast | null>(null)
    /** Read out politely; never holds a value that was copied or revealed. */
    said = $state("")
    /** Where both stand: in the uppermost open dialog, outside of which the browser makes all inert; null is the page. */
    place = $state<string | null>(null)
    #dialogs: readonly string[] = []
    #count = 0
    #timer: ReturnType<typeof setTimeout> | undefined

    show(text: string, action?: Toast["action"], kind: Toast["kind"] = "done"): void {
        clearTimeout(this.#timer)
        const id = ++this.#count
        this.current = action === undefined ? { id, text, kind } : { id, text, kind, action }
        this.#timer = setTimeout(() => this.close(id), action === undefined ? SHOWN_MS : SHOWN_WITH_ACTION_MS)
    }

    close(id = this.#count): void {
        if (this.current?.id === id) this.current = null
    }

    /** Do what the toast offers. Read before the toast goes: the page forgets the action with it. */
    act(): void {
        const action = this.current?.action
        this.close()
        action?.run()
    }

    /** A dialog opens. Returns what to do once it is closed. */
    enter(dialog: string): () => void {
        this.#move([...this.#dialogs, dialog])
        return () => this.#move(this.#dialogs.filter((each) => each !== dialog))
    }

    /** What was read out is not read out again in the other place. */
    #move(dialogs: readonly string[]): void {
        this.#dialogs = dialogs
        this.place = dialogs.at(-1) ?? null
        this.said = ""
    }

    say(text: string): void {
        // The same words twice are two events; a space at the end makes the region change.
        this.said = this.said === text ? `${text} ` : text
    }
}

export const toasts = new Toasts()
