/** What the page may ask of the worker, and what the worker tells the page. Keys never cross this border. */

/** Ids cross as lowercase hex, so that they can be keys of maps and parts of addresses. */
export type Id = string

export type Role = "owner" | "admin" | "member" | "auditor"
export type Right = "read" | "write" | "manage"
export type ItemType = "ssh_key" | "env" | "login" | "note" | "server" | "database" | "token"

/** What search and list need; sealed as one part, opened at sync. SPEC 6.2. */
export interface Overview {
    type: ItemType | "vault"
    title: string
    login?: string
    host?: string
    tags: string[]
    /** Unix milliseconds of the move to trash, or null. */
    trash: number | null
    /** Its author signed something that is no item: the rest is empty. Never written. */
    isUnreadable?: true
}

/** `secret` values are shown closed; `multiline` keeps line breaks to the byte (private keys, `.env` texts). */
export interface Field {
    id: string
    kind: "text" | "secret" | "multiline" | "secret_multiline" | "url"
    label: string
    value: string
}

/** Opened on request only; the server logs that it served them. */
export interface Details {
    fields: Field[]
    note: string
    /** As in {@link Overview}. */
    isUnreadable?: true
}

export interface Row {
    id: Id
    vault: Id
    team: Id
    overview: Overview
    revision: number
    author: string
    /** The author's clock, Unix milliseconds; null until the link is verified. */
    at: number | null
    verified: boolean
}

export interface MemberView {
    id: Id
    name: string | null
    email: string | null
    /** Names before this one, the last first; null for one whose text is not there. `until`: Unix ms by their clock. */
    formerly: { name: string | null; until: number }[]
    role: Role
    verified: "founder" | "token" | "words" | "none"
    /** Who signed what `verified` says, and when by their clock. */
    checked: { by: Id; at: number }
    /** How the invitation travelled; null for the founder. */
    via: "link" | "mail" | null
    /** The fingerprint of their keys in six words; null until somebody asks. */
    words: string | null
    joinedAt: number
    present: boolean
    /** Who took them out (themself: they left), and when; null while they are there. */
    left: { by: Id; at: number } | null
    me: boolean
    /** When I, in any browser of mine, heard other words from them than theirs, Unix ms; null if I did not. */
    differed: number | null
    /** Rights that wait until words were compared. */
    pending: Record<Id, Right>
    /** Vaults held. */
    rights: Record<Id, Right>
}

export interface InviteView {
    hash: Id
    email: string | null
    role: Role
    expiry: number
    via: "link" | "mail"
    by: Id
    state: "open" | "used" | "revoked" | "dead"
    waiting: boolean
    /** Whoever accepted may be this member, who went after the invitation was made, and when; then it waits for a person. */
    former: { member: Id; until: number } | null
}

/** Two people on the phone. */
export interface Comparison {
    /** What to read out; null if there is nothing to say yet. */
    say: string | null
    /** Three phrases of which the other one's is at most one; null if there is nothing to choose any more. */
    choices: string[] | null
}

/** `removed`: it ended there. `differs`: nothing was signed, and the member is still there. */
export type Picked = "verified" | "removed" | "differs"

/** A refusal is final for the object it names; the page shows it, and nothing is done on what was refused. */
export interface Refusal {
    /** Tells it from every other one. */
    key: string
    id: string
    /** When this browser first saw it, by the clock of this device, Unix ms. */
    at: number
    /** The same bytes may be there at every visit, and are not used: once looked at, they are no news. */
    isLasting: boolean
    isKnown: boolean
    team: Id | null
    vault: Id | null
    item: Id | null
    /** Copyable report without secrets: heads, seq, hashes. */
    report: string
    /** The member of that team whom the refused link or key names as its signer; `isProven`: the signature is theirs. */
    signer: { member: Id; isProven: boolean } | null
    /** Is there a place in a chain at which this client stopped, whose links can be saved? */
    links: boolean
    /** The server said that it took what I did, and the chain has something else in its place. */
    isDenied: boolean
}

/** A key of a vault by its number, who made it, and when by their clock (Unix ms). */
export interface KeyView {
    epoch: number
    by: Id
    at: number
}

/** A file's text: what this browser has of the links at one place, with their signers. */
export interface SavedLinks {
    text: string
    /** Links that are in it whole, and those of which only the hash is known here. */
    whole: number
    hashes: number
}

export interface VaultView {
    id: Id
    team: Id
    name: string | null
    right: Right | null
    items: number
    /** Links verified so far of `links`. */
    verified: number
    links: number
    /**
     * `behind`: what this browser stored is older than what it has seen, and the server has not given the rest yet.
     * `incomplete`: usable, but for items whose key has not come: `shut`.
     */
    state: "ready" | "incomplete" | "waiting_for_key" | "waiting" | "behind" | "refused"
    /** Items that no key here opens yet, the vault's name not counted. */
    shut: number
    /** Whose link names entries of this vault that are not here, and when they signed it; null if none does. */
    awaits: { by: Id; at: number } | null
    due: boolean
    /** `hasKey`: has their browser said that the key opens? Null if I do not manage the vault, since only managers are told. */
    holders: { member: Id; right: Right; hasKey: boolean | null }[]
    /** With whom the vault dies: its only holder, or the only one who is known to have the key. */
    last: { member: Id; of: "right" | "key" } | null
    /** Keys that did not open for whom they were sealed to, as their browsers reported. Managers only. */
    broken: { epoch: number; from: Id; to: Id }[]
    /** Keys of the vault that do not open here, and who made them, when by their clock. */
    steppedOver: KeyView[]
    /** The present key. */
    key: KeyView | null
}

export interface TeamView {
    id: Id
    name: string | null
    kind: "team" | "personal"
    role: Role
    state: "ready" | "waiting" | "behind" | "frozen" | "kms_unavailable"
    members: MemberView[]
    invites: InviteView[]
    vaults: VaultView[]
    /** My link came by mail, or I have not said how it came, and I have not heard the inviter's words yet: nothing of mine
     * goes into the team. */
    uncompared: boolean
    /** The newest link by somebody else: who and when, by their clock. `isAhead`: of this device's, so it orders nothing. */
    lastByOther: { member: string; at: number; isAhead: boolean } | null
}

export type Phase = "booting" | "anonymous" | "code" | "kit" | "locked" | "open" | "unsupported"

/** Whose code is awaited: of a sign-up, or of a sign-in that has to show its address or a second factor. */
export type CodeStage = "sign_up" | "email" | "second_factor"

export interface Snapshot {
    phase: Phase
    /**
     * In phase `code`: which code is awaited. In phase `kit`, `unheard`: the account was most likely made, but the answer was
     * lost, and this browser is not signed in. In phase `anonymous`, `sign_up`: a sign-up began here and its keys are gone.
     */
    stage: CodeStage | "unheard" | null
    email: string | null
    /** Why an unsupported browser cannot go on: "wasm", "indexeddb", "secure_context". */
    missing: string | null
    /** True in a browser that held no pins when it unlocked: it cannot know older states. */
    newBrowser: boolean
    kitSaved: boolean
    teams: TeamView[]
    refusals: Refusal[]
    /** Teams that this account has followed and that the server does not show here: how many the person was not told of. */
    withheld: number
    /** Links sent, answer unknown; or writes kept until the connection is back. */
    pending: number
    online: boolean
    kmsUnavailable: boolean
    /** What the worker is doing and how far it is; null when idle. */
    progress: { label: string; done: number; total: number } | null
    idleLockAt: number | null
}

export interface Kit {
    /** 256 bit as groups of base32 text. */
    code: string
    email: string
    server: string
    madeAt: number
}

/** A browser that is signed in. What the server says of it is quoted, if it is shown at all. */
export interface SessionView {
    id: number
    /** This browser's own. */
    here: boolean
    /** Of the machine, or of the network it sits in. */
    address: string
    /** As the browser called itself. */
    browser: string
    /** Unix ms, by the server's clock. */
    since: number
}

export interface InvitePreview {
    team: Id
    teamName: string | null
    inviter: string | null
    role: Role
    vaults: number
    expiry: number
    via: "link" | "mail"
    /** Words are to be compared before anything of mine goes into the team. */
    compares: boolean
    /** Whose browser can let the invitee in, as far as their names are shown. */
    awaited: string[]
    /** They do it by hand: for an admin or owner, and for whoever was in the team when the invitation was made. */
    byHand: boolean
    /** `member`: in the team already, by another invitation. */
    state: "open" | "waiting" | "joined" | "member"
    /** False when signed in with another address than the one invited. */
    forMe: boolean | null
}

/** In the verified chain; or kept, with the answer unknown, and sent again. */
export type Written = "done" | "pending"

export type SaveResult =
    | { result: "saved"; item: Id; revision: number }
    | { result: "pending"; item: Id }
    | {
          result: "conflict"
          item: Id
          theirs: { overview: Overview; details: Details; revision: number; author: string }
      }

/** What an import writes. */
export interface NewItem {
    overview: Overview
    details: Details
}

/** Items accepted, and items sent whose answer is unknown; the rest was not begun. */
export interface ImportResult {
    saved: number
    pending: number
}

export interface Draft {
    id: Id
    vault: Id | null
    item: Id | null
    base: number
    overview: Overview
    details: Details
    at: number
}

/** Every call may reject with {@link Failure}. */
export interface Core {
    start(): Promise<void>
    signUp(email: string, name: string, password: string): Promise<Kit>
    confirmCode(code: string): Promise<void>
    /** For a sign-up only. */
    resendCode(): Promise<void>
    /** Leave a sign-up or sign-in whose code is awaited: to the beginning, or to the kit if an account may have been made. */
    startAgain(): Promise<void>
    /** Leave the kit page; `confirmed` if a group of a copy was typed back. */
    kitSaved(confirmed: boolean): Promise<void>
    signIn(email: string, password: string): Promise<void>
    unlock(password: string): Promise<void>
    lock(): Promise<void>
    signOut(): Promise<void>
    changePassword(current: string, next: string): Promise<void>
    /** A link that gives this browser tries of its own; nobody is told whether the address has an account. */
    mailDeviceLink(email: string): Promise<void>
    useDeviceLink(token: string): Promise<void>
    /** Where this account is signed in, newest first, as the server says. */
    sessions(): Promise<SessionView[]>
    endSession(id: number): Promise<void>
    /** Any key, click or scroll in the page; puts auto-lock off. */
    touch(): Promise<void>
    setVisible(visible: boolean): Promise<void>
    createTeam(name: string): Promise<Id>
    createVault(team: Id, name: string): Promise<Id>
    invite(
        team: Id,
        email: string,
        role: Role,
        vaults: { vault: Id; right: Right }[],
        days: number,
        via?: "link" | "mail",
    ): Promise<{ url: string; written: Written }>
    revokeInvite(team: Id, hash: Id): Promise<void>
    /** Admins, owners and former members are confirmed by hand; others by any unlocked admin's client, unasked. */
    confirmMember(team: Id, hash: Id): Promise<void>
    openInvite(fragment: string): Promise<InvitePreview>
    /** `came`: how the link reached the person, as they say; asked of those that the invite says went `via: link`. */
    acceptInvite(fragment: string, name: string, came: "hand" | "mail"): Promise<void>
    /** Said afterwards: the link to this team came from the inviter by hand. */
    cameByHand(team: Id): Promise<void>
    /** The fingerprint of a member's keys in six words; takes 0.2 s. */
    wordsOf(team: Id, member: Id): Promise<string>
    /** For an admin: what to read to a member, and what to listen for. */
    comparison(team: Id, member: Id): Promise<Comparison>
    /** `choice` is a place in `choices`, null for none of them. */
    pickWords(team: Id, member: Id, choice: number | null): Promise<Picked>
    /** Words that differed are explained: the note beside the member goes. */
    settleWords(team: Id, member: Id): Promise<void>
    /** What I read to an admin; who joined by mail listens first. */
    myComparison(team: Id): Promise<Comparison>
    hearWords(team: Id, choice: number | null): Promise<Picked>
    /** A refusal, by its key, was shown to the person. */
    lookedAt(refusal: string): Promise<void>
    /** The person has read that teams are not shown. */
    toldOfWithheld(): Promise<void>
    removeMember(team: Id, member: Id): Promise<void>
    setRole(team: Id, member: Id, role: Role): Promise<void>
    grantVault(vault: Id, member: Id, right: Right): Promise<void>
    revokeVault(vault: Id, member: Id): Promise<void>
    rotateVault(vault: Id): Promise<Written>
    openItem(
        vault: Id,
        item: Id,
        revision?: number,
    ): Promise<{ overview: Overview; details: Details; revision: number; author: string }>
    history(vault: Id, item: Id): Promise<{ revision: number; author: string; at: number }[]>
    /** `base` is the revision that was edited, 0 for a new item. `draft` is dropped once it is written, not before. */
    saveItem(
        vault: Id,
        item: Id | null,
        base: number,
        overview: Overview,
        details: Details,
        draft?: Id | null,
    ): Promise<SaveResult>
    /** Many new items in few links. Stops at the first link whose answer is unknown. */
    importItems(vault: Id, entries: NewItem[]): Promise<ImportResult>
    /** Write an older revision anew, as it was, on top of the newest, whatever that one is. `head_moved`: another came. */
    revertItem(vault: Id, item: Id, revision: number): Promise<Written>
    trashItem(vault: Id, item: Id): Promise<Written>
    restoreItem(vault: Id, item: Id): Promise<Written>
    purgeItem(vault: Id, item: Id): Promise<Written>
    putDraft(draft: Draft): Promise<void>
    /** Without those that are on their way: what cannot be written is a draft again. */
    drafts(): Promise<Draft[]>
    dropDraft(id: Id): Promise<void>
    /** The links of the place at which this client stopped in a chain: see {@link SavedLinks}. `not_found`: none is refused. */
    refusedLinks(team: Id, vault: Id | null): Promise<SavedLinks>
    /** What can be read of a vault here, in clear, as a file's text. */
    readableCopy(vault: Id): Promise<string>
    syncNow(): Promise<void>
}

/** `code` is the server's or the client's; `refusal` an id of SPEC. The page chooses the words. */
export interface Failure {
    code: string
    refusal?: string
    /** What the refusal is about, where the core knows it. */
    place?: { team: Id | null; vault: Id | null; item: Id | null }
    retryAfter?: number
    triesLeft?: number
}

/** Worker to page. Rows travel as differences. An item is known by its vault and its id: no id alone names one. */
export type Event =
    | { kind: "snapshot"; snapshot: Snapshot }
    | { kind: "rows"; rows: Row[]; reset: boolean }
    | { kind: "gone"; vault: Id; ids: Id[] }
    /** Rows shown before that count from now on; `at` as in {@link Row}, in the order of `ids`. */
    | { kind: "verified"; vault: Id; ids: Id[]; at: (number | null)[] }
    | { kind: "notice"; code: string; detail?: string }
