/** A text as a file of the person's own. */

export function saveText(name: string, text: string): void {
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }))
    const link = document.createElement("a")
    link.href = address
    link.download = name
    link.click()
    // The download has begun by then; the address holds the text and must not stay.
    setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
