import type { CommandDraft } from '../../../gateway/engine.ts'
import type { RequestHead } from '../server/exchange.ts'
import type { HttpCommand } from './read-command.ts'

/** A request as it was read, and as the session judges it. */
export interface ReadRequest {
  readonly command: HttpCommand
  readonly draft: CommandDraft
}

interface Known extends ReadRequest {
  readonly config: object
}

/**
 * Requests of one connection that came before, the same in every byte of their heads, with nothing behind those: what is read of them is the same then, as
 * long as the target's configuration is. They share their facts, too, by which judgements, digests and events on record are found again. Whether one is allowed
 * is asked each time.
 */
export class KnownRequests {
  readonly #known = new Map<string, Known>()
  #characters = 0

  /** What was read of this head under this configuration of the target, one object for each reading of the file; undefined where it has not come before. `key`: of `keyOf`. */
  find(key: string, config: object): ReadRequest | undefined {
    const known = this.#known.get(key)
    return known?.config === config ? known : undefined
  }

  keep(key: string, config: object, { command, draft }: ReadRequest): void {
    if (key.length > MAX_CHARACTERS) return
    if (this.#known.size >= MAX_REQUESTS || this.#characters + key.length > MAX_CHARACTERS) this.#clear()
    if (!this.#known.has(key)) this.#characters += key.length
    this.#known.set(key, { command, draft, config })
  }

  #clear(): void {
    this.#known.clear()
    this.#characters = 0
  }
}

/** All that is in the head of a request. No part of it has an end of line within: `checkHead` has seen to that. */
export function keyOf({ version, method, target, host, headers }: RequestHead): string {
  let key = `${version} ${method} ${target}\n${host}`
  for (const [name, value] of headers) key += `\n${name}:${value}`
  return key
}

const MAX_REQUESTS = 256
/** In the heads of all of them. */
const MAX_CHARACTERS = 128 * 1024
