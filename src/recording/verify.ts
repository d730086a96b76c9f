import { createPublicKey, type KeyObject } from 'node:crypto'
import { BLOCK_EVENTS, firstBlockHash, isChecked, nextBlockHash } from './compact-format.ts'
import type { RecordReader } from './encryption.ts'
import type { RecordedEvent } from './event.ts'
import { decodePayload, firstHash, nextHash } from './frame.ts'
import { BrokenRecording, readable, readSegments, type ByteSource, type Segment } from './read.ts'
import { CompactReader } from './read-compact.ts'
import { keyIdOf, type RecoveredTail, type SegmentSeal } from './seal.ts'
import { decodeCompact, decodeFramed, sha256, type ReadableBlock, type RecordVersion } from './segment.ts'
import { signatureCheck, type TrustedKey } from './trusted-keys.ts'

export type { TrustedKey }

export type Verification =
  | {
      readonly status: 'sealed' | 'recovered'
      readonly session: string
      readonly events: number
      readonly segments: number
      readonly at: string
      readonly key: string
      /** For a recovered recording: what is known about its end. */
      readonly tail?: RecoveredTail
      /**
       * The number of events in segments that could not be read without an identity: their seals are valid, the events themselves are not
       * checked.
       */
      readonly hidden: number
    }
  /** All seals are valid and the end is missing: the session is still open, or the file was cut. */
  | {
      readonly status: 'open'
      readonly session: string | undefined
      readonly events: number
      readonly segments: number
      readonly hidden: number
    }
  | {
      readonly status: 'invalid'
      readonly session: string | undefined
      readonly reason: string
      readonly segment: number
      /** The first invalid event, if it can be determined; with `lastEvent`, one from `event` to that. */
      readonly event?: number
      readonly lastEvent?: number
    }

/** Checks a recording against public keys, offline. Names the first invalid segment, and its events. */
export async function verifyRecording(
  source: string | ByteSource,
  keys: readonly TrustedKey[],
  reader?: RecordReader,
): Promise<Verification> {
  const chain = new RecordingVerifier(keys, reader)
  try {
    const segments = readSegments(source, (seal, version) => chain.accept(seal, version))
    for await (const segment of segments) await chain.check(segment)
  } catch (error) {
    if (error instanceof Broken) return { status: 'invalid', ...chain.where, ...error.at, reason: error.message }
    if (error instanceof BrokenRecording)
      return { status: 'invalid', ...chain.where, segment: error.segment, reason: error.message }
    throw error
  }
  return chain.result()
}

/** The recording is invalid; `at` says where. */
export class Broken extends Error {
  readonly at: { readonly segment: number; readonly event?: number; readonly lastEvent?: number }

  constructor(message: string, at: Broken['at']) {
    super(message)
    this.at = at
  }
}

/** Checks a recording segment by segment; throws `Broken` at the first invalid one. */
export class RecordingVerifier {
  readonly #signatureProblem: ReturnType<typeof signatureCheck>
  readonly #reader: RecordReader | undefined
  #session: string | undefined
  #hash: Buffer | undefined
  #segments = 0
  #events = 0
  #hidden = 0
  #ended = false
  #last: SegmentSeal | undefined
  /** A seal whose signature is valid. */
  #accepted: SegmentSeal | undefined

  constructor(keys: readonly TrustedKey[], reader: RecordReader | undefined) {
    this.#signatureProblem = signatureCheck(keys)
    this.#reader = reader
  }

  get where(): { session: string | undefined; segment: number } {
    return { session: this.#session, segment: this.#segments }
  }

  /** Checks the signature of the next segment, so that the body of an unsigned segment is never read. */
  accept(seal: SegmentSeal, version: RecordVersion): void {
    const problem = seal.status === 'unsealed' ? undefined : this.#signatureProblem(seal, version)
    if (problem !== undefined) throw new Broken(problem, { segment: this.#segments })
    this.#accepted = seal
  }

  async check(segment: Segment): Promise<void> {
    const { version, seal } = segment
    const at = { segment: this.#segments }
    const follows = this.#last?.status === 'more' || (version === 3 && bothUnsealed(this.#last, seal))
    if (this.#last !== undefined && !follows) throw new Broken('comes after the segment that says it is the last', at)
    this.#checkSeal(segment)
    this.#session = seal.session
    this.#hash ??= version === 2 ? firstHash(seal.session) : firstBlockHash(seal.session)
    if (seal.previous !== this.#hash.toString('hex'))
      throw new Broken('does not follow from the segment before it: something between them is missing or changed', at)
    const isRead = version === 2 ? await this.#checkFrames(segment) : await this.#checkBlocks(segment)
    if (isRead) this.#checkEnd(seal)
    else this.#hidden += seal.events
    this.#events += seal.events
    this.#segments++
    this.#last = seal
  }

  result(): Verification {
    const counts = { events: this.#events, segments: this.#segments, hidden: this.#hidden }
    const last = this.#last
    if (last === undefined || last.status === 'more' || last.status === 'unsealed')
      return { status: 'open', session: this.#session, ...counts }
    return {
      status: last.status,
      session: last.session,
      ...counts,
      at: last.at,
      key: last.key,
      ...(last.tail === undefined ? {} : { tail: last.tail }),
    }
  }

  #checkSeal({ version, seal, body }: Segment): void {
    const at = { segment: this.#segments }
    if (this.#accepted !== seal) this.accept(seal, version)
    if (sha256(body) !== seal.sha256) throw new Broken('has a body that is not the one that was sealed', at)
    const { status, encoding, key, signature, tail, wrappedKey } = seal
    const isConsistent =
      (status === 'recovered') === (tail !== undefined) &&
      encoding.startsWith('compact-') === (version === 3) &&
      encoding.endsWith('hidden') === (wrappedKey !== undefined) &&
      (status === 'unsealed') === encoding.endsWith('plain') &&
      (status === 'unsealed') === (key === '' && signature === '')
    if (!isConsistent) throw new Broken('has a seal whose fields contradict each other', at)
    if (this.#session !== undefined && seal.session !== this.#session)
      throw new Broken(`belongs to ${seal.session}, not to ${this.#session}`, at)
    if (seal.segment !== this.#segments)
      throw new Broken(`is segment ${seal.segment} where ${this.#segments} should be`, at)
    if (seal.first !== this.#events)
      throw new Broken(`begins with event ${seal.first} where ${this.#events} should be`, at)
  }

  /** Checks events of version 2. False if they cannot be read. */
  async #checkFrames({ seal, body }: Segment): Promise<boolean> {
    const segment = this.#segments
    const frames = await this.#decoded(seal, decodeFramed(seal, body, this.#reader), () => 1)
    if (frames === undefined) {
      this.#hash = Buffer.from(seal.hash, 'hex')
      return false
    }
    let number = seal.first
    for (const { hash, payload } of frames) {
      const at = { segment, event: number++ }
      const expected = nextHash(this.#hash as Buffer, payload)
      if (!expected.equals(hash))
        throw new Broken('does not follow from the events before it: it or one of them was changed', at)
      this.#hash = expected
      let event: RecordedEvent
      try {
        event = decodePayload(payload).event
      } catch {
        throw new Broken('is not an event', at)
      }
      this.#checkEvent(event, at, 2)
    }
    this.#checkHash(seal)
    return true
  }

  /** Checks events of version 3. False if they cannot be read; for blocks that are encrypted one by one the chain is checked even then. */
  async #checkBlocks({ seal, body }: Segment): Promise<boolean> {
    const segment = this.#segments
    const blocks = await this.#decoded(seal, decodeCompact(seal, body, this.#reader), ({ events }) => events)
    if (blocks === undefined) {
      this.#hash = Buffer.from(seal.hash, 'hex')
      return false
    }
    const end = seal.first + seal.events
    const reader = new CompactReader(seal.first)
    let first = seal.first
    let isRead = true
    for (const block of blocks) {
      const at = { segment, event: first, lastEvent: first + block.events - 1 }
      const isPart = seal.encoding === 'compact-hidden' || (first + block.events === end && block.events < BLOCK_EVENTS)
      if (block.events !== BLOCK_EVENTS && !isPart) throw new Broken('are no block as the gateway writes them', at)
      this.#hash = nextBlockHash(this.#hash as Buffer, block)
      if (!isChecked(block, this.#hash))
        throw new Broken('do not follow from the events before them: they or some of those were changed', at)
      if (block.compact === undefined) isRead = false
      else this.#checkBlock(reader, block, segment)
      first += block.events
    }
    this.#checkHash(seal)
    return isRead
  }

  #checkBlock(reader: CompactReader, { events, compact }: ReadableBlock, segment: number): void {
    const end = reader.seq + events
    const read = reader.read(compact as Buffer)
    for (;;) {
      const at = { segment, event: reader.seq }
      let event: RecordedEvent | undefined
      try {
        event = read.next().value?.event
      } catch (error) {
        throw new Broken(`is not an event: ${(error as Error).message}`, at)
      }
      if (event === undefined) break
      if (event.seq >= end) throw new Broken('is one more than its block says', at)
      this.#checkEvent(event, at, 3)
    }
    if (reader.seq < end) throw new Broken('is missing from its block', { segment, event: reader.seq })
  }

  /** The parts of a body, one after the other; checks that they have the number of events in the seal. */
  async #decoded<T>(
    { events }: SegmentSeal,
    decoding: Promise<Iterable<T> | undefined>,
    eventsIn: (part: T) => number,
  ): Promise<Iterable<T> | undefined> {
    const segment = this.#segments
    const broken = (error: unknown): Broken =>
      new Broken(`has a body that cannot be read: ${(error as Error).message}`, { segment })
    let parts: Iterable<T> | undefined
    try {
      parts = await decoding
    } catch (error) {
      throw broken(error)
    }
    return parts && counted(parts)

    function* counted(iterable: Iterable<T>): Generator<T, void, undefined> {
      let found = 0
      for (const part of readable(iterable, broken)) {
        found += eventsIn(part)
        if (found > events) throw new Broken(`has more events than the ${events} that its seal says`, { segment })
        yield part
      }
      if (found < events) throw new Broken(`has ${found} events where its seal says ${events}`, { segment })
    }
  }

  #checkEvent(event: RecordedEvent, at: { segment: number; event: number }, version: RecordVersion): void {
    if (event.seq !== at.event) throw new Broken(`says it is event ${event.seq}`, at)
    if ((at.event === 0) !== (event.type === 'opened')) throw new Broken('is not what a recording begins with', at)
    if (event.type === 'opened' && event.session !== this.#session)
      throw new Broken(`opens ${event.session}, and the seal names ${this.#session}`, at)
    if (event.type === 'opened' && version === 3 && event.version !== 3)
      throw new Broken(`opens a record of version ${event.version} in one of version 3`, at)
    if (this.#ended) throw new Broken('comes after the end of the session', at)
    this.#ended = event.type === 'ended'
  }

  #checkHash({ hash }: SegmentSeal): void {
    if (this.#hash?.toString('hex') !== hash)
      throw new Broken('ends with another event than its seal says', { segment: this.#segments })
  }

  #checkEnd({ status }: SegmentSeal): void {
    if ((status === 'sealed' || status === 'recovered') && !this.#ended)
      throw new Broken('says it is the last, and the session has no end in it', { segment: this.#segments })
  }
}

/** The unsealed events of an open session may be several segments. */
const bothUnsealed = (last: SegmentSeal | undefined, seal: SegmentSeal): boolean =>
  last?.status === 'unsealed' && seal.status === 'unsealed'

/**
 * The keys in a file such as gateway.pub: PEM blocks, each with a line `# key ID from … until …` before it. A single key may come without
 * that line. Throws if a line does not belong to the key after it, or one of several keys has no line: without its period a retired key
 * would be trusted forever.
 */
export function parseTrustedKeys(text: string): TrustedKey[] {
  const keys: TrustedKey[] = []
  let about: string | undefined
  for (const [part] of text.matchAll(/-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----|^#.*$/gm)) {
    if (!part.startsWith('#')) {
      keys.push({ key: publicKeyFromPem(part), ...(about === undefined ? {} : timeOf(about, part)) })
      about = undefined
    } else if (about !== undefined) throw new Error(`no key follows the line "${about}"`)
    else if (/\b(?:from|until)\b/.test(part)) about = part.trim()
  }
  if (about !== undefined) throw new Error(`no key follows the line "${about}"`)
  if (keys.length > 1 && keys.some(({ from }) => from === undefined))
    throw new Error('several keys, and not each has a line "# key ID from TIME until TIME" before it')
  return keys
}

function timeOf(about: string, pem: string): { from: number; until?: number } {
  const [, id, from = '', until] = /^# key (\w+) from (\S+)(?: until (\S+))?$/.exec(about) ?? []
  const times = [from, ...(until === undefined ? [] : [until])].map((time) => Date.parse(time))
  if (id === undefined || times.some((time) => Number.isNaN(time)))
    throw new Error(`the line "${about}" is not of the form "# key ID from TIME until TIME"`)
  if (id !== keyIdOf(publicKeyFromPem(pem))) throw new Error(`the key after the line "${about}" is another one`)
  const [start = Number.NaN, end] = times
  return { from: start, ...(end === undefined ? {} : { until: end }) }
}

/** The same for keys whose periods are known. */
export const trustedKeys = (
  keys: readonly { readonly publicKey: string; readonly from: string; readonly until?: string }[],
): TrustedKey[] =>
  keys.map(({ publicKey, from, until }) => ({
    key: publicKeyFromPem(publicKey),
    from: Date.parse(from),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
  }))

/** Whether another key has replaced this one. */
export const isRetired = (keys: readonly TrustedKey[], id: string): boolean =>
  keys.some(({ key, until }) => until !== undefined && keyIdOf(key) === id)

/** Throws if the text is not an Ed25519 public key in PEM. */
export function publicKeyFromPem(pem: string): KeyObject {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('expected an Ed25519 public key')
  return key
}
