import { createHash } from 'node:crypto'
import type { RecordedEvent } from './event.ts'
import type { Seal } from './seal.ts'

/**
 * The lines of a recording file: the magic line, a line per event (its hash, a space, its JSON), and the seal.
 * An event's hash is the SHA-256 of the hash before it and its JSON; the first one's predecessor is the magic line.
 */
export const MAGIC = 'pamrec/1'

export const firstHash = (): string => createHash('sha256').update(`${MAGIC}\n`).digest('hex')

export const nextHash = (previous: string, json: string): string =>
  createHash('sha256').update(previous).update(json).digest('hex')

export const eventLine = (hash: string, json: string): string => `${hash} ${json}\n`

export const sealLine = (seal: Seal): string => `seal ${JSON.stringify(seal)}\n`

export type RecordLine =
  | { readonly type: 'event'; readonly hash: string; readonly json: string; readonly event: RecordedEvent }
  | { readonly type: 'seal'; readonly seal: Seal }

/** A line without its newline; undefined where it is none of a recording's lines. */
export function parseLine(line: string): RecordLine | undefined {
  try {
    if (line.startsWith('seal ')) return { type: 'seal', seal: JSON.parse(line.slice(5)) as Seal }
    const match = /^([0-9a-f]{64}) (\{.*\})$/s.exec(line)
    if (match === null) return undefined
    const [, hash, json] = match as unknown as [string, string, string]
    return { type: 'event', hash, json, event: JSON.parse(json) as RecordedEvent }
  } catch {
    return undefined
  }
}
