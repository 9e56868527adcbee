/** `node tests/mutants/run.mjs [PATTERN]`: run run.ts, which is TypeScript. */
import { createServer } from "vite"

const vite = await createServer({
    appType: "custom",
    configFile: false,
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: false },
})
try {
    const { run } = await vite.ssrLoadModule("/tests/mutants/run.ts")
    await run(process.argv[2] ?? "")
} finally {
    await vite.close()
}
