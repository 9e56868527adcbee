import { mount } from "svelte"
import "../css/tokens.css"
import "../css/components.css"
import App from "./App.svelte"

const target = document.getElementById("app")
if (target === null) throw new Error("the page has no place for the client")
mount(App, { target })
