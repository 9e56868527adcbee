/**
 * A browser by what it calls itself, in a few words of ours. Whoever signed in chose that text, and the server hands it
 * out: what none of our words fits stands in quotes, and short.
 */
import { quoted } from "./names.ts"

/** The first that fits counts: the later ones stand in the names of the earlier ones. */
const BROWSERS: [RegExp, string][] = [
    [/\bEdg(?:e|A|iOS)?\//, "Edge"],
    [/\bOPR\//, "Opera"],
    [/\bSamsungBrowser\//, "Samsung Internet"],
    [/\b(?:Firefox|FxiOS)\//, "Firefox"],
    [/\b(?:HeadlessChrome|Chromium|Chrome|CriOS)\//, "Chrome"],
    [/\bVersion\/[\d.]+ .*\bSafari\//, "Safari"],
]
const SYSTEMS: [RegExp, string][] = [
    [/\bAndroid\b/, "Android"],
    [/\biPhone\b/, "iPhone"],
    [/\biPad\b/, "iPad"],
    [/\bCrOS\b/, "ChromeOS"],
    [/\bWindows\b/, "Windows"],
    [/\bMac OS X\b/, "macOS"],
    [/\bLinux\b/, "Linux"],
]
const QUOTED = 40 // characters
const ADDRESS = /^[0-9a-f.:]{2,45}$/i

export function browserWords(text: string): string {
    const named = (known: [RegExp, string][]) => known.find(([form]) => form.test(text))?.[1]
    const [browser, system] = [named(BROWSERS), named(SYSTEMS)]
    if (browser !== undefined) return system === undefined ? browser : `${browser} on ${system}`
    // Without what would end the quotes, or turn the direction of what follows.
    const characters = [...text.replace(/[\p{C}“”]/gu, "").trim()]
    if (characters.length === 0) return "A program that gave no name"
    const cut = characters.slice(0, QUOTED).join("")
    return `Calls itself ${quoted(characters.length > QUOTED ? `${cut}…` : cut)}`
}

/** The address of a machine; what has not the form of one is not shown. */
export function addressWords(text: string): string {
    return ADDRESS.test(text) ? text : "Address not shown"
}
