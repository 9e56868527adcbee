/** What pins are held against: the verified folds, and where a contradiction between the two is told. */
import { unhex } from "../crypto/bytes.ts"
import type { Books } from "./books.ts"
import type { Verdicts } from "./pins.ts"

export function verdictsOf(books: Books): Verdicts {
    return {
        team: (id) => books.teams.get(id)?.state.hashes,
        vault: (id) => books.vault(id)?.state.columns.hashes,
        heads: () => headsOf(books),
        refuse(chain, refusal) {
            const team = chain === null ? undefined : books.teams.get(chain)
            const vault = chain === null ? undefined : books.vault(chain)
            if (team !== undefined) books.freezeTeam(team, refusal, {})
            else if (vault !== undefined) books.freezeVault(vault, refusal, {})
            else books.refuse(refusal, chain === null ? {} : { team: chain }, {})
        },
    }
}

function headsOf(books: Books) {
    const teams = []
    const vaults = []
    for (const team of books.teams.values()) {
        const { state } = team
        if (team.isFrozen) continue
        teams.push({ genesis: state.hashes.at(0), hash: state.head, seq: state.seq, team: state.id })
        for (const vault of team.vaults.values()) {
            if (vault.refusal !== null || vault.state.seq === 0) continue
            vaults.push({
                hash: vault.state.head,
                seq: vault.state.seq,
                team: state.id,
                vault: unhex(vault.id),
            })
        }
    }
    return { teams, vaults }
}
