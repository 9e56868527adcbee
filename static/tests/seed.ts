/** A team with one large vault, written by the client's own code, for measuring. Run by `seed.mjs`. */
import type { Field, ItemType, NewItem } from "../src/worker/api.ts"
import { Device, PASSWORD } from "./core/device.ts"

const SECRET = 1_000 // characters
const TYPES: readonly ItemType[] = ["login", "server", "database", "ssh_key", "token", "env"]
const PLACES = ["Harbour", "Lisbon", "Kraków", "Uppsala", "Nantes", "Galway", "Bergen", "Trieste"]
const USES = ["gateway", "billing", "build runner", "mail relay", "ledger", "metrics", "backup", "wiki"]

export interface Seeded {
    readonly email: string
    readonly password: string
    readonly vault: string
}

/** An item as a person might have it: the numbers make every title another one. */
export function newItem(number: number): NewItem {
    const type = TYPES[number % TYPES.length] as ItemType
    const place = PLACES[number % PLACES.length] as string
    const use = USES[Math.floor(number / PLACES.length) % USES.length] as string
    const host = `${use.replace(" ", "-")}-${number}.example.net`
    const text = (id: string, label: string, value: string): Field => ({ id, kind: "text", label, value })
    return {
        overview: {
            type,
            title: `${place} ${use} ${number}`,
            login: `deploy-${number % 40}`,
            host,
            tags: [place.toLowerCase(), number % 3 === 0 ? "production" : "staging"],
            trash: null,
        },
        details: {
            fields: [
                text("host", "Host", host),
                { id: "password", kind: "secret", label: "Password", value: secret(number) },
            ],
            note: `Renewed by the ${use} team.`,
        },
    }
}

function secret(number: number): string {
    return Array.from({ length: SECRET / 10 }, (_, i) => `${number * 7919 + i}`.padStart(10, "x")).join("")
}

/** Make an account on a running product and import `count` items, in links of 500. */
export async function seed(url: string, folder: string, email: string, count: number): Promise<Seeded> {
    const device = await new Device(url, folder).signUp(email, "Ana")
    const team = await device.core.createTeam("Acme")
    const vault = await device.core.createVault(team, "Imported")
    const done = await device.core.importItems(
        vault,
        Array.from({ length: count }, (_, number) => newItem(number)),
    )
    if (done.saved !== count) throw new Error(`only ${done.saved} of ${count} were imported`)
    await device.core.lock()
    return { email, password: PASSWORD, vault }
}
