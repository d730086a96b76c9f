/** Finds a secret in a stream of bytes and puts as many stars in its place, so that all lengths stay true. */
export class SecretScrubber {
  readonly #needles: readonly Buffer[]
  readonly #longest: number
  #held: Buffer = NOTHING

  constructor(needles: readonly Buffer[]) {
    this.#needles = needles
    this.#longest = Math.max(0, ...needles.map(({ length }) => length))
  }

  /** What may be the beginning of a secret waits for more. */
  push(chunk: Buffer): Buffer {
    if (this.#needles.length === 0) return chunk
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const out = scrubbed(bytes, this.#needles)
    const keep = this.#beginning(out)
    // It may be written to later, when the rest of it comes.
    this.#held = keep === 0 ? NOTHING : Buffer.from(out.subarray(out.length - keep))
    return out.subarray(0, out.length - keep)
  }

  end(): Buffer {
    const rest = this.#held
    this.#held = NOTHING
    return rest
  }

  /** How many bytes at the end may be the beginning of a secret. */
  #beginning(bytes: Buffer): number {
    for (let length = Math.min(this.#longest - 1, bytes.length); length > 0; length--) {
      const end = bytes.subarray(bytes.length - length)
      if (this.#needles.some((needle) => needle.length > length && needle.subarray(0, length).equals(end)))
        return length
    }
    return 0
  }
}

/** As many stars in place of each of them. */
export function scrubbed(bytes: Buffer, needles: readonly Buffer[]): Buffer {
  let out = bytes
  for (const needle of needles)
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
      if (out === bytes) out = Buffer.from(bytes)
      out.fill(STAR, at, at + needle.length)
    }
  return out
}

export const scrubbedText = (text: string, needles: readonly Buffer[]): string =>
  scrubbed(Buffer.from(text, 'latin1'), needles).toString('latin1')

/** A text as servers repeat it: as it is, within JSON, HTML, a URL, as hexadecimal digits, and within what is in base64, wherever it begins there. */
export function spellingsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret)
  const json = JSON.stringify(secret).slice(1, -1)
  const spellings = [
    secret,
    json,
    json.replaceAll('/', '\\/'),
    json.replaceAll(/[<>&']/g, unicodeEscape),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll(/%../g, (spelled) => spelled.toLowerCase()),
    encodeURIComponent(secret)
      .replaceAll('%20', '+')
      .replaceAll(/[!'()*]/g, percentEscape),
    secret.replaceAll(/[&<>"']/g, (character) => HTML[character] ?? character),
    secret.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...[0, 1, 2].flatMap((before) => [base64Within(bytes, before, 'base64'), base64Within(bytes, before, 'base64url')]),
  ]
  return [...new Set(spellings)].map((text) => Buffer.from(text)).filter(({ length }) => length >= MIN_NEEDLE)
}

/** The characters that depend on nothing but these bytes, where `before` bytes stand in front of them. */
function base64Within(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const all = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding)
  return all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
}

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
const percentEscape = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const STAR = 0x2a
const NOTHING = Buffer.alloc(0)
/** What is shorter would be found where it is not. */
const MIN_NEEDLE = 8
