/**
 * Every line of the security requirements that the client answers for, its cases, and how each ends: with a refusal's
 * id, or in words. The test of the same name is `<line>: <case>`.
 */
import { F } from "./lines/f.ts"
import { R } from "./lines/r.ts"
import { T } from "./lines/t.ts"

export const LINES = { ...R, ...T, ...F } as const

export type Line = keyof typeof LINES
