/** Builds the client on its Core in memory, for pictures: `vite build --config tests/pages/vite.config.ts --outDir FOLDER`. */
import { svelte } from "@sveltejs/vite-plugin-svelte"
import { defineConfig } from "vite"

export default defineConfig({
    base: "/static/",
    plugins: [svelte()],
    build: {
        emptyOutDir: true,
        manifest: "manifest.json",
        target: "es2023",
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        rolldownOptions: { input: "tests/pages/harness.ts" },
    },
})
