/** Light or dark by the system, unless the person chose; single-letter keys on, unless switched off. */

const THEME = "coffret.theme"
const LETTERS = "coffret.letters"

function read(key: string): string | null {
    try {
        return localStorage.getItem(key)
    } catch {
        return null
    }
}

function write(key: string, value: string): void {
    try {
        localStorage.setItem(key, value)
    } catch {
        // Storage is switched off: the choice lasts as long as the page.
    }
}

export function applyTheme(): void {
    const chosen = read(THEME)
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen
}

export function toggleTheme(): void {
    const root = document.documentElement
    const now =
        root.dataset["theme"] ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")
    root.dataset["theme"] = now === "dark" ? "light" : "dark"
    write(THEME, root.dataset["theme"])
}

export function lettersOn(): boolean {
    return read(LETTERS) !== "off"
}

export function setLetters(on: boolean): void {
    write(LETTERS, on ? "on" : "off")
}
