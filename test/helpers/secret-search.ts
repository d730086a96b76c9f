import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'

/** Everything that may not have a secret: files, outputs, answers, memory. One search for the tests of all sources of credentials. */
export class SecretSearch {
  readonly #places: { readonly name: string; readonly bytes: Buffer }[] = []

  add(name: string, content: string | Uint8Array): void {
    const bytes = Buffer.from(content)
    this.#places.push({ name, bytes })
    for (const plain of decompressed(bytes)) this.#places.push({ name: `${name}, decompressed`, bytes: plain })
  }

  /** All files below, except those that `isKept` says are where a secret is kept. */
  addDirectory(directory: string, isKept: (path: string) => boolean = () => false): void {
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && !isKept(path)) this.add(path, readFileSync(path))
    }
  }

  /** How much is searched: a search of nothing finds nothing. */
  get size(): number {
    return this.#places.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** Whether something that is no secret is found, which shows that the search finds what is there. */
  has(text: string, place: RegExp): boolean {
    return this.#places.some(({ name, bytes }) => place.test(name) && bytes.includes(text))
  }

  /** The places that have these bytes: what a key is where it is not written as text. */
  places(bytes: Buffer): string[] {
    return this.#places.filter((place) => place.bytes.includes(bytes)).map(({ name }) => name)
  }

  /** `secret in place as spelling`, for each that is found. */
  find(secrets: Readonly<Record<string, string>>): string[] {
    return Object.entries(secrets).flatMap(([label, secret]) =>
      spellingsOf(secret).flatMap(({ spelling, bytes }) =>
        this.#places
          .filter((place) => place.bytes.includes(bytes))
          .map(({ name }) => `${label} in ${name} as ${spelling}`),
      ),
    )
  }
}

function spellingsOf(secret: string): { readonly spelling: string; readonly bytes: Buffer }[] {
  const text = Buffer.from(secret)
  const all = [
    { spelling: 'text', bytes: text },
    { spelling: 'UTF-16', bytes: Buffer.from(secret, 'utf16le') },
    { spelling: 'hexadecimal', bytes: Buffer.from(text.toString('hex')) },
    { spelling: 'JSON', bytes: Buffer.from(JSON.stringify(secret).slice(1, -1)) },
    { spelling: 'a URL', bytes: Buffer.from(encodeURIComponent(secret)) },
    // Wherever it begins within groups of three bytes; the ends depend on what stands beside it.
    ...[0, 1, 2].map((before) => {
      const encoded = Buffer.concat([Buffer.alloc(before), text]).toString('base64')
      return { spelling: 'base64', bytes: Buffer.from(encoded.slice(before === 0 ? 0 : 4, -4)) }
    }),
  ]
  // Most secrets are the same as text, in JSON and in a URL: each is looked for once.
  return all.filter(({ bytes }, index) => all.findIndex((other) => other.bytes.equals(bytes)) === index)
}

function decompressed(bytes: Buffer): Buffer[] {
  return [gunzipSync, inflateSync, brotliDecompressSync].flatMap((decompress) => {
    try {
      const plain = decompress(bytes)
      return plain.length === 0 ? [] : [plain]
    } catch {
      return []
    }
  })
}
