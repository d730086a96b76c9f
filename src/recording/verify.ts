import { createPublicKey, type KeyObject } from 'node:crypto'
import type { RecordReader } from './encryption.ts'
import { decodePayload, firstHash, nextHash } from './frame.ts'
import { BrokenRecording, readSegments, type ByteSource, type Segment } from './read.ts'
import { keyIdOf, SEAL_PURPOSE, statementVerifies, type RecoveredTail, type SegmentSeal } from './seal.ts'
import { decodeBody, sha256 } from './segment.ts'

export type Verification =
  | {
      readonly status: 'sealed' | 'recovered'
      readonly session: string
      readonly events: number
      readonly segments: number
      readonly at: string
      readonly key: string
      /** Of a recovered one: what is known about its end. */
      readonly tail?: RecoveredTail
      /** Events in segments that could not be read without an identity: their seals hold, they themselves are not checked. */
      readonly hidden: number
    }
  /** Everything that is sealed holds, and the end is missing: the session is still open, or the file was cut. */
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
      /** The first event that does not hold, where it can be told. */
      readonly event?: number
    }

/** A public key of the gateway and when it was in use. */
export interface TrustedKey {
  readonly key: KeyObject
  /** Milliseconds since 1970; a seal from outside of this time is not believed. */
  readonly from?: number
  readonly until?: number
}

/** Checks a recording against public keys, offline. Names the first segment, and event, that does not hold. */
export async function verifyRecording(
  source: string | ByteSource,
  keys: readonly TrustedKey[],
  reader?: RecordReader,
): Promise<Verification> {
  const chain = new RecordingVerifier(keys, reader)
  try {
    for await (const segment of readSegments(source)) await chain.check(segment)
  } catch (error) {
    if (error instanceof Broken) return { status: 'invalid', ...chain.where, ...error.at, reason: error.message }
    if (error instanceof BrokenRecording)
      return { status: 'invalid', ...chain.where, segment: error.segment, reason: error.message }
    throw error
  }
  return chain.result()
}

/** Something does not hold; `at` says where. */
export class Broken extends Error {
  readonly at: { readonly segment: number; readonly event?: number }

  constructor(message: string, at: Broken['at']) {
    super(message)
    this.at = at
  }
}

/** Checks a recording segment by segment; throws `Broken` at the first that does not hold. */
export class RecordingVerifier {
  readonly #keys: readonly (TrustedKey & { readonly id: string })[]
  readonly #reader: RecordReader | undefined
  #session: string | undefined
  #hash: Buffer | undefined
  #segments = 0
  #events = 0
  #hidden = 0
  #ended = false
  #last: SegmentSeal | undefined

  constructor(keys: readonly TrustedKey[], reader: RecordReader | undefined) {
    this.#keys = keys.map((trusted) => ({ ...trusted, id: keyIdOf(trusted.key) }))
    this.#reader = reader
  }

  get where(): { session: string | undefined; segment: number } {
    return { session: this.#session, segment: this.#segments }
  }

  async check({ seal, body }: Segment): Promise<void> {
    const at = { segment: this.#segments }
    if (this.#last !== undefined && this.#last.status !== 'more')
      throw new Broken('comes after the segment that says it is the last', at)
    this.#checkSeal(seal, body)
    this.#session = seal.session
    this.#hash ??= firstHash(seal.session)
    if (seal.previous !== this.#hash.toString('hex'))
      throw new Broken('does not follow from the segment before it: something between them is missing or changed', at)
    await this.#checkEvents(seal, body)
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

  #checkSeal(seal: SegmentSeal, body: Buffer): void {
    const at = { segment: this.#segments }
    if (sha256(body) !== seal.sha256) throw new Broken('has a body that is not the one that was sealed', at)
    if (seal.status !== 'unsealed') {
      const trusted = this.#keys.find(({ id }) => id === seal.key)
      if (trusted === undefined)
        throw new Broken(`is sealed with key ${seal.key}, which is not among the keys given`, at)
      if (!statementVerifies(SEAL_PURPOSE, seal, trusted.key))
        throw new Broken('has a signature that does not hold', at)
      const when = Date.parse(seal.at)
      if (!(when >= (trusted.from ?? -Infinity) && when <= (trusted.until ?? Infinity)))
        throw new Broken(`is sealed at ${seal.at}, when key ${seal.key} was not in use`, at)
    }
    const { status, encoding, key, signature, tail, wrappedKey } = seal
    const isConsistent =
      (status === 'recovered') === (tail !== undefined) &&
      (encoding === 'hidden') === (wrappedKey !== undefined) &&
      (status === 'unsealed') === (encoding === 'plain') &&
      (status === 'unsealed') === (key === '' && signature === '')
    if (!isConsistent) throw new Broken('has a seal whose fields contradict each other', at)
    if (this.#session !== undefined && seal.session !== this.#session)
      throw new Broken(`belongs to ${seal.session}, not to ${this.#session}`, at)
    if (seal.segment !== this.#segments)
      throw new Broken(`is segment ${seal.segment} where ${this.#segments} should be`, at)
    if (seal.first !== this.#events)
      throw new Broken(`begins with event ${seal.first} where ${this.#events} should be`, at)
  }

  async #checkEvents(seal: SegmentSeal, body: Buffer): Promise<void> {
    const segment = this.#segments
    const frames = await decodeBody(seal, body, this.#reader).catch((error: unknown) => {
      throw new Broken(`has a body that cannot be read: ${(error as Error).message}`, { segment })
    })
    if (frames === undefined) {
      this.#hidden += seal.events
      this.#hash = Buffer.from(seal.hash, 'hex')
      return
    }
    if (frames.length !== seal.events)
      throw new Broken(`has ${frames.length} events where its seal says ${seal.events}`, { segment })
    for (const [index, { hash, payload }] of frames.entries()) {
      const at = { segment, event: seal.first + index }
      const expected = nextHash(this.#hash as Buffer, payload)
      if (!expected.equals(hash))
        throw new Broken('does not follow from the events before it: it or one of them was changed', at)
      this.#hash = expected
      this.#checkEvent(payload, at)
    }
    if ((this.#hash as Buffer).toString('hex') !== seal.hash)
      throw new Broken('ends with another event than its seal says', { segment })
    if ((seal.status === 'sealed' || seal.status === 'recovered') && !this.#ended)
      throw new Broken('says it is the last, and the session has no end in it', { segment })
  }

  #checkEvent(payload: Buffer, at: { segment: number; event: number }): void {
    const event = (() => {
      try {
        return decodePayload(payload).event
      } catch {
        throw new Broken('is not an event', at)
      }
    })()
    if (event.seq !== at.event) throw new Broken(`says it is event ${event.seq}`, at)
    if ((at.event === 0) !== (event.type === 'opened')) throw new Broken('is not what a recording begins with', at)
    if (event.type === 'opened' && event.session !== this.#session)
      throw new Broken(`opens ${event.session}, and the seal names ${this.#session}`, at)
    if (this.#ended) throw new Broken('comes after the end of the session', at)
    this.#ended = event.type === 'ended'
  }
}

/**
 * The keys in a file such as gateway.pub: PEM blocks, each with a line `# key ID from … until …` before it. One key alone may come without
 * that line. Throws where a line does not belong to the key after it, or a key among several has none: without its time a retired key
 * would be good for ever.
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

/** The same of keys whose times are at hand. */
export const trustedKeys = (
  keys: readonly { readonly publicKey: string; readonly from: string; readonly until?: string }[],
): TrustedKey[] =>
  keys.map(({ publicKey, from, until }) => ({
    key: publicKeyFromPem(publicKey),
    from: Date.parse(from),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
  }))

/** Whether another key has taken the place of this one. */
export const isRetired = (keys: readonly TrustedKey[], id: string): boolean =>
  keys.some(({ key, until }) => until !== undefined && keyIdOf(key) === id)

/** Throws where the text is not an Ed25519 public key in PEM. */
export function publicKeyFromPem(pem: string): KeyObject {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('expected an Ed25519 public key')
  return key
}
