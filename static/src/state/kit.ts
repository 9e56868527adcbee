/** The recovery kit as text: what the file holds, and how a typed group is compared. */
import { day } from "../words/names.ts"
import type { Kit } from "../worker/api.ts"

export function groupsOf(code: string): string[] {
    return code.split(/[\s-]+/).filter((group) => group !== "")
}

/** Case, spaces and the letters that base32 leaves out (0 for O, 1 for I, 8 for B) do not matter to a reader. */
export function sameGroup(typed: string, group: string): boolean {
    const plain = typed.replace(/[\s-]/g, "").toUpperCase()
    const read = plain.replace(/0/g, "O").replace(/1/g, "I").replace(/8/g, "B")
    return group !== "" && (plain === group.toUpperCase() || read === group.toUpperCase())
}

export function kitText(kit: Kit): string {
    return [
        "Coffret recovery kit",
        "",
        `Account  ${kit.email}`,
        `Server   ${kit.server}`,
        `Made     ${day(kit.madeAt)}`,
        "",
        ...groupsOf(kit.code).map((group, index) => `${String(index + 1).padStart(4)}  ${group}`),
        "",
        "Whoever has this code can open your account. Keep it on paper or on a stick, not in a mailbox.",
        "",
    ].join("\n")
}

export function kitFileName(kit: Kit): string {
    return `coffret-recovery-kit-${kit.email.replace(/[^A-Za-z0-9.-]+/g, "-")}.txt`
}
