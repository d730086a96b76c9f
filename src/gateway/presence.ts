import { idleHandler, type Channel } from '../shared/channel.ts'
import { pause } from '../shared/pause.ts'

/** A connection of the gateway's own that is logged in and idle, and what it says before it closes it. */
export interface PresenceConnection {
  readonly channel: Channel
  readonly goodbye: Buffer
}

/**
 * Connections that show a target which runs of a gateway are alive: one is open while accounts that the run has made there are in use, and the server
 * closes it when the process is gone. By them, another gateway tells what a living one uses from what was left behind: a copy of a data
 * directory has the name of the gateway in it, and not its connections.
 */
export class Presence {
  readonly #entries = new Map<string, Entry>()

  /** Resolves once the target has seen it; what it resolves to gives it up. `key`: where it is to be seen. */
  async hold(key: string, open: () => Promise<PresenceConnection>): Promise<() => void> {
    const entry: Entry = this.#entries.get(key) ?? { holders: 0, open, connection: undefined }
    this.#entries.set(key, entry)
    entry.holders++
    entry.open = open
    let isHeld = true
    const leave = (): void => {
      if (isHeld && --entry.holders === 0) this.#close(key, entry)
      isHeld = false
    }
    try {
      await connected(entry)
    } catch (error) {
      leave()
      throw error
    }
    return leave
  }

  #close(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    void entry.connection?.then(part, () => {})
  }
}

interface Entry {
  holders: number
  open: () => Promise<PresenceConnection>
  /** Undefined from its loss until it is tried again. */
  connection: Promise<PresenceConnection> | undefined
}

async function connected(entry: Entry): Promise<void> {
  const connecting = (entry.connection ??= entry.open())
  const lose = (): void => {
    if (entry.connection !== connecting) return
    entry.connection = undefined
    void reconnect(entry)
  }
  try {
    const { channel } = await connecting
    // What a server says on its own, such as a notice, is not read.
    channel.handler = { ...idleHandler, ended: () => channel.destroy(), closed: lose }
    channel.resume()
  } catch (error) {
    if (entry.connection === connecting) entry.connection = undefined
    throw error
  }
}

/** Others take its accounts for left behind when it stays away for MAX_ABSENCE_MS. */
async function reconnect(entry: Entry): Promise<void> {
  while (entry.holders > 0 && entry.connection === undefined) {
    try {
      await connected(entry)
    } catch {
      await pause(BETWEEN_TRIES_MS, { keepsAlive: false })
    }
  }
}

function part({ channel, goodbye }: PresenceConnection): void {
  channel.write(goodbye)
  channel.end()
  setTimeout(() => channel.destroy(), LINGER_MS).unref()
}

const BETWEEN_TRIES_MS = 300
/** A server need not answer the goodbye. */
const LINGER_MS = 1000
/** How long whoever sees no presence looks again before it drops what a gateway may use: a connection that is lost is opened again meanwhile. */
export const MAX_ABSENCE_MS = 2000
