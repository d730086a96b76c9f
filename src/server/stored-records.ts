import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { detachedFileOf, detachedKey, parseDetached, showDetached, type DetachedLine } from '../recording/detached.ts'
import { Retained, type Home } from '../recording/homes/home.ts'
import type { SessionRecorder } from '../recording/recorder.ts'
import { encodeSegment, encodeUnpacked, MAGIC, sha256 } from '../recording/segment.ts'
import type { Spool } from '../recording/spool.ts'
import { PamError } from '../shared/errors.ts'
import type { evidenceState } from '../storage/evidence-state.ts'
import type { RecordingRow } from '../storage/recordings.ts'

export interface StoredRecordsParts {
  /** Of the spool. */
  readonly directory: string
  readonly spool: Pick<Spool, 'recorder'>
  readonly home: Home
  readonly detachedKey: Buffer
  readonly state: Pick<ReturnType<typeof evidenceState>, 'detachedNotErased'>
}

/** Records for those who may see them, wherever they are: open, in the spool, or in their home. */
export class StoredRecords {
  readonly #parts: StoredRecordsParts

  constructor(parts: StoredRecordsParts) {
    this.#parts = parts
  }

  /** A session's record as it stands now; an open one without its end. NOT_FOUND where it is gone from every place. */
  read(row: RecordingRow): Promise<Readable> {
    const recorder = this.#parts.spool.recorder(row.sessionId)
    return recorder === undefined ? this.#openStored(row) : Promise.resolve(Readable.from(whatIsThere(recorder)))
  }

  /** The detached texts; none where they were erased. One that is damaged says so, and keeps none of the others from being read. */
  async readDetached(row: RecordingRow): Promise<DetachedText[]> {
    const file = detachedFileOf(row.file)
    const spooled = this.#inSpool(file)
    const stored = (await exists(spooled)) ? createReadStream(spooled) : await this.#parts.home.read(file)
    const key = detachedKey(this.#parts.detachedKey, row.sessionId)
    return stored === undefined ? [] : parseDetached(await buffer(stored)).map((line) => detachedText(line, key))
  }

  /** NOT_ALLOWED where they are not in the home yet, or the home keeps them for now. */
  async eraseDetached(row: RecordingRow): Promise<void> {
    const { home, state } = this.#parts
    if (row.state !== 'stored')
      throw new PamError('NOT_ALLOWED', `the record of ${row.sessionId} is not in its home yet`, {
        hint: 'run it again once the recording is stored: texts are erased only there',
      })
    try {
      await home.remove(detachedFileOf(row.file))
    } catch (error) {
      const problem = (error as Error).message
      await state.detachedNotErased(row, problem)
      if (!(error instanceof Retained)) throw error
      throw new PamError('NOT_ALLOWED', `the texts of ${row.sessionId} are not erased: ${problem}`, {
        hint: 'erase them again after that',
      })
    }
  }

  async #openStored(row: RecordingRow): Promise<Readable> {
    // Opened here: a record that moves to its home meanwhile is still read from the spool.
    const spooled = await open(this.#inSpool(row.file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (spooled !== undefined) return spooled.createReadStream()
    // It may have been sealed, and moved, since the row was read.
    const stored =
      row.state !== 'deleted' && row.state !== 'missing' ? await this.#parts.home.read(row.file) : undefined
    if (stored !== undefined) return stored
    throw new PamError('NOT_FOUND', `the record of ${row.sessionId} is ${row.state}`)
  }

  readonly #inSpool = (file: string): string => join(this.#parts.directory, file)
}

/** One text of a file, as auditors get it. */
export interface DetachedText {
  /** Empty where the line does not say it. */
  readonly id: string
  readonly salt: string
  readonly text: string
  /** Why the text cannot be read. */
  readonly problem?: string
}

function detachedText({ line, entry }: DetachedLine, key: Buffer): DetachedText {
  const damaged = (problem: string): DetachedText => ({ id: entry?.id ?? '', salt: '', text: '', problem })
  if (entry === undefined) return damaged(`line ${line} is damaged`)
  try {
    return { id: entry.id, salt: entry.salt, text: showDetached({ key }, entry).text }
  } catch {
    return damaged(`line ${line} is damaged, or was encrypted under another key`)
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** What is sealed of an open record, and the rest as segments without a signature. */
async function* whatIsThere(recorder: SessionRecorder): AsyncGenerator<Buffer, void, undefined> {
  const { path, bytes, segments, sealed } = recorder.snapshot()
  // An encrypted record is not given away in the clear because it is still open.
  const unsealed = recorder.isEncrypted ? [] : segments.map((segment) => [segment.first, segment.blocks()] as const)
  if (bytes === 0) yield Buffer.from(MAGIC)
  else for await (const chunk of createReadStream(path, { end: bytes - 1 })) yield chunk as Buffer
  let previous = sealed.hash
  for (const [index, [first, blocks]] of unsealed.entries()) {
    const body = encodeUnpacked('compact-plain', previous, blocks)
    yield encodeSegment(
      {
        session: recorder.session,
        segment: sealed.segments + index,
        first,
        events: body.events,
        previous: previous.toString('hex'),
        hash: body.hash.toString('hex'),
        status: 'unsealed',
        encoding: body.encoding,
        bytes: body.bytes.length,
        sha256: sha256(body.bytes),
        at: new Date().toISOString(),
        key: '',
        signature: '',
      },
      body.bytes,
    )
    previous = body.hash
  }
}
