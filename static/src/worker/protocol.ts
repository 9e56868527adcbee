/** What page and worker say to each other: calls with their answers, and events. */
import type { Core, Event, Failure } from "./api.ts"

export type Method = keyof Core

/** The methods by name: a message names one of these or is not answered. */
export const METHODS: { readonly [M in Method]: true } = {
    start: true,
    signUp: true,
    confirmCode: true,
    resendCode: true,
    startAgain: true,
    kitSaved: true,
    signIn: true,
    unlock: true,
    lock: true,
    signOut: true,
    changePassword: true,
    mailDeviceLink: true,
    useDeviceLink: true,
    sessions: true,
    endSession: true,
    touch: true,
    setVisible: true,
    createTeam: true,
    createVault: true,
    invite: true,
    revokeInvite: true,
    confirmMember: true,
    openInvite: true,
    acceptInvite: true,
    cameByHand: true,
    wordsOf: true,
    comparison: true,
    pickWords: true,
    settleWords: true,
    myComparison: true,
    hearWords: true,
    lookedAt: true,
    toldOfWithheld: true,
    removeMember: true,
    setRole: true,
    grantVault: true,
    revokeVault: true,
    rotateVault: true,
    openItem: true,
    history: true,
    saveItem: true,
    importItems: true,
    revertItem: true,
    trashItem: true,
    restoreItem: true,
    purgeItem: true,
    putDraft: true,
    drafts: true,
    dropDraft: true,
    refusedLinks: true,
    readableCopy: true,
    syncNow: true,
}

export interface Call {
    readonly id: number
    readonly method: Method
    readonly args: readonly unknown[]
}

export type Answer = { readonly id: number } & ({ readonly ok: unknown } | { readonly error: Failure })

export type FromWorker = Answer | { readonly event: Event }

/** Whether a message is a call that the worker answers. */
export function isCall(value: unknown): value is Call {
    if (typeof value !== "object" || value === null) return false
    const { id, method, args } = value as { id?: unknown; method?: unknown; args?: unknown }
    return (
        Number.isSafeInteger(id) &&
        typeof method === "string" &&
        Object.hasOwn(METHODS, method) &&
        Array.isArray(args)
    )
}

/** Call the core. Of an error the page learns the code, nothing else. */
export async function answer(
    core: Core,
    call: Call,
    toFailure: (error: unknown) => Failure,
): Promise<Answer> {
    try {
        const method = core[call.method] as (...args: readonly unknown[]) => Promise<unknown>
        return { id: call.id, ok: await method.apply(core, [...call.args]) }
    } catch (error) {
        return { id: call.id, error: toFailure(error) }
    }
}
