/** What the parts of an unlocked core share. Made at unlock, dropped at lock. */
import type { Me } from "./account.ts"
import type { Books } from "./books.ts"
import type { Clock } from "./clock.ts"
import type { Kept } from "./kept.ts"
import type { Mutex, Mutexes } from "./mutex.ts"
import type { Outbox } from "./outbox.ts"
import type { PinBook } from "./pins.ts"
import type { Opened } from "./read.ts"
import type { Settings } from "./settings.ts"
import type { Shelf } from "./shelf.ts"
import type { Server } from "./transport.ts"
import type { View } from "./view.ts"

export interface Context {
    readonly me: Me
    readonly server: Server
    readonly clock: Clock
    readonly books: Books
    readonly pins: PinBook
    readonly shelf: Shelf
    readonly outbox: Outbox
    readonly kept: Kept
    readonly view: View
    /** Held while folds change. */
    readonly state: Mutex
    /** One write per team at a time: two of my own would race for one head. */
    readonly writes: Mutexes
    /** The last few items that were opened, by vault, item and revision: an edit starts from one of them. */
    readonly recent: Map<string, Opened>
    /** Replaced when they change. */
    settings: Settings
    /** Bring the folds up to date, without upkeep. */
    readonly sync: () => Promise<void>
    /** My own links were accepted: pins and cache follow, other tabs are told. */
    readonly written: () => Promise<void>
    /** The address that people see, for links. */
    readonly origin: string
}
