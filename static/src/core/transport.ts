/** Requests to the server: bytes in, bytes out, CBOR around it. Knows nothing of what they mean. */
import { decodeFirst } from "cborg"
import type { Bytes } from "../crypto/bytes.ts"
import { hex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { encode } from "../crypto/cbor.ts"
import { CoreFailure, OWN_CODES, Unanswered } from "./failure.ts"
import type { Answer } from "./wire.ts"
import { asMap } from "./wire.ts"

export type Method = "GET" | "POST" | "PUT" | "DELETE"

export interface Response {
    readonly status: number
    /** Names in lower case. */
    readonly headers: ReadonlyMap<string, string>
    readonly body: Bytes
}

export interface Transport {
    /** @throws {Unanswered} if no whole answer came: whether the request arrived is then not known. */
    request(
        method: Method,
        path: string,
        body: Bytes | null,
        headers: Readonly<Record<string, string>>,
    ): Promise<Response>
}

const TIMEOUT = 30_000 // ms

export class HttpTransport implements Transport {
    readonly #base: string
    readonly #fetch: typeof fetch

    /** @param base - the address before `/api/v1/`, without a slash at its end; empty in a browser. */
    constructor(base = "", fetcher: typeof fetch = (input, init) => fetch(input, init)) {
        this.#base = base
        this.#fetch = fetcher
    }

    async request(
        method: Method,
        path: string,
        body: Bytes | null,
        headers: Readonly<Record<string, string>>,
    ): Promise<Response> {
        try {
            const answer = await this.#fetch(`${this.#base}/api/v1/${path}`, {
                method,
                headers,
                body,
                credentials: "same-origin",
                redirect: "error",
                cache: "no-store",
                signal: AbortSignal.timeout(TIMEOUT),
            })
            const bytes = new Uint8Array(await answer.arrayBuffer())
            return { status: answer.status, headers: new Map(answer.headers), body: bytes }
        } catch {
            throw new Unanswered()
        }
    }
}

const CBOR = "application/cbor"
export const CBOR_SEQUENCE = "application/cbor-seq"
const LOOSE = {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowNaN: false,
    rejectDuplicateMapKeys: true,
}

/** The server's API, with its CSRF token and its problem documents. */
export class Server {
    readonly #transport: Transport
    readonly #token: { csrf: string }
    #account: Bytes | null

    constructor(transport: Transport, token = { csrf: "" }, account: Bytes | null = null) {
        this.#transport = transport
        this.#token = token
        this.#account = account
    }

    /**
     * Name the account with every request from here on; null if it is nobody's. The cookie is the browser's, and somebody
     * else may have signed in with it since: the server answers `not_signed_in` then, and does nothing.
     */
    belongTo(account: Bytes | null): void {
        this.#account = account
    }

    /**
     * The same server for one unlocked account. Once `isClosed`, nothing is sent: what is under way at the lock may
     * by then have been sealed with a key that is overwritten.
     */
    whileOpen(isClosed: () => boolean, account: Bytes): Server {
        const transport = this.#transport
        const gate: Transport = {
            async request(...args) {
                if (isClosed()) throw new CoreFailure("locked")
                const response = await transport.request(...args)
                // Nor is anything opened or shown that comes in after it.
                if (isClosed()) throw new CoreFailure("locked")
                return response
            },
        }
        return new Server(gate, this.#token, account)
    }

    /** Take the token from an answer that carries one; it changes at sign-in. */
    takeToken(answer: Answer): void {
        if (typeof answer["csrf"] === "string") this.#token.csrf = answer["csrf"]
    }

    /**
     * Ask, and read the answer as one map; an answer without a body is an empty map.
     *
     * @throws {CoreFailure} with the server's code, {@link Unanswered}, or `server`.
     */
    async call(method: Method, path: string, body: Value | null = null): Promise<Answer> {
        return this.callBytes(method, path, body === null ? null : encode(body))
    }

    /** The same for a body that is encoded already, so that the same bytes can be sent again. */
    async callBytes(method: Method, path: string, body: Bytes | null): Promise<Answer> {
        const response = await this.raw(method, path, body)
        if (response.body.length === 0) return {}
        const answer = asMap(decodeOne(response.body))
        this.takeToken(answer)
        return answer
    }

    /** @throws as {@link call}; 304 is an answer, not a failure. */
    async raw(
        method: Method,
        path: string,
        body: Bytes | null,
        extra: Readonly<Record<string, string>> = {},
    ): Promise<Response> {
        let response = await this.#send(method, path, body, extra)
        if (response.status === 403 && codeOf(response) === "csrf") {
            // The token changed behind our back, by a sign-in in another tab for instance. Nothing was done.
            await this.call("GET", "session")
            response = await this.#send(method, path, body, extra)
        }
        if (response.status >= 400) throw failureOf(response)
        return response
    }

    #send(
        method: Method,
        path: string,
        body: Bytes | null,
        extra: Readonly<Record<string, string>>,
    ): Promise<Response> {
        const headers: Record<string, string> = { accept: CBOR, ...extra }
        if (body !== null) headers["content-type"] = CBOR
        if (method !== "GET") headers["x-csrftoken"] = this.#token.csrf
        if (this.#account !== null) headers["x-coffret-account"] = hex(this.#account)
        return this.#transport.request(method, path, body, headers)
    }
}

function problemOf(response: Response): Answer {
    try {
        return asMap(JSON.parse(new TextDecoder().decode(response.body)))
    } catch {
        return {}
    }
}

function codeOf(response: Response): unknown {
    return problemOf(response)["code"]
}

function failureOf(response: Response): CoreFailure {
    const problem = problemOf(response)
    const code = problem["code"]
    // Without a code of its own a failing server may or may not have done what was asked.
    if (typeof code !== "string") return response.status >= 500 ? new Unanswered() : new CoreFailure("server")
    if (response.status >= 500 && response.status !== 503) return new Unanswered()
    return new CoreFailure(OWN_CODES.has(code) ? "server" : code, problem)
}

function decodeOne(bytes: Bytes): unknown {
    const values = decodeSequence(bytes)
    if (values.length !== 1) throw new CoreFailure("server")
    return values[0]
}

/**
 * The values of a CBOR sequence (RFC 8742).
 *
 * These are envelopes: what is signed inside them is a byte string and is decoded by the strict profile.
 */
export function decodeSequence(bytes: Bytes): unknown[] {
    const values: unknown[] = []
    let rest: Uint8Array = bytes
    try {
        while (rest.length > 0) {
            const [value, remainder] = decodeFirst(rest, LOOSE) as [unknown, Uint8Array]
            values.push(value)
            rest = remainder
        }
    } catch {
        throw new CoreFailure("server")
    }
    return values
}
