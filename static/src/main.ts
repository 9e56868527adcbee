import { mount } from "svelte"
import "../css/tokens.css"
import "../css/components.css"
import App from "./App.svelte"
import { session } from "./state/session.svelte.ts"
import { applyTheme } from "./state/theme.ts"
import { connectCore } from "./worker/client.ts"

applyTheme()
const target = document.getElementById("app")
if (target === null) throw new Error("the page has no place for the client")

try {
    const { core, subscribe } = connectCore()
    session.connect(core, subscribe)
} catch {
    session.unsupported("worker")
}
mount(App, { target })
