/** Starts the whole product for the tests that talk to it, unless an address is given. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import type { TestProject } from "vitest/node"

declare module "vitest" {
    export interface ProvidedContext {
        url: string
        folder: string
    }
}

export const ROOT = new URL("../../..", import.meta.url).pathname
export const PYTHON = `${ROOT}.venv/bin/python`

export interface Serving {
    readonly url: string
    /** Where its data lies. */
    readonly folder: string
    readonly stop: () => Promise<void>
}

/** Start a product of one's own. */
export async function serve(): Promise<Serving> {
    if (!existsSync(PYTHON)) throw new Error("the server's packages are not installed: run ./dev test")
    const child = spawn(PYTHON, ["-m", "tests.serve"], { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] })
    const lines = createInterface({ input: child.stdout })
    const first = await new Promise<string>((resolve, reject) => {
        lines.once("line", resolve)
        child.once("exit", () => reject(new Error("the server did not start")))
    })
    const serving = JSON.parse(first) as { url: string; folder: string }
    const stop = (): Promise<void> =>
        new Promise((resolve) => {
            child.once("exit", () => resolve())
            child.stdin.end()
        })
    return { ...serving, stop }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
    const { COFFRET_SERVE_URL: url, COFFRET_SERVE_FOLDER: folder } = process.env
    if (url !== undefined && folder !== undefined) {
        project.provide("url", url)
        project.provide("folder", folder)
        return async () => undefined
    }
    const serving = await serve()
    project.provide("url", serving.url)
    project.provide("folder", serving.folder)
    return serving.stop
}
