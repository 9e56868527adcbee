/**
 * Finds every check in the client's source, and puts a switch at each while vitest loads it.
 *
 * A check is a `need(condition, id)`, a statement that names a refusal's id (`throw new Refused("T1.sig")`,
 * `return new Refused(…)`, `books.refuse("R1.recipient", …)`), one that hands a refusal on to the books, and one that
 * throws what has no id of its own: a seal that does not open, a link to wait for, bytes that are not canonical.
 */
import { readdirSync, readFileSync } from "node:fs"
import ts from "typescript"
import type { Plugin } from "vite"
import { isRefusal } from "../../src/chain/refusals.ts"

export interface Check {
    readonly number: number
    /** What names the check as long as its function is not rewritten: path, function, id. */
    readonly place: string // the second of a place ends in " #2"
    readonly line: number
}

/** A place that names a refusal's id and is no check that could be switched off. */
export class Unplaced extends Error {}

const SOURCE = /\/static\/(src\/.*\.ts)$/
// Sentences about refusals, and the table of them: not checks.
const TABLES = /^src\/(chain\/refusals|words\/[a-z]+)\.ts$/
const BARE: Readonly<Record<string, string>> = {
    DecryptionError: "R16.open",
    Waiting: "waiting",
    CborError: "T1.cbor",
}
const HANDED_ON = /^(refuse|freezeTeam|freezeVault)$/

interface Edit {
    readonly at: number
    readonly text: string
}

/** The module's text with a switch at each check; the checks are appended to `checks`. */
export function switched(path: string, text: string, checks: Check[]): string {
    if (TABLES.test(path)) return text
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const edits: Edit[] = []
    const seen = new Set<ts.Node>()

    const add = (node: ts.Node, id: string): number => {
        const number = checks.length
        const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
        const place = `${path} ${functionOf(node)} ${id}`
        const before = checks.filter((one) => one.place.replace(/ #\d+$/, "") === place).length
        checks.push({ number, place: before === 0 ? place : `${place} #${before + 1}`, line })
        return number
    }
    const around = (node: ts.Expression, id: string) => {
        edits.push({ at: node.getStart(), text: `globalThis.__switches.holds(${add(node, id)}, ` })
        edits.push({ at: node.getEnd(), text: ")" })
    }
    const before = (node: ts.Node, id: string) => {
        const statement = statementOf(node)
        if (statement === null) throw new Unplaced(`${path}: ${node.getText()}`)
        if (seen.has(statement)) return
        seen.add(statement)
        // In braces, so that an `else` after it stays that of the `if` before it.
        edits.push({
            at: statement.getStart(),
            text: `{ if (globalThis.__switches.fires(${add(node, id)})) `,
        })
        edits.push({ at: statement.getEnd(), text: " }" })
    }
    const visit = (node: ts.Node): void => {
        if (isNeed(node)) {
            const [condition, id] = node.arguments
            around(condition as ts.Expression, textOf(id))
        } else if (ts.isStringLiteral(node) && isRefusal(node.text)) {
            if (!isTold(node)) before(node, node.text)
        } else if (ts.isNewExpression(node) && BARE[node.expression.getText()] !== undefined) {
            before(node, BARE[node.expression.getText()] as string)
        } else if (handsOn(node)) {
            before(node, "handed on")
        }
        ts.forEachChild(node, visit)
    }
    visit(source)
    return applied(text, edits)
}

function isNeed(node: ts.Node): node is ts.CallExpression {
    return ts.isCallExpression(node) && node.expression.getText() === "need"
}

function textOf(node: ts.Node | undefined): string {
    return node !== undefined && ts.isStringLiteral(node) ? node.text : (node?.getText() ?? "")
}

/** `books.refuse(error.refusal, …)`: what was refused elsewhere is shown from here. */
function handsOn(node: ts.Node): boolean {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false
    return HANDED_ON.test(node.expression.name.text) && !node.arguments.some(namesId)
}

function namesId(node: ts.Node): boolean {
    return (ts.isStringLiteral(node) && isRefusal(node.text)) || ts.forEachChild(node, namesId) === true
}

/** Does this id stand where something is said about a check: in a `need`, a list, a type, a comparison? */
function isTold(node: ts.StringLiteral): boolean {
    const { parent } = node
    if (isNeed(parent)) return true
    if (ts.isLiteralTypeNode(parent) || ts.isArrayLiteralExpression(parent)) return true
    return ts.isBinaryExpression(parent) && parent.operatorToken.kind !== ts.SyntaxKind.QuestionQuestionToken
}

/** The statement that ends, returns or reports. */
function statementOf(node: ts.Node): ts.Statement | null {
    for (let at = node; at !== undefined; at = at.parent) {
        if (ts.isThrowStatement(at) || ts.isReturnStatement(at) || ts.isExpressionStatement(at)) return at
        if (ts.isFunctionLike(at)) return null
    }
    return null
}

function functionOf(node: ts.Node): string {
    const names: string[] = []
    for (let at = node; at !== undefined; at = at.parent) {
        if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at) || ts.isClassDeclaration(at)) {
            names.unshift(at.name?.getText() ?? "")
        } else if (ts.isConstructorDeclaration(at)) names.unshift("constructor")
    }
    return names.join(".") || "module"
}

function applied(text: string, edits: readonly Edit[]): string {
    let changed = text
    for (const { at, text: inserted } of edits.toSorted((a, b) => b.at - a.at)) {
        changed = changed.slice(0, at) + inserted + changed.slice(at)
    }
    return changed
}

export interface Scanned {
    readonly checks: readonly Check[]
    /** The changed text of each module, by its path. */
    readonly modules: ReadonlyMap<string, string>
}

/** All checks of the client. @param root - the folder `static`. */
export function scan(root: string): Scanned {
    const checks: Check[] = []
    const modules = new Map<string, string>()
    for (const name of readdirSync(`${root}/src`, { recursive: true, encoding: "utf8" }).toSorted()) {
        if (!name.endsWith(".ts")) continue
        const path = `src/${name}`
        modules.set(path, switched(path, readFileSync(`${root}/${path}`, "utf8"), checks))
    }
    return { checks, modules }
}

/** Loads the client with switches. */
export function switches({ modules }: Scanned): Plugin {
    return {
        name: "switches",
        enforce: "pre",
        transform(_code, id) {
            const code = modules.get(SOURCE.exec(id)?.[1] ?? "")
            return code === undefined ? null : { code, map: null }
        },
    }
}
