/** The e-mail address of the account. It is signed into teams, so it is the person's word that counts, not the server's. */
import { need } from "../crypto/errors.ts"
import type { Me } from "./account.ts"
import { Shelf } from "./shelf.ts"
import type { Store } from "./store.ts"

const ONLY = "00".repeat(16) // the id of the one record that there is

/** The one form in which addresses are compared: as the server stores them. */
export function normalised(email: string): string {
    return email.trim().normalize("NFKC").toLowerCase().normalize("NFKC")
}

/**
 * Keep the address that was typed here, sealed; where none was typed, hold the server's against the one that is kept. A
 * browser that has its session alone keeps what the server says first, and holds later answers against that.
 *
 * @throws {Refused} `A4.email`.
 */
export async function keepAddress(store: Store, me: Me, wasTyped: boolean): Promise<void> {
    const shelf = new Shelf(store, me)
    const kept = (await shelf.list("address"))[0]?.value
    if (kept === me.email) return
    need(wasTyped || kept === undefined, "A4.email")
    await shelf.put("address", ONLY, me.email)
}
