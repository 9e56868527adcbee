/**
 * What was typed into the form of a new account, but for the password: kept for this tab, so that neither a reload nor
 * another try loses it. Gone as soon as an account is open.
 */
const KEY = "coffret.signup"

class TypedSignUp {
    email = $state("")
    name = $state("")

    constructor() {
        try {
            const [email = "", name = ""] = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as string[]
            this.email = email
            this.name = name
        } catch {
            // Storage is switched off, or somebody else wrote there: the form begins empty.
        }
    }

    keep(): void {
        const typed = JSON.stringify([this.email, this.name])
        try {
            sessionStorage.setItem(KEY, typed)
        } catch {
            // It lasts as long as the page.
        }
    }

    drop(): void {
        this.email = ""
        this.name = ""
        try {
            sessionStorage.removeItem(KEY)
        } catch {
            // Then nothing was kept.
        }
    }
}

export const typedSignUp = new TypedSignUp()
