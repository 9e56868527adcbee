/** Texts kept to the byte, `.env` read for display, SSH keys, the kit's file, forms. */
import { expect, test } from "vitest"
import { countPairs, parseEnv } from "../../src/state/env.ts"
import { fromShown, lineEnds, shown } from "../../src/state/exact.ts"
import { fromForm, readTags, toForm } from "../../src/state/kinds.ts"
import { groupsOf, kitFileName, kitText, sameGroup } from "../../src/state/kit.ts"
import { fingerprint, formatPublic, publicOf, readPublic, sameKey } from "../../src/state/ssh.ts"
import { FakeCore } from "./fake-core.ts"
import { hex, VAULTS } from "./sample-team.ts"
import { KIT } from "./scenes.ts"

const pairs = (text: string): [string, string][] =>
    parseEnv(text).flatMap((line) =>
        line.kind === "pair" ? [[line.key, line.value] as [string, string]] : [],
    )

test("a .env is read with quotes, export, comments and line ends of every kind", () => {
    expect(
        pairs('A=1\r\nexport B = two words # why\nC=\'#no comment\'\nD="a\\nb \\"q\\""\nE=\nF=a#b'),
    ).toEqual([
        ["A", "1"],
        ["B", "two words"],
        ["C", "#no comment"],
        ["D", 'a\nb "q"'],
        ["E", ""],
        ["F", "a#b"],
    ])
})

test("a quoted value may span lines, and an apostrophe that never closes does not swallow the rest", () => {
    expect(pairs('KEY="-----BEGIN\nmiddle\nEND"\nNEXT=1')).toEqual([
        ["KEY", "-----BEGIN\nmiddle\nEND"],
        ["NEXT", "1"],
    ])
    expect(pairs("A='tis\nB=2")).toEqual([
        ["A", "'tis"],
        ["B", "2"],
    ])
})

test("a long text costs no square of its length, whatever stands in it", () => {
    const many = 100_000
    const before = performance.now()
    expect(pairs(`A='${"x\n".repeat(many)}'`)).toHaveLength(1)
    expect(pairs(`A=1${" ".repeat(many)}x`)).toHaveLength(1)
    const key = `-----BEGIN OPENSSH PRIVATE KEY-----${" ".repeat(many)}x-----END OPENSSH PRIVATE KEY`
    expect(publicOf(key)).toBeNull()
    expect(performance.now() - before).toBeLessThan(1_000)
})

test("what is no variable is named with its line", () => {
    const lines = parseEnv("# head\n\nnot a variable\n1BAD=x\nOK=1")
    expect(lines.map(({ line, kind }) => [line, kind])).toEqual([
        [1, "comment"],
        [3, "other"],
        [4, "other"],
        [5, "pair"],
    ])
    expect(countPairs("A=1\n#B=2\nC=3")).toBe(2)
})

test("a text area that was not edited leaves the bytes as they were", () => {
    for (const text of ["a\r\nb\r\n", "a\rb", "a\nb\r\nc", "", "end\n"])
        expect(fromShown(text, shown(text))).toBe(text)
})

test("an edit keeps CRLF where it was throughout, and takes what was typed elsewhere", () => {
    expect(fromShown("a\r\nb\r\n", "a\nb\nc\n")).toBe("a\r\nb\r\nc\r\n")
    expect(fromShown("a\nb", "a\nb\n")).toBe("a\nb\n")
    expect([lineEnds("a"), lineEnds("a\n"), lineEnds("a\r\n"), lineEnds("a\n\r\n"), lineEnds("a\r")]).toEqual(
        ["none", "lf", "crlf", "mixed", "mixed"],
    )
})

test("the public half of an OpenSSH key is read without its passphrase, and its fingerprint is ssh-keygen's", async () => {
    const core = new FakeCore()
    const { details } = await core.openItem(VAULTS.fleet, hex(1000))
    const value = (id: string): string => details.fields.find((field) => field.id === id)?.value ?? ""
    const inside = publicOf(value("private_key"))
    const beside = readPublic(value("public_key"))
    if (inside === null || beside === null) throw new Error("the sample keys were not read")
    expect(sameKey(inside, beside)).toBe(true)
    expect(formatPublic(inside)).toBe(value("public_key").split(" ").slice(0, 2).join(" "))
    // Worked out by ssh-keygen -l for the same line.
    expect(await fingerprint(beside)).toBe("SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA")
    expect(publicOf("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----")).toBeNull()
    expect(readPublic("ssh-rsa AAAAC3NzaC1lZDI1NTE5")).toBeNull()
    expect(readPublic("")).toBeNull()
})

test("an item goes through its form unchanged, with fields that no form knows", async () => {
    const core = new FakeCore()
    const { overview, details } = await core.openItem(VAULTS.fleet, hex(1000))
    const own = { id: "own", kind: "secret" as const, label: "Pin", value: " 12 \n" }
    const before = { overview, details: { ...details, fields: [...details.fields, own] } }
    expect(fromForm(toForm(before.overview, before.details))).toEqual(before)
})

test("tags are words, each once", () => {
    expect(readTags(" eu-west-1, #on-call  on-call,,")).toEqual(["eu-west-1", "on-call"])
})

test("the kit's file has every group, and a typed group may be read with O for 0", () => {
    const groups = groupsOf(KIT.code)
    expect(groups.length).toBeGreaterThan(8)
    for (const group of groups) expect(kitText(KIT)).toContain(group)
    expect(kitText(KIT)).toContain(KIT.email)
    expect(kitFileName({ ...KIT, email: "a/b@example.net" })).toBe("coffret-recovery-kit-a-b-example.net.txt")
    expect(sameGroup(" k7qx ", "K7QX")).toBe(true)
    expect(sameGroup("U01K", "UOIK")).toBe(true)
    expect(sameGroup("K7QY", "K7QX")).toBe(false)
    expect(sameGroup("", "")).toBe(false)
})
