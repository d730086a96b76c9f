import { randomBytes } from 'node:crypto'

/** A connection as KILL can reach it. */
export interface Killable {
  /** Withdraws the held statement, or else ends the running one. */
  cancel(): void
  /** Ends the connection. */
  end(): void
}

interface Entry extends Killable {
  readonly personId: string
  readonly target: string
  /** The server's own id, which CONNECTION_ID() returns. */
  readonly serverId: number
}

/** The ids of connections that clients see. The gateway issues its own: an id of one person has no effect for another. */
export class ThreadIds {
  readonly #byId = new Map<number, Entry | undefined>()

  /**
   * A new id, for the greeting. It is large, so that it differs from those that servers count up to; Java drivers read it as a signed
   * number.
   */
  reserve(): number {
    for (;;) {
      const id = (randomBytes(4).readUInt32BE() & 0x7fff_ffff) | 0x4000_0000
      if (this.#byId.has(id)) continue
      this.#byId.set(id, undefined)
      return id
    }
  }

  /** From now on KILL can reach the connection. */
  serve(id: number, entry: Entry): void {
    this.#byId.set(id, entry)
  }

  release(id: number): void {
    this.#byId.delete(id)
  }

  /** A connection of this person to this target, by the gateway's id or the server's. */
  find(id: number, personId: string, target: string): Killable | undefined {
    const entry = this.#byId.get(id)
    if (entry !== undefined) return entry.personId === personId && entry.target === target ? entry : undefined
    for (const other of this.#byId.values())
      if (other?.serverId === id && other.personId === personId && other.target === target) return other
    return undefined
  }
}
