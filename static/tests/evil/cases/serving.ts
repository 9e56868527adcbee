/** Shapes that many cases share: a colluder's next link, a bent record, a bent list of rows. */

import type { RefusalId } from "../../../src/chain/refusals.ts"
import { hex, random } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import type { Collusion } from "../collusion.ts"
import { collude, signRaw } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { LINES, Line } from "../lines.ts"
import type { Lie, Said } from "../lying.ts"
import type { Scene } from "../scene.ts"
import { refused } from "../scene.ts"
import type { Somebody, World } from "../world.ts"

/** Bend a team's record, whenever the server gives one. */
export function teamRecord(team: string, bend: (record: Said) => void): Lie {
    return {
        records: (records) => {
            for (const [kind, record] of records)
                if (kind === "team" && hex(record.team) === team) bend(record)
            return undefined
        },
    }
}

/** The team's record without the texts of any address. */
export function addressesHidden(w: World): Lie {
    return teamRecord(w.team, (record) => {
        record.openings = record.openings.filter(({ kind }: Said) => kind !== "email")
    })
}

/** Two lies at once. The second bends what the first made of the records. */
export function both(one: Lie, other: Lie): Lie {
    return {
        ...one,
        records: (records: Said[]) => {
            const first = one.records?.(records) ?? records
            return other.records?.(first) ?? first
        },
    }
}

/** Bend the links that are given of a vault. */
export function linksOf(vault: string, bend: (links: Said[]) => Said[]): Lie {
    return {
        records: (records) => {
            for (const record of records)
                if (record[0] === "links" && hex(record[1]) === vault) record[3] = bend(record[3])
            return undefined
        },
    }
}

/** Bend the rows that are given of a vault: `[item, revision, epoch, author, c_details, overview]`. */
export function rowsOf(vault: string, bend: (rows: Said[]) => Said[]): Lie {
    return {
        records: (records) => {
            for (const record of records)
                if (record[0] === "items" && hex(record[1]) === vault)
                    record[2] = bend(record[2].map((row: Said) => [...row]))
            return undefined
        },
    }
}

/** A scene whose person is named, since the world is built after the cases are declared. */
export type More = Partial<Omit<Scene, "who" | "lie" | "vault">> & {
    readonly who?: "ana" | "adam" | "mary" | "rita" | "max"
    readonly vault?: "other"
    /** Rows of items that are served beside the links. */
    readonly rows?: readonly Said[]
}

type Making = (collusion: Collusion) => unknown

/** A case in which a colluder's links follow the real ones, and whoever has a browser with pins sees them. */
export function serving<L extends Line>(
    w: World,
    line: L,
    name: keyof (typeof LINES)[L] & string,
    make: Making,
    more: More = {},
): void {
    lie(line, name, (id) => served(w, id, make, more))
}

export async function served(w: World, id: RefusalId, make: Making, more: More = {}): Promise<void> {
    const collusion = await collude(w)
    await make(collusion)
    const { who: name = "rita", rows = [], vault, ...rest } = more
    const who: Somebody = w[name]
    await refused(w, id, {
        who,
        known: true,
        lie: collusion.lie(who, rows),
        scope: "team",
        vault: w[vault ?? "vault"],
        ...rest,
    })
}

/** A case with one more link of the vault, by Mary unless the fields say otherwise; the rest of it is as it should be. */
export function ofVault<L extends Line>(
    w: World,
    line: L,
    name: keyof (typeof LINES)[L] & string,
    fields: (collusion: Collusion) => Record<string, Value>,
    more: More = {},
): void {
    serving(
        w,
        line,
        name,
        (c) => c.putChange(c.vault, signRaw(c.mary.keyring, { ...nextChange(c), ...fields(c) })),
        { scope: "vault", ...more },
    )
}

/** The fields of the vault's next link: a new item by Mary. */
export function nextChange(c: Collusion): Record<string, Value> {
    const { state, bytes } = c.vault
    return {
        actor: c.mary.member,
        at: Date.now(),
        body: { entries: [[random(16), 1, random(32)]], epoch: c.vault.deks.length },
        chain: bytes,
        prev: state.head,
        seen: { ...c.head },
        seq: state.seq + 1,
        type: "change",
        v: 1,
    }
}
