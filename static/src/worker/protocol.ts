/** What page and worker say to each other. */

export interface Request {
    readonly id: number
    readonly type: "ping"
}

export interface Answer {
    readonly id: number
    readonly type: "pong"
    /** The version of libsodium: it can only be said once its WebAssembly runs. */
    readonly sodium: string
}

/** Whether a message is one that the worker answers. */
export function isRequest(value: unknown): value is Request {
    if (typeof value !== "object" || value === null) return false
    const { id, type } = value as { id?: unknown; type?: unknown }
    return Number.isSafeInteger(id) && type === "ping"
}

/** The answer to one request. */
export function answer(request: Request, sodium: string): Answer {
    return { id: request.id, type: "pong", sodium }
}
