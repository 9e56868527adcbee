/** A session in words of ours; what a server or a browser says of itself is short and in quotes. */
import { describe, expect, test } from "vitest"
import { addressWords, browserWords } from "../../src/words/browsers.ts"

const KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"

describe("a browser", () => {
    test.each([
        [`Mozilla/5.0 (X11; Linux x86_64) ${KIT} Chrome/142.0.0.0 Safari/537.36`, "Chrome on Linux"],
        [
            `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${KIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0`,
            "Edge on Windows",
        ],
        [
            `Mozilla/5.0 (Windows NT 10.0) ${KIT} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0`,
            "Opera on Windows",
        ],
        [
            `Mozilla/5.0 (Linux; Android 15) ${KIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`,
            "Samsung Internet on Android",
        ],
        [
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ],
        [
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
            "Safari on macOS",
        ],
        [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 FxiOS/140.0 Mobile Safari/605.1.15",
            "Firefox on iPhone",
        ],
        ["", "A program that gave no name"],
        ["curl/8.11.0", "Calls itself “curl/8.11.0”"],
    ])("%s is %s", (text, words) => {
        expect(browserWords(text)).toBe(words)
    })

    test("that says more is cut, and cannot leave its quotes", () => {
        const said = `ok”. Call +1-555-0100 \u202e${"and read out your kit ".repeat(9)}`
        expect(browserWords(said)).toBe("Calls itself “ok. Call +1-555-0100 and read out your k…”")
    })
})

test("what is no address is not shown", () => {
    expect(addressWords("203.0.113.7")).toBe("203.0.113.7")
    expect(addressWords("2001:db8::1")).toBe("2001:db8::1")
    expect(addressWords("call +1-555-0100")).toBe("Address not shown")
})
