import { randomBytes } from 'node:crypto'

/** The sessions that can be cancelled, by key. The gateway issues its own keys: the server's never leave it. */
export class CancelKeys {
  readonly #byKey = new Map<string, { personId: string; cancel: () => void }>()

  /** A new key: a process id of four bytes, and a secret of four, or from protocol 3.2 on of 32. */
  issue(personId: string, minor: number, cancel: () => void): { key: Buffer; revoke: () => void } {
    const key = randomBytes(4 + (minor >= LONG_KEYS ? 32 : 4))
    key[0] = key.readUInt8(0) & 0x7f // process ids are positive
    const text = key.toString('hex')
    this.#byKey.set(text, { personId, cancel })
    return { key, revoke: () => void this.#byKey.delete(text) }
  }

  /** Does not reveal whether a key exists; a key of one person has no effect for another. */
  use(key: Uint8Array, personId: string): void {
    const entry = this.#byKey.get(Buffer.from(key).toString('hex'))
    if (entry?.personId === personId) entry.cancel()
  }
}

/** The minor version whose cancel keys are longer. */
const LONG_KEYS = 2
