import { randomBytes } from 'node:crypto'

/** Who can be cancelled with which key. Keys are ours: the server's own never leaves the gateway. */
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

  /** Nothing is said about whether a key exists; one person's key does nothing for another. */
  use(key: Uint8Array, personId: string): void {
    const entry = this.#byKey.get(Buffer.from(key).toString('hex'))
    if (entry?.personId === personId) entry.cancel()
  }
}

/** The minor version whose cancel keys are longer. */
const LONG_KEYS = 2
