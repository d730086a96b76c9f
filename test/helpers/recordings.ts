import { createPublicKey } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandEvent, OpenedEvent, RecordedEvent } from '../../src/recording/event.ts'
import type { RecordReader } from '../../src/recording/encryption.ts'
import { readRecording } from '../../src/recording/read.ts'
import { generateSigningKeyPem, signerFromPem } from '../../src/recording/seal.ts'
import { Spool, type SpoolOptions } from '../../src/recording/spool.ts'

export const signer = signerFromPem(generateSigningKeyPem())
export const keys = [{ key: createPublicKey(signer.publicKeyPem) }]
export const macKey = Buffer.alloc(32, 7)

export const opened = (session = 'ses_1'): OpenedEvent => ({
  type: 'opened',
  version: 3,
  session,
  person: { id: 'jane', label: 'jane', kind: 'person' },
  target: 'prod',
  protocol: 'postgres',
  account: 'app',
  grant: { id: 'grt_1', rule: 'r', reason: 'x', endsAt: '2026-01-01T00:00:00.000Z' },
  policy: 'v',
})

export const command = (text: string, id = 'dec_1'): CommandEvent => ({
  type: 'command',
  id,
  verdict: 'allow',
  text,
  digest: 'd',
  kinds: ['select'],
  reads: [],
  writes: [],
})

export const openSpool = (directory: string, options: Partial<SpoolOptions> = {}): Spool =>
  new Spool({
    directory,
    macKey,
    detachedKey: Buffer.alloc(32, 9),
    signer,
    limit: 1e9,
    writeTimeout: 60_000,
    ...options,
  })

export const recorderOptions = (session = 'ses_1') => ({
  file: `2026-11/${session}.pamrec`,
  recipients: [] as readonly string[],
  strict: false,
  onFailure: () => {},
})

export async function eventsOf(file: string, reader?: RecordReader): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const { event } of readRecording(file, { reader })) events.push(event)
  return events
}

/** Files below a directory whose names end so, in order; none where nothing has made it yet. */
export const filesIn = (directory: string, ending: string): string[] =>
  (existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : [])
    .filter((file) => file.endsWith(ending))
    .toSorted()
    .map((file) => join(directory, file))

/** Once everything that was added is written. */
export const written = (recorder: { whenWritten(done: () => void): void }): Promise<void> =>
  new Promise((resolve) => recorder.whenWritten(resolve))
