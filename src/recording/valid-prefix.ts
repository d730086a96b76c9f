import { createHash, type Hash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { firstBlockHash } from './compact-format.ts'
import { firstHash } from './frame.ts'
import type { JournaledSession } from './read-journal.ts'
import { BrokenRecording, CUT_OFF, readSegments } from './read.ts'
import type { SegmentSeal } from './seal.ts'
import type { RecordVersion } from './segment.ts'
import { Broken, RecordingVerifier, type TrustedKey } from './verify.ts'

export interface ValidPrefix {
  readonly version: RecordVersion
  readonly bytes: number
  readonly digest: Hash
  readonly segments: number
  readonly events: number
  readonly hash: Buffer
  readonly last: SegmentSeal | undefined
  /** The hash at the end of each segment, by number of events. */
  readonly ends: ReadonlyMap<number, string>
}

/**
 * Reads the valid segments at the beginning of the file; `otherwise` is its version if there are none. A segment that was not written
 * completely is in the journal as well, and is cut off.
 */
export async function readValidPrefix(
  path: string,
  session: string,
  keys: readonly TrustedKey[],
  otherwise: RecordVersion = 3,
): Promise<ValidPrefix | { damaged: string }> {
  const verifier = new RecordingVerifier(keys, undefined)
  const ends = new Map<number, string>()
  let version = otherwise
  let hash = version === 2 ? firstHash(session) : firstBlockHash(session)
  let bytes = 0
  let segments = 0
  let events = 0
  let last: SegmentSeal | undefined
  if (existsSync(path)) {
    try {
      for await (const segment of readSegments(path)) {
        const { seal, end } = segment
        await verifier.check(segment)
        if (seal.session !== session) return { damaged: `holds the record of ${seal.session}` }
        if (seal.status === 'unsealed') return { damaged: `segment ${segments} has no seal` }
        version = segment.version
        hash = Buffer.from(seal.hash, 'hex')
        bytes = end
        segments++
        events += seal.events
        ends.set(events, seal.hash)
        last = seal
      }
    } catch (error) {
      if (error instanceof Broken) return { damaged: `segment ${segments} ${error.message}` }
      if (!(error instanceof BrokenRecording)) throw error
      // The end is cut off, within the first bytes of the file at the earliest.
      if (error.message !== CUT_OFF && bytes > 0) return { damaged: error.message }
    }
  }
  const digest = createHash('sha256')
  if (bytes > 0) for await (const chunk of createReadStream(path, { end: bytes - 1 })) digest.update(chunk as Buffer)
  return { version, bytes, digest, segments, events, hash, last, ends }
}

/** Nothing follows the end of a session: if the journal has more events than the closed file, the gateway did not write one of the two. */
export function beyondEnd(journaled: JournaledSession | undefined, end: number): string | undefined {
  const last = Math.max(lastOf(journaled), (journaled?.sealed?.events ?? 0) - 1)
  return last < end ? undefined : `ends before event ${end}, and the journal has events up to ${last}`
}

/** Number of a session's last event in the journal. */
export const lastOf = (journaled: JournaledSession | undefined): number =>
  journaled?.turns.at(-1)?.last ?? journaled?.events.at(-1)?.seq ?? -1
