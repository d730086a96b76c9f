import { randomBytes } from 'node:crypto'

/** A connection as KILL can reach it. */
export interface Killable {
  /** Withdraws what is held, else ends the statement that runs. */
  cancel(): void
  /** Ends the connection. */
  end(): void
}

interface Entry extends Killable {
  readonly personId: string
  readonly target: string
  /** The server's own id, which CONNECTION_ID() gives. */
  readonly serverId: number
}

/** Ids of connections as clients know them. They are ours: one person's id does nothing for another. */
export class ThreadIds {
  readonly #byId = new Map<number, Entry | undefined>()

  /** A new id, for the greeting. Large, so that it is none of those that servers count up to; drivers in Java take it for a signed number. */
  reserve(): number {
    for (;;) {
      const id = (randomBytes(4).readUInt32BE() & 0x7fff_ffff) | 0x4000_0000
      if (this.#byId.has(id)) continue
      this.#byId.set(id, undefined)
      return id
    }
  }

  /** From here on it can be reached. */
  serve(id: number, entry: Entry): void {
    this.#byId.set(id, entry)
  }

  release(id: number): void {
    this.#byId.delete(id)
  }

  /** A connection of this person to this target, by our id or by the server's. */
  find(id: number, personId: string, target: string): Killable | undefined {
    const entry = this.#byId.get(id)
    if (entry !== undefined) return entry.personId === personId && entry.target === target ? entry : undefined
    for (const other of this.#byId.values())
      if (other?.serverId === id && other.personId === personId && other.target === target) return other
    return undefined
  }
}
