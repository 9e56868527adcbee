/** `node tests/seed.mjs URL FOLDER EMAIL COUNT`: run seed.ts, which is TypeScript, and print what it made as JSON. */
import { createServer } from "vite"

const [url, folder, email, count] = process.argv.slice(2)
const vite = await createServer({
    appType: "custom",
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: false },
})
try {
    const { seed } = await vite.ssrLoadModule("/tests/seed.ts")
    process.stdout.write(`${JSON.stringify(await seed(url, folder, email, Number(count)))}\n`)
} finally {
    await vite.close()
}
