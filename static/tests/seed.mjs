/**
 * `node tests/seed.mjs URL FOLDER EMAIL COUNT`: run seed.ts, which is TypeScript, and print what it made as JSON.
 * `node tests/seed.mjs URL FOLDER EMAIL TEAM,ITEMS,REVISIONS FILE`: the same with chains.seed.ts.
 */
import { createServer } from "vite"

const [url, folder, email, size, file] = process.argv.slice(2)
const vite = await createServer({
    appType: "custom",
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: false },
})

async function made() {
    if (file === undefined) {
        const { seed } = await vite.ssrLoadModule("/tests/seed.ts")
        return seed(url, folder, email, Number(size))
    }
    const [team, items, revisions] = size.split(",").map(Number)
    const { seedChains } = await vite.ssrLoadModule("/tests/chains.seed.ts")
    return seedChains(url, folder, email, { team, items, revisions }, file)
}

try {
    process.stdout.write(`${JSON.stringify(await made())}\n`)
} finally {
    await vite.close()
}
