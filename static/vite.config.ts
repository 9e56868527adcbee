import { svelte } from "@sveltejs/vite-plugin-svelte"
import { defineConfig } from "vitest/config"

export default defineConfig({
    base: "/static/",
    plugins: [svelte()],
    build: {
        outDir: "dist",
        emptyOutDir: true,
        manifest: "manifest.json",
        target: "es2023",
        // Both would put scripts or data: addresses into the page, which the policy refuses.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        rolldownOptions: { input: "src/main.ts" },
    },
    worker: { format: "es" },
    test: {
        passWithNoTests: false,
        projects: [
            {
                extends: true,
                test: {
                    name: "unit",
                    environment: "happy-dom",
                    include: ["tests/**/*.test.ts"],
                    exclude: ["tests/**/*.server.test.ts"],
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
