import { createReadStream } from 'node:fs'
import { parseExactJson } from '../shared/exact-json.ts'
import type { RecordReader } from './encryption.ts'
import { decodePayload, type Frame } from './frame.ts'
import { CompactReader, type ReadEvent } from './read-compact.ts'
import type { SegmentSeal } from './seal.ts'
import {
  decodeCompact,
  decodeFramed,
  MAGIC,
  MAGIC_2,
  sha256,
  type ReadableBlock,
  type RecordVersion,
} from './segment.ts'
import { signatureCheck, type TrustedKey } from './trusted-keys.ts'

export type { ReadEvent }

export interface Segment {
  /** The version of the whole record. */
  readonly version: RecordVersion
  readonly seal: SegmentSeal
  readonly body: Buffer
  /** Its start and end in the file, in bytes. */
  readonly start: number
  readonly end: number
}

/** The file is not a valid recording; `segment` is the first segment that cannot be read, `at` its offset. */
export class BrokenRecording extends Error {
  readonly segment: number
  readonly at: number

  constructor(message: string, segment: number, at: number) {
    super(message)
    this.segment = segment
    this.at = at
  }
}

/** A stream of bytes: from a file, a home or the network. */
export type ByteSource = AsyncIterable<Uint8Array>

/**
 * The segments of a recording, one at a time in memory. Does not check whether they are genuine: that is `verify`. `accept` is called with
 * each seal before its body is read, and throws to reject it.
 */
export async function* readSegments(
  source: string | ByteSource,
  accept: (seal: SegmentSeal, version: RecordVersion, start: number) => void = () => {},
): AsyncGenerator<Segment, void, undefined> {
  const bytes = new Bytes(typeof source === 'string' ? createReadStream(source) : source)
  try {
    const magic = await bytes.take(MAGIC.length)
    const version = magic.toString('latin1') === MAGIC_2 ? 2 : 3
    if (version === 3 && magic.toString('latin1') !== MAGIC)
      throw new BrokenRecording(`is not a recording: it does not begin with ${MAGIC.trim()}`, 0, 0)
    for (let number = 0; ; number++) {
      const start = bytes.taken
      const broken = (what: string): BrokenRecording => new BrokenRecording(what, number, start)
      const length = await bytes.take(4)
      if (length.length === 0) return
      const size = length.length < 4 ? 0 : length.readUInt32BE()
      if (length.length < 4) throw broken(CUT_OFF)
      if (size < 2 || size > MAX_SEAL_LENGTH) throw broken('is not a segment')
      const json = await bytes.take(size)
      if (json.length < size) throw broken(CUT_OFF)
      const seal = parseSeal(json)
      if (seal === undefined) throw broken('has a seal that cannot be read')
      accept(seal, version, start)
      const body = await bytes.take(seal.bytes)
      if (body.length < seal.bytes) throw broken(CUT_OFF)
      yield { version, seal, body, start, end: bytes.taken }
    }
  } finally {
    await bytes.close()
  }
}

/** What is needed to read a recording from an untrusted source. */
export interface Trust {
  readonly keys: readonly TrustedKey[]
  /** Whether the session is open: then unsealed events come from the gateway itself. */
  readonly isOpen: boolean
}

/**
 * The events of a recording, in order. Encrypted segments that cannot be read are skipped and reported to `onHidden`. With `trust`, a
 * segment is unpacked only after its signature and its digest have been verified.
 */
export async function* readRecording(
  source: string | ByteSource,
  {
    reader,
    onHidden,
    from = 0,
    trust,
  }: {
    reader?: RecordReader | undefined
    trust?: Trust
    onHidden?: (seal: SegmentSeal) => void
    /** Segments that end before this event are not unpacked. */
    from?: number
  } = {},
): AsyncGenerator<ReadEvent, void, undefined> {
  for await (const segment of readSegments(source, trust && accepting(trust))) {
    const { seal, body, start } = segment
    if (trust !== undefined && sha256(body) !== seal.sha256)
      throw new BrokenRecording('has a body that is not the one that was sealed', seal.segment, start)
    if (seal.first + seal.events <= from) continue
    const events = await eventsOf(segment, reader)
    if (events === undefined) onHidden?.(seal)
    else yield* events
  }
}

function accepting({ keys, isOpen }: Trust): (seal: SegmentSeal, version: RecordVersion, start: number) => void {
  const signatureProblem = signatureCheck(keys)
  return (seal, version, start) => {
    const isOurs = isOpen && seal.encoding.endsWith('plain')
    const problem =
      seal.status !== 'unsealed' ? signatureProblem(seal, version) : isOurs ? undefined : 'has no signature'
    if (problem !== undefined) throw new BrokenRecording(problem, seal.segment, start)
  }
}

/** The events of a segment, one at a time; undefined if they are encrypted and there is no reader. */
async function eventsOf(segment: Segment, reader: RecordReader | undefined): Promise<Iterable<ReadEvent> | undefined> {
  const { version, seal, body, start } = segment
  const broken = (error: unknown): BrokenRecording =>
    new BrokenRecording(`has a body that cannot be read: ${(error as Error).message}`, seal.segment, start)
  try {
    if (version === 2) {
      const frames = await decodeFramed(seal, body, reader)
      return frames && readable(readFrames(frames), broken)
    }
    const blocks = await decodeCompact(seal, body, reader)
    const isHidden = seal.encoding === 'compact-hidden' && reader === undefined
    return isHidden ? undefined : blocks && readable(readBlocks(blocks, seal.first), broken)
  } catch (error) {
    throw broken(error)
  }
}

/** Yields the same items, and converts errors with `broken`. */
export function* readable<T>(events: Iterable<T>, broken: (error: unknown) => Error): Generator<T, void, undefined> {
  const iterator = events[Symbol.iterator]()
  for (;;) {
    let next: IteratorResult<T>
    try {
      next = iterator.next()
    } catch (error) {
      throw broken(error)
    }
    if (next.done === true) return
    yield next.value
  }
}

function* readFrames(frames: Iterable<Frame>): Generator<ReadEvent, void, undefined> {
  for (const { payload } of frames) yield decodePayload(payload)
}

function* readBlocks(blocks: Iterable<ReadableBlock>, first: number): Generator<ReadEvent, void, undefined> {
  const reader = new CompactReader(first)
  for (const { compact } of blocks) if (compact !== undefined) yield* reader.read(compact)
}

class Bytes {
  readonly #source: AsyncIterator<Uint8Array>
  #chunks: Buffer[] = []
  #held = 0
  #over = false
  taken = 0

  constructor(source: ByteSource) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next bytes; fewer if the source ends before. */
  async take(length: number): Promise<Buffer> {
    while (this.#held < length && !this.#over) {
      const { value, done } = await this.#source.next()
      if (done === true) this.#over = true
      else {
        this.#chunks.push(Buffer.from(value.buffer, value.byteOffset, value.length))
        this.#held += value.length
      }
    }
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    const out = all.subarray(0, length)
    this.#chunks = [all.subarray(out.length)]
    this.#held -= out.length
    this.taken += out.length
    return out
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

/** Parses a seal exactly as the gateway writes it: the fields in the table, in its order, and no other bytes. */
function parseSeal(json: Buffer): SegmentSeal | undefined {
  try {
    const text = json.toString('utf8')
    const seal = parseExactJson(text) as Record<string, unknown>
    if (!Buffer.from(text).equals(json)) return undefined
    const names = Object.keys(seal)
    const ordered = Object.keys(SEAL_FIELDS).filter((name) => names.includes(name))
    const isWhole =
      names.length === ordered.length &&
      names.every((name, index) => name === ordered[index]) &&
      Object.entries(SEAL_FIELDS).every(([name, isValid]) => isValid(seal[name]))
    return isWhole ? (seal as unknown as SegmentSeal) : undefined
  } catch {
    return undefined
  }
}

const isText =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value)
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const optional =
  (isValid: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || isValid(value)
/** Whether a time is as the gateway writes it: February 30 is not, though it can be parsed. */
const isTime = (value: unknown): boolean => {
  const time = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN
  return time >= 0 && new Date(time).toISOString() === value
}
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const isDigest = isText(/^[0-9a-f]{64}$/)

const SEAL_FIELDS: { readonly [name in keyof SegmentSeal]-?: (value: unknown) => boolean } = {
  session: isText(/^[\w-]{1,64}$/),
  segment: isCount,
  first: isCount,
  events: isCount,
  previous: isDigest,
  hash: isDigest,
  status: isText(/^(more|sealed|recovered|unsealed)$/),
  tail: optional(isText(/^(whole|short|altered)$/)),
  encoding: isText(/^(compact-)?(gzip|age|hidden|plain)$/),
  wrappedKey: optional(isText(/^[A-Za-z0-9+/]*={0,2}$/)),
  bytes: (value) => isCount(value) && (value as number) <= MAX_BODY,
  sha256: isDigest,
  at: isTime,
  key: isText(/^([0-9a-f]{16})?$/),
  signature: isText(/^[\w-]*$/),
}

/** The problem of a file whose last write was interrupted. */
export const CUT_OFF = 'is cut off'
const MAX_SEAL_LENGTH = 64 * 1024
/** Much more than any body that the gateway writes: a file that seems endless must not be read to its end. */
const MAX_BODY = 512 * 1024 * 1024
