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
        environment: "happy-dom",
        include: ["tests/**/*.test.ts"],
        passWithNoTests: false,
    },
})
