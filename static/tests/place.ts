/** Ids that are easily told apart, and the place of a part. */
export const id = (byte: number) => new Uint8Array(16).fill(byte)

export const place = {
    author: id(1),
    epoch: 1,
    item: id(2),
    part: "overview",
    revision: 1,
    team: id(3),
    vault: id(4),
} as const
