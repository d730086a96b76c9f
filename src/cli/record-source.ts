import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { Option } from 'commander'
import type { RecordReader } from '../recording/encryption.ts'
import type { RecordedEvent } from '../recording/event.ts'
import { BrokenRecording, readRecording, type ByteSource, type ReadEvent } from '../recording/read.ts'
import { asPamError, UsageError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { looksLikeId } from '../shared/id.ts'
import type { CliContext } from './context.ts'
import { needId, refuseOtherKinds } from './ids.ts'

/** A record by the id of its session, from the gateway, or by its file. */
export async function openRecord(
  { client }: CliContext,
  source: string,
  purpose: 'viewed' | 'exported' | 'verified',
): Promise<ByteSource> {
  if (looksLikeId(source, ['ses']) && !existsSync(source)) return (await client()).sessions.recording(source, purpose)
  if (!existsSync(source)) {
    refuseOtherKinds(source, 'ses')
    throw new UsageError(`no session and no file is called ${source}`)
  }
  return recordFile(source)
}

/** The bytes of a file; a UsageError where it cannot be read. */
export async function* recordFile(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>
  } catch (error) {
    throw new UsageError(fileProblem(file, error))
  }
}

export const identityOption = (): Option =>
  new Option('--identity <file>', 'age identity file to decrypt recordings with').env('PAMCTL_IDENTITY')

/** The identities in a file as age-keygen writes it. */
export async function readIdentities(file: string | undefined): Promise<RecordReader | undefined> {
  if (file === undefined) return undefined
  try {
    const identities = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
    if (identities.length === 0) throw new Error('no identity in it')
    // Most records are read without: what decrypts is loaded where it is needed.
    const { recordReader } = await import('../recording/encryption.ts')
    return recordReader(identities)
  } catch (error) {
    throw new UsageError(`--identity: ${fileProblem(file, error)}`, 'expected a file as age-keygen writes it')
  }
}

/** The events of a record. Says on stderr what of it cannot be read, and fails where the file is no record. */
export async function* readEvents(
  context: CliContext,
  source: string,
  options: { readonly identity?: string; readonly purpose: 'viewed' | 'exported' },
): AsyncGenerator<ReadEvent, void, undefined> {
  const reader = await readIdentities(options.identity)
  const bytes = await openRecord(context, source, options.purpose)
  let hidden = 0
  try {
    yield* readRecording(bytes, { reader, onHidden: (seal) => (hidden += seal.events) })
  } catch (error) {
    if (!(error instanceof BrokenRecording)) throw error
    throw error.message.startsWith('is not a recording')
      ? new UsageError(`${source} is not a recording`, 'give the id of a session, or a file that "pamctl export" wrote')
      : new UsageError(`${source}: segment ${error.segment} ${error.message}`, 'run "pamctl verify" for details')
  }
  if (hidden > 0) context.io.note(`${hidden} events are encrypted: give --identity to read them`)
}

/**
 * What a live session has on record, then what happens in it until it ends. What is in both comes once, and what is in neither is read again. Of a
 * session that has ended, its record.
 */
export async function* watchedEvents(
  { client }: Pick<CliContext, 'client'>,
  session: string,
  read: () => AsyncGenerator<ReadEvent, void, undefined>,
): AsyncGenerator<ReadEvent, void, undefined> {
  needId(session, 'ses')
  const live = (await client()).sessions.tail(session)
  const first = live.next().catch((error: unknown) => {
    if (asPamError(error).code !== 'ALREADY_DECIDED') throw error
    return undefined
  })
  // Said once it is awaited.
  first.catch(() => {})
  let last = -1
  let hasEnded = false
  const rest = async function* (before: number): AsyncGenerator<ReadEvent, void, undefined> {
    for await (const past of read()) {
      if (past.event.seq <= last || past.event.seq >= before) continue
      last = past.event.seq
      hasEnded = past.event.type === 'ended'
      yield past
    }
  }
  yield* rest(Infinity)
  let line = await first
  if (line === undefined && !hasEnded) yield* rest(Infinity)
  for (; line !== undefined && line.done !== true; line = await live.next()) {
    const { event, data } = liveEvent(line.value)
    if (event.seq <= last) continue
    // What was sealed after the record was read, and before the stream began.
    if (event.seq > last + 1) yield* rest(event.seq)
    last = event.seq
    yield { event, data }
  }
}

/** A line of a live stream: an event, and bytes of a terminal in base64. */
export function liveEvent(line: string): ReadEvent {
  const { data, ...event } = JSON.parse(line) as RecordedEvent & { data?: string }
  return { event, data: data === undefined ? undefined : Buffer.from(data, 'base64') }
}
