/** The types of items and their forms. User and host are in the overview, so that list and copy need no opening. */
import type { Details, Field, Id, ItemType, Overview } from "../worker/api.ts"

export interface FieldPlan {
    id: string
    label: string
    kind: Field["kind"]
    /** Kept in the overview under this name, not among the details. */
    overview?: "login" | "host"
    mono?: boolean
    generator?: boolean
    placeholder?: string
    /** Half a line wide, beside the next one. */
    half?: boolean
    /** The port beside its host. */
    port?: boolean
}

export interface Kind {
    type: ItemType
    label: string
    icon: string
    about: string
    fields: FieldPlan[]
    /** What "copy secret" in the list takes. */
    secret: string
}

const user: FieldPlan = { id: "login", label: "User", kind: "text", overview: "login", mono: true }
const password: FieldPlan = { id: "password", label: "Password", kind: "secret", mono: true, generator: true }
const host: FieldPlan = { id: "host", label: "Host", kind: "text", overview: "host", mono: true }
const port: FieldPlan = { id: "port", label: "Port", kind: "text", mono: true, port: true }

export const KINDS: readonly Kind[] = [
    {
        type: "ssh_key",
        label: "SSH key",
        icon: "ssh",
        about: "A private key, its public half, the hosts it opens",
        secret: "private_key",
        fields: [
            { ...user, half: true },
            { ...host, label: "Hosts", half: true, placeholder: "web-01.example.net" },
            { id: "private_key", label: "Private key", kind: "secret_multiline", mono: true },
            { id: "public_key", label: "Public key", kind: "text", mono: true },
            { ...password, id: "passphrase", label: "Passphrase" },
        ],
    },
    {
        type: "env",
        label: "Environment set",
        icon: "env",
        about: "A .env file, kept to the byte",
        secret: "env",
        fields: [
            { ...host, label: "Used in", placeholder: "deploy/payments-api" },
            {
                id: "env",
                label: "Variables",
                kind: "secret_multiline",
                mono: true,
                placeholder: "NAME=value",
            },
        ],
    },
    {
        type: "login",
        label: "Login",
        icon: "login",
        about: "User and password of a website or tool",
        secret: "password",
        fields: [user, password, { id: "host", label: "Website", kind: "url", overview: "host", mono: true }],
    },
    {
        type: "server",
        label: "Server",
        icon: "server",
        about: "Host, port, user, password",
        secret: "password",
        fields: [host, port, user, password],
    },
    {
        type: "database",
        label: "Database",
        icon: "db",
        about: "Where it is, and the role that opens it",
        secret: "password",
        fields: [
            { id: "engine", label: "Engine", kind: "text", half: true, placeholder: "PostgreSQL" },
            { id: "database", label: "Database", kind: "text", mono: true, half: true },
            host,
            port,
            { ...user, half: true },
            { id: "tls", label: "TLS", kind: "text", mono: true, half: true, placeholder: "verify-full" },
            password,
        ],
    },
    {
        type: "token",
        label: "API token",
        icon: "token",
        about: "A token and the service that takes it",
        secret: "token",
        fields: [
            { ...host, label: "Service", half: true },
            { ...user, label: "Account", half: true },
            { id: "token", label: "Token", kind: "secret", mono: true, generator: true },
        ],
    },
    {
        type: "note",
        label: "Note",
        icon: "note",
        about: "A text, closed until you reveal it",
        secret: "text",
        fields: [{ id: "text", label: "Text", kind: "secret_multiline" }],
    },
]

export function kindOf(type: string): Kind {
    return KINDS.find((kind) => kind.type === type) ?? (KINDS.at(-1) as Kind)
}

export function isSecret(kind: Field["kind"]): boolean {
    return kind === "secret" || kind === "secret_multiline"
}

/** Fields as the item shows them: the type's own in their order, then what else the item has. */
export interface Shown {
    id: string
    label: string
    kind: Field["kind"]
    value: string
    mono: boolean
}

export function shownFields(overview: Overview, details: Details): Shown[] {
    const plans = kindOf(overview.type).fields
    const planned = plans.map((plan) => ({
        id: plan.id,
        label: plan.label,
        kind: plan.kind,
        value: valueIn(plan, overview, details),
        mono: plan.mono ?? false,
    }))
    const known = new Set(plans.map((plan) => plan.id))
    const others = details.fields
        .filter((field) => !known.has(field.id))
        .map(({ id, label, kind, value }) => ({ id, label, kind, value, mono: true }))
    return [...planned, ...others]
}

function valueIn(plan: FieldPlan, overview: Overview, details: Details): string {
    if (plan.overview !== undefined) return overview[plan.overview] ?? ""
    return details.fields.find((field) => field.id === plan.id)?.value ?? ""
}

/** What is being written: a flat form, whose every text is exact. */
export interface Form {
    type: ItemType | "vault"
    title: string
    values: Record<string, string>
    extra: Field[]
    note: string
    tags: string
    trash: number | null
}

export function emptyForm(type: ItemType): Form {
    return { type, title: "", values: {}, extra: [], note: "", tags: "", trash: null }
}

export function toForm(overview: Overview, details: Details): Form {
    const plans = overview.type === "vault" ? [] : kindOf(overview.type).fields
    const known = new Set(plans.map((plan) => plan.id))
    const values = Object.fromEntries(plans.map((plan) => [plan.id, valueIn(plan, overview, details)]))
    return {
        type: overview.type,
        title: overview.title,
        values,
        extra: withOwnIds(details.fields.filter((field) => !known.has(field.id))),
        note: details.note,
        tags: overview.tags.join(", "),
        trash: overview.trash,
    }
}

/** Two fields under one id, which only a foreign client writes, become two of which each can be edited. */
function withOwnIds(fields: readonly Field[]): Field[] {
    const ids = new Set<string>()
    return fields.map((field) => {
        const id = ids.has(field.id) ? newId() : field.id
        ids.add(id)
        return { ...field, id }
    })
}

export function fromForm(form: Form): { overview: Overview; details: Details } {
    const plans = form.type === "vault" ? [] : kindOf(form.type).fields
    const overview: Overview = {
        type: form.type,
        title: form.title.trim(),
        tags: readTags(form.tags),
        trash: form.trash,
    }
    const fields: Field[] = []
    for (const plan of plans) {
        const value = form.values[plan.id] ?? ""
        if (value === "") continue
        if (plan.overview !== undefined) overview[plan.overview] = value.trim()
        else fields.push({ id: plan.id, kind: plan.kind, label: plan.label, value })
    }
    fields.push(...form.extra.filter((field) => field.label.trim() !== "" || field.value !== ""))
    return { overview, details: { fields, note: form.note } }
}

/** Tags parted by commas or spaces, each once. */
export function readTags(text: string): string[] {
    const tags = text.split(/[,\s]+/).map((tag) => tag.replace(/^#+/, ""))
    return [...new Set(tags.filter((tag) => tag !== ""))]
}

/** The second line of a row: `user@host`, or what there is of it. */
export function secondLine(overview: Overview): string {
    const { login = "", host: place = "" } = overview
    if (login === "" || place === "") return login || place || kindOf(overview.type).label
    const joined = overview.type === "login" || overview.type === "token"
    return joined ? `${login} · ${place}` : `${login}@${place}`
}

/** 16 random bytes as hex: the id of a draft. */
export function newId(): Id {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) =>
        b.toString(16).padStart(2, "0"),
    ).join("")
}
