import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PROOF_MEMORY_MS, type UsedProofs } from '../identity/proof.ts'
import { PamError } from '../shared/errors.ts'

/**
 * Proofs of possession that were used and would still be taken, in two files of the data directory: one is written while the other grows old, and is
 * emptied once nothing in it counts. A record is 8 bytes of time (milliseconds, big-endian) and 32 of SHA-256. They are written before the proof is
 * taken, and not flushed to the disk: the end of the process loses none, a loss of power the last ones.
 */
export function openUsedProofs(directory: string, now: number): UsedProofs & { close(): void } {
  const paths = NAMES.map((name) => join(directory, name))
  // An error of opening names the file; one of reading does not.
  const files = paths.map((path) => openSync(path, existsSync(path) ? 'r+' : 'w', 0o600))
  const kept = paths.map(recordsIn)
  const sizes = kept.map(({ length }) => length * RECORD_BYTES)
  let current = latest(kept[1]) > latest(kept[0]) ? 1 : 0
  let turnsAt = now + PROOF_MEMORY_MS
  const turn = (at: number): void => {
    if (at < turnsAt) return
    current = 1 - current
    ftruncateSync(files[current] as number)
    sizes[current] = 0
    turnsAt = at + PROOF_MEMORY_MS
  }
  return {
    earlier: new Map(
      kept
        .flat()
        .filter(({ until }) => until > now)
        .toSorted((a, b) => a.until - b.until)
        // A clock that was ahead has kept them for longer than a proof can be taken; whose they were is signed out (`takeClockBack`).
        .map(({ digest, until }) => [digest, Math.min(until, now + PROOF_MEMORY_MS)]),
    ),
    keep(digest, until) {
      try {
        turn(until - PROOF_MEMORY_MS)
        const record = Buffer.alloc(RECORD_BYTES)
        record.writeBigUInt64BE(BigInt(until))
        record.set(digest, TIME_BYTES)
        const position = sizes[current] as number
        const written = writeSync(files[current] as number, record, 0, RECORD_BYTES, position)
        // What was written in part is written over by the next one.
        if (written !== RECORD_BYTES) throw new Error(`${written} of ${RECORD_BYTES} bytes were written`)
        sizes[current] = position + RECORD_BYTES
      } catch (cause) {
        throw new PamError('STORE_UNAVAILABLE', `${paths[current]} cannot be written, so no proof is taken`, {
          side: 'gateway',
          cause,
        })
      }
    },
    close() {
      for (const file of files) closeSync(file)
    },
  }
}

interface UsedProof {
  /** base64url. */
  readonly digest: string
  readonly until: number
}

/** Whole records. What is behind the last of them was being written when the process ended: that proof was not taken. */
function recordsIn(path: string): UsedProof[] {
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  return Array.from({ length: Math.floor(bytes.length / RECORD_BYTES) }, (_, index) => {
    const record = bytes.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES)
    return { until: Number(record.readBigUInt64BE()), digest: record.subarray(TIME_BYTES).toString('base64url') }
  })
}

const latest = (records: readonly UsedProof[] = []): number => records.at(-1)?.until ?? 0

const NAMES = ['used-proofs.0', 'used-proofs.1']
const TIME_BYTES = 8
const RECORD_BYTES = TIME_BYTES + 32
