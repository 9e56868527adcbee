/** Under test: what the client does if the server lies, line by line of the security requirements. */
import { afterEach, beforeAll, describe, inject } from "vitest"
import { everyCase } from "./cases/all.ts"
import { expectAllKept } from "./scene.ts"
import { World } from "./world.ts"

describe("against a server that lies", { sequential: true }, () => {
    const world = new World(inject("url"), inject("folder"))
    beforeAll(() => world.build(), 120_000)
    afterEach(() => expectAllKept(world))
    everyCase(world)
})
