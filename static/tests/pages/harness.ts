/** The client on a Core in memory: `?scene=` chooses the state, `?theme=` the theme. Only for development. */
import { mount } from "svelte"
import "../../css/tokens.css"
import "../../css/components.css"
import App from "../../src/App.svelte"
import { session } from "../../src/state/session.svelte.ts"
import { FakeCore } from "./fake-core.ts"
import { TEAM } from "./sample-team.ts"
import { KIT } from "./scenes.ts"

const wanted = new URLSearchParams(location.search)
const scene = wanted.get("scene") ?? "full"
const theme = wanted.get("theme")
if (theme !== null) document.documentElement.dataset["theme"] = theme

const core = new FakeCore(scene)
if (scene === "anonymous" || wanted.has("expired"))
    Object.assign(core.invitation, wanted.has("expired") ? { expiry: Date.now() - 1 } : {})
if (wanted.has("invite")) Object.assign(core.invitation, { state: wanted.get("invite") })
if (wanted.has("closed")) core.invitation = { code: wanted.get("closed") ?? "" }
if (wanted.has("mail")) Object.assign(core.invitation, { via: "mail" })
if (wanted.has("mine")) Object.assign(core.invitation, { team: TEAM })
if (wanted.has("other")) Object.assign(core.invitation, { forMe: false })
session.connect(core, core.subscribe)
if (scene === "kit" || scene === "unheard_kit") session.kit = KIT

const target = document.getElementById("app")
if (target === null) throw new Error("the page has no place for the client")
mount(App, { target })
