import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { svelte } from "@sveltejs/vite-plugin-svelte"
import type { Plugin } from "vite"
import { defineConfig } from "vitest/config"

/** Beside each file its `.br` and `.gz`, which WhiteNoise serves: a first visit loads a quarter of the bytes. */
function compress(): Plugin {
    return {
        name: "compress",
        apply: "build",
        closeBundle() {
            for (const name of readdirSync("dist/assets")) {
                const path = `dist/assets/${name}`
                if (!/\.(js|css)$/.test(name)) continue
                const bytes = readFileSync(path)
                writeFileSync(`${path}.br`, brotliCompressSync(bytes))
                writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
            }
        },
    }
}

// How long each plugin took is no warning to whoever starts Coffret for the first time.
const QUIET = { bundlerTimings: false }

export default defineConfig({
    base: "/static/",
    plugins: [svelte(), compress()],
    build: {
        outDir: "dist",
        emptyOutDir: true,
        manifest: "manifest.json",
        target: "es2023",
        // Both would put scripts or data: addresses into the page, which the policy refuses.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        rolldownOptions: { input: "src/main.ts", checks: QUIET },
        // The dictionaries of the strength meter are this large; they come only where a password is chosen.
        chunkSizeWarningLimit: 1300,
    },
    worker: { format: "es", rolldownOptions: { checks: QUIET } },
    test: {
        passWithNoTests: false,
        // A test that hangs is stopped; one on a slow or busy machine is not.
        testTimeout: 60_000,
        hookTimeout: 120_000,
        expect: { poll: { timeout: 30_000 } },
        reporters: ["./tests/seconds.ts", "default"],
        projects: [
            {
                extends: true,
                test: {
                    name: "unit",
                    environment: "happy-dom",
                    include: ["tests/**/*.test.ts"],
                    exclude: ["tests/**/*.server.test.ts", "tests/**/*.page.test.ts"],
                },
            },
            {
                // The real pages, drawn: Svelte gives its client only to browsers.
                extends: true,
                resolve: { conditions: ["browser"] },
                test: {
                    name: "pages",
                    environment: "happy-dom",
                    include: ["tests/**/*.page.test.ts"],
                },
            },
            {
                // Against the whole product, which is started once for all of them.
                extends: true,
                test: {
                    name: "server",
                    environment: "node",
                    include: ["tests/**/*.server.test.ts"],
                    globalSetup: "tests/core/server.ts",
                },
            },
        ],
    },
})
