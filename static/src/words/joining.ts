/** Why an invitation leads nowhere, and what to do then. By the code of the failure. */

export interface ClosedWords {
    title: string
    text: string
    /** Whether signing in may help: the person may be in already. */
    mayBeIn: boolean
}

const CLOSED: Record<string, ClosedWords> = {
    invite_used: {
        title: "This invitation was used already",
        text: "It works once. If it was you who used it, you are in. If it was not, somebody else has had the link: tell the person who sent it, by another way than the link came. They can take that person out and invite you anew.",
        mayBeIn: true,
    },
    invite_closed: {
        title: "This invitation is closed",
        text: "It was used, taken back, or holds no more. If you used it yourself, you are in. If not, ask the person who sent it for a new one.",
        mayBeIn: true,
    },
    invite_revoked: {
        title: "This invitation was taken back",
        text: "Somebody in the team withdrew it before it was used. Ask the person who sent it what to do. Nothing of yours was sent.",
        mayBeIn: false,
    },
    invite_expired: {
        title: "This invitation has expired",
        text: "It held for some days only. Ask the person who sent it for a new one.",
        mayBeIn: false,
    },
    invite_dead: {
        title: "This invitation holds no more",
        text: "The person who sent it may not invite any longer: they left the team, or have another role. Ask somebody else in the team for a new one.",
        mayBeIn: false,
    },
    not_found: {
        title: "This invitation is not known here",
        text: "Check that the address in your browser is the one your team uses, and that the whole link was copied. If both are right, ask the person who sent it for a new one.",
        mayBeIn: false,
    },
}

/** Null for failures that may pass: those are tried again. */
export function closedWords(code: string): ClosedWords | null {
    return Object.hasOwn(CLOSED, code) ? (CLOSED[code] as ClosedWords) : null
}
