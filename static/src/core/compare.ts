/**
 * Words compared by voice (design 6, SPEC 5.3). Both sides listen: the invitee hears the invite's words, so that the team
 * is the inviter's and none of the server's making; the admin hears the member's, so that the keys are the member's own.
 * Which of the offered phrases is right never leaves this thread, and a wrong choice cannot be taken back.
 */
import type { Member } from "../chain/team.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { concat, unhex } from "../crypto/bytes.ts"
import { safetyWords, withDecoys } from "../crypto/words.ts"
import type { Comparison, Picked } from "../worker/api.ts"
import type { TeamBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure } from "./failure.ts"
import { requireTeam } from "./links.ts"
import { removeMember } from "./members.ts"
import { changeSettings, isInviterKnown } from "./settings.ts"
import { definite, sendTeamLink } from "./teamlink.ts"

/** Three phrases as they were offered, and what was chosen. */
interface Offer {
    readonly choices: string[]
    readonly right: number
    isFailed: boolean
}

export class Comparisons {
    readonly #context: Context
    /** Drawn once: phrases drawn anew would show which of them stays. */
    readonly #offers = new Map<string, Promise<Offer>>()

    constructor(context: Context) {
        this.#context = context
    }

    /** What to read to a member, and the phrases of which one is theirs. @throws {CoreFailure} `not_found`. */
    async ofMember(team: string, member: string): Promise<Comparison> {
        const book = requireTeam(this.#context, team)
        const subject = presentMember(book, member)
        const offer = await this.#offer(`${team}/${member}`, await memberWords(book, subject))
        // Those of a token may have got it by mail, whatever the invite says: then they listen first.
        const listens = subject.invite !== null && subject.verified !== "words"
        const say = listens ? await safetyWords("invite", originOf(book, subject)) : null
        return { say, choices: offer.isFailed ? null : offer.choices }
    }

    /**
     * The phrase that the member read, or null for none of them. The right one signs that words were compared. Any other
     * takes out whoever came by mail and was never verified; a member who was let in by a token stays, and stays unverified.
     *
     * @throws {CoreFailure} `not_found`, `no_right`, `pending`; after a wrong choice every further one is wrong too.
     */
    async pick(team: string, member: string, choice: number | null): Promise<Picked> {
        const offer = await this.#offers.get(`${team}/${member}`)
        if (offer === undefined) throw new CoreFailure("invalid")
        offer.isFailed ||= choice !== offer.right
        if (offer.isFailed) return this.#fail(team, member)
        const sent = sendTeamLink(this.#context, team, "verify", (book) => {
            const { fp, verified } = presentMember(book, member)
            if (verified === "words") throw new CoreFailure("already_verified")
            return { body: { fp, how: "words", member: unhex(member) } }
        })
        await unlessVerified(definite(sent))
        await this.settle(team, member)
        return "verified"
    }

    async #fail(team: string, member: string): Promise<Picked> {
        const { verified } = presentMember(requireTeam(this.#context, team), member)
        if (verified !== "none") return this.#differ(team, member)
        const sent = sendTeamLink(this.#context, team, "remove_member", (book) => {
            // Another admin heard other words than I did: that is for the two of them to settle.
            if (presentMember(book, member).verified !== "none") throw new CoreFailure("already_verified")
            return { body: { cut: [], member: unhex(member) } }
        })
        return (await unlessVerified(definite(sent))) ? "removed" : this.#differ(team, member)
    }

    /** No link says it, so it is kept with the account, for every browser of mine. The first time stays. */
    async #differ(team: string, member: string): Promise<Picked> {
        const [key, at] = [`${team}/${member}`, this.#context.clock.now()]
        await changeSettings(this.#context, (now) => ({
            ...now,
            differed: new Map([[key, at], ...now.differed]),
        }))
        return "differs"
    }

    /** What differed is explained: words that agreed since, or a talk among admins. */
    async settle(team: string, member: string): Promise<void> {
        const key = `${team}/${member}`
        if (!this.#context.settings.differed.has(key)) return
        await changeSettings(this.#context, (now) => {
            const differed = new Map(now.differed)
            differed.delete(key)
            return { ...now, differed }
        })
    }

    /** What I read to an admin. Whose link came by mail hears the inviter's words first. */
    async mine(team: string): Promise<Comparison> {
        const book = requireTeam(this.#context, team)
        const { me, joinedBy } = book
        if (me === undefined) throw new CoreFailure("not_found")
        if (joinedBy === undefined || isInviterKnown(joinedBy, this.#context.settings))
            return { say: await memberWords(book, me), choices: null }
        const heard = await safetyWords("invite", unhex(joinedBy.hash))
        const offer = await this.#offer(joinedBy.hash, heard)
        return { say: null, choices: offer.isFailed ? null : offer.choices }
    }

    /** The phrase that the admin read, or null. A wrong choice leaves the team. @throws as {@link pick}. */
    async hear(team: string, choice: number | null): Promise<Picked> {
        const { me, joinedBy } = requireTeam(this.#context, team)
        const offer = await this.#offers.get(joinedBy?.hash ?? "")
        if (offer === undefined || me === undefined || joinedBy === undefined)
            throw new CoreFailure("invalid")
        offer.isFailed ||= choice !== offer.right
        if (offer.isFailed) {
            await removeMember(this.#context, team, me.id)
            return "removed"
        }
        const { hash } = joinedBy
        await changeSettings(this.#context, (now) => ({ ...now, compared: new Set([...now.compared, hash]) }))
        return "verified"
    }

    #offer(key: string, phrase: string): Promise<Offer> {
        const known = this.#offers.get(key)
        if (known !== undefined) return known
        const made = withDecoys(phrase).then((drawn) => ({ ...drawn, isFailed: false }))
        this.#offers.set(key, made)
        return made
    }
}

function presentMember(team: TeamBook, member: string): Member {
    const found = team.state.presentAt(member)
    if (found === undefined) throw new CoreFailure("not_found")
    return found
}

/** The link that a member came by: their invite's, the founder's genesis. */
function originOf(team: TeamBook, { invite }: Member): Bytes {
    return invite === null ? team.state.hashes.at(0) : unhex(invite)
}

/** Not those of the fingerprint, which every page shows: an admin could choose them without listening. */
function memberWords(team: TeamBook, member: Member): Promise<string> {
    return safetyWords("member", concat(originOf(team, member), member.fp))
}

/** False if another admin had verified the member by then. */
async function unlessVerified(sent: Promise<unknown>): Promise<boolean> {
    try {
        await sent
        return true
    } catch (error) {
        if (error instanceof CoreFailure && error.code === "already_verified") return false
        throw error
    }
}
