/** The one place where the page names a script by its address: the worker's. */
import url from "./worker.ts?worker&url"

/** The part of the Trusted Types API that we use; TypeScript's own library has none of it. */
interface Policies {
    createPolicy(
        name: string,
        rules: { createScriptURL(url: string): string },
    ): { createScriptURL(url: string): string }
}

declare global {
    interface Window {
        trustedTypes?: Policies
    }
}

const POLICY = "coffret-worker"

/**
 * Start the worker in which keys live.
 *
 * The policy lets one address through, the one the build wrote here; whatever else is asked of it is refused.
 */
export function startWorker(): Worker {
    return new Worker(trusted(), { type: "module" })
}

function trusted(): string {
    const rules = {
        createScriptURL(asked: string): string {
            if (asked !== url) throw new TypeError("not the worker's address")
            return asked
        },
    }
    return window.trustedTypes?.createPolicy(POLICY, rules).createScriptURL(url) ?? url
}
