/** `node tests/fuzz/judge.mjs`: judge.ts, which is TypeScript, on standard input and output until the input ends. */
import { createServer } from "vite"

const vite = await createServer({
    appType: "custom",
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: false },
})
// Whoever asked may be gone before an answer is written.
process.stdout.on("error", () => process.exit(1))
try {
    const { answerAll } = await vite.ssrLoadModule("/tests/fuzz/judge.ts")
    await answerAll(process.stdin, process.stdout)
} finally {
    await vite.close()
}
