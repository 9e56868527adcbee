/** Items of every kind, and ten thousand of them. */
import type { Details, Id, Overview, Row } from "../../src/worker/api.ts"
import { DAY, hex, NOW, PERSONAL, TEAM, VAULTS } from "./sample-team.ts"

const PRIVATE_KEY = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx",
    "OQAAACAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAAAARURVNU",
    "-----END OPENSSH PRIVATE KEY-----",
    "",
].join("\n")
const PUBLIC_KEY =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f deploy@northwind"
const ENV =
    '# payments-api, production\nDATABASE_URL=postgresql://app@db-01/orders?sslmode=verify-full\nexport REGION=eu-west-1\nSIGNING_KEY="k7#Lw~9\\nsecond line"\nEMPTY=\nDEBUG=false # never true here\n\nnot a variable\n'

export interface Kept {
    row: Row
    details: Details
}

function keep(
    number: number,
    vaultId: Id,
    overview: Overview,
    details: Details,
    more: Partial<Row> = {},
): Kept {
    const team = vaultId === VAULTS.personal ? PERSONAL : TEAM
    return {
        row: {
            id: hex(1000 + number),
            vault: vaultId,
            team,
            overview,
            revision: 1 + (number % 7),
            author: hex(100 + (number % 3)),
            at: NOW - number * 3_600_000,
            verified: true,
            ...more,
        },
        details,
    }
}

function secret(id: string, label: string, value: string): Details {
    return { fields: [{ id, kind: "secret", label, value }], note: "" }
}

function overview(type: Overview["type"], title: string, more: Partial<Overview> = {}): Overview {
    return { type, title, tags: [], trash: null, ...more }
}

export function samples(): Kept[] {
    const { fleet, databases, personal } = VAULTS
    return [
        keep(
            0,
            fleet,
            overview("ssh_key", "Deploy key, web fleet", {
                login: "deploy",
                host: "web-01.example.net",
                tags: ["eu-west-1", "on-call"],
            }),
            {
                fields: [
                    { id: "private_key", kind: "secret_multiline", label: "Private key", value: PRIVATE_KEY },
                    { id: "public_key", kind: "text", label: "Public key", value: PUBLIC_KEY },
                    {
                        id: "passphrase",
                        kind: "secret",
                        label: "Passphrase",
                        value: "quay-Lantern-47-osprey-mild",
                    },
                ],
                note: "Used by the deploy job and by hand during an incident.\nRotate together with the bastion key.",
            },
        ),
        keep(
            1,
            fleet,
            overview("env", "payments-api, production", { host: "deploy/payments-api", tags: ["on-call"] }),
            { fields: [{ id: "env", kind: "secret_multiline", label: "Variables", value: ENV }], note: "" },
        ),
        keep(
            2,
            databases,
            overview("database", "db-01 primary, application role", {
                login: "app_rw",
                host: "db-01.example.net",
            }),
            {
                fields: [
                    { id: "engine", kind: "text", label: "Engine", value: "PostgreSQL" },
                    { id: "port", kind: "text", label: "Port", value: "5432" },
                    { id: "password", kind: "secret", label: "Password", value: "vR7_mQ2x-Lk9wTz4p~Hn6cYd" },
                ],
                note: "",
            },
        ),
        keep(
            3,
            fleet,
            overview("login", "Grafana, admin", { login: "admin", host: "https://grafana.ops.example.net" }),
            secret("password", "Password", "Kv8_tR0p%Wm3z=Qx71"),
        ),
        keep(
            4,
            fleet,
            overview("server", "bastion-eu", { login: "ops", host: "bastion-eu-west-1.example.net" }),
            secret("password", "Password", "Nn4-rust-Heron"),
            { verified: false, at: null },
        ),
        keep(
            5,
            databases,
            overview("token", "Object storage, backup writer", {
                login: "svc-backup",
                host: "s3.eu-west-1.example.net",
            }),
            secret("token", "Token", "tok_5fK2"),
        ),
        keep(6, personal, overview("note", "Runbook: restore order after a power cut", {}), {
            fields: [
                {
                    id: "text",
                    kind: "secret_multiline",
                    label: "Text",
                    value: "First the switch.\nThen the disks.\n",
                },
            ],
            note: "",
        }),
        keep(
            7,
            databases,
            overview("database", "Legacy ERP reporting database, read only, month-end close", {
                login: "finance_readonly_reporting",
                host: "erp-reporting-02.finance.example.net",
            }),
            secret("password", "Password", "x"),
        ),
        keep(
            8,
            fleet,
            overview("login", "Old registrar", { login: "infra@example.net", trash: NOW - 3 * DAY }),
            secret("password", "Password", "gone"),
        ),
        keep(90, fleet, overview("vault", "Web fleet"), { fields: [], note: "" }, { id: fleet }),
    ]
}

/** What a member signed in place of an item. */
export function unreadable(): Kept {
    const nothing: Details = { fields: [], note: "", isUnreadable: true }
    return keep(9, VAULTS.fleet, overview("note", "", { isUnreadable: true }), nothing, { author: hex(101) })
}

export function many(count: number): Kept[] {
    const types = ["server", "login", "database", "ssh_key", "env", "token"] as const
    return Array.from({ length: count }, (_, at) => {
        const name = `host-${String(at).padStart(5, "0")}`
        return keep(
            5000 + at,
            VAULTS.fleet,
            overview(types[at % types.length] ?? "login", name, {
                login: "root",
                host: `${name}.example.net`,
            }),
            secret("password", "Password", `p${at}`),
        )
    })
}
