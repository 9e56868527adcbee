/** A transport that lies: it stands between the real core and the real server, bends answers, and keeps what was sent. */
import { encode as encodeCbor } from "cborg"
import type { Method, Response, Transport } from "../../src/core/transport.ts"
import { decodeSequence } from "../../src/core/transport.ts"

// biome-ignore lint/suspicious/noExplicitAny: what the server said is bent here in every possible way.
export type Said = any

/** What is done to answers. Each part may change what it is given in place. */
export interface Lie {
    /** Which chains there are and how far. */
    readonly heads?: (heads: Said) => void
    /** The records of a sync: `[kind, …]`, the last one is `["end"]`. */
    readonly records?: (records: Said[]) => Said[] | undefined
    /** Any other answer that is one CBOR value. */
    readonly answer?: (path: string, value: Said) => Said
    /** The request itself: to lose it, to delay it, to answer in the server's place. */
    readonly request?: (request: Sent, send: () => Promise<Response>) => Promise<Response>
}

export interface Sent {
    readonly method: Method
    readonly path: string
    readonly body: Uint8Array | null
    readonly headers: Readonly<Record<string, string>>
}

export function sequence(values: readonly unknown[]): Uint8Array<ArrayBuffer> {
    return new Uint8Array(Buffer.concat(values.map((value) => encodeCbor(value))))
}

export class LyingTransport implements Transport {
    readonly #inner: Transport
    readonly sent: Sent[] = []
    lie: Lie | null = null

    constructor(inner: Transport) {
        this.#inner = inner
    }

    async request(...args: Parameters<Transport["request"]>): Promise<Response> {
        const [method, path, body, headers] = args
        const sent = { method, path, body, headers }
        this.sent.push(sent)
        const send = () => this.#inner.request(...args)
        const { lie } = this
        const response = lie?.request === undefined ? await send() : await lie.request(sent, send)
        return lie === null || response.status !== 200 ? response : bent(lie, sent, response)
    }
}

function bent(lie: Lie, { path }: Sent, response: Response): Response {
    if (response.body.length === 0) return response
    const [first, ...rest] = decodeSequence(response.body) as Said[]
    if (path !== "sync") return { ...response, body: sequence([lie.answer?.(path, first) ?? first]) }
    lie.heads?.(first[1])
    return { ...response, body: sequence([first, ...(lie.records?.(rest) ?? rest)]) }
}
