import {
  ABSENT,
  BLOCK_EVENTS,
  DECISION,
  DECISION_ALPHABET,
  DECISION_LENGTH,
  DIGEST,
  itemKinds,
  MAX_UINT32,
  NULL_VALUE,
  type BlockContent,
} from './compact-format.ts'
import type { CommandEvent, EventBody, ResultEvent } from './event.ts'

/** What was added since the journal last took something. */
export interface Taken {
  /** Number of the first event, and how many there are. */
  readonly first: number
  readonly events: number
  readonly bytes: Buffer
  /** It is the beginning of a segment. */
  readonly begins: boolean
  /** The session's last event is in it. */
  readonly ends: boolean
}

/** The events of a session that are not sealed yet, as they will stand in their segment: added at the end of one buffer. */
export class OpenSegment {
  /** Number of its first event. */
  readonly first: number
  #bytes: Buffer
  #length = 0
  #events = 0
  /** Where each block ends that is full. */
  readonly #blocks: number[] = []
  #taken = 0
  #takenEvents = 0
  #ends = false
  /** A time as both clocks had it, which the events after it are told from. */
  #wall = 0
  #ms = 0
  /** What is the same in all commands that say that they do the same, by one of their lists: it is one object each time. */
  readonly #templates = new Map<readonly string[], Template>()
  #templateCount = 0
  /** Numbers of the commands that have no result yet. */
  readonly #commands = new Map<string, number>()

  constructor(first: number, room = 2048) {
    this.first = first
    this.#bytes = Buffer.allocUnsafe(room)
  }

  /** In bytes. */
  get length(): number {
    return this.#length
  }

  get events(): number {
    return this.#events
  }

  /** As far as it goes now; memory that is not written again. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** `wall` and `ms`: the time, in milliseconds since 1970, and since the session was opened. Returns the first as it can be read back. */
  add(body: EventBody, data: Uint8Array | undefined, wall: number, ms: number): number {
    let since = ms - this.#ms
    if (this.#events === 0 || since > MAX_UINT32 || Math.abs(wall - this.#wall - since) > CLOCKS_APART) {
      this.#time(wall, ms)
      since = 0
    }
    if (body.type === 'terminal' || data !== undefined) this.#data(body, data ?? NO_DATA, since)
    else if (body.type === 'command') this.#command(body, since)
    else if (body.type !== 'result' || !this.#result(body, since)) this.#json(body, since)
    if (body.type === 'ended') this.#ends = true
    this.#events++
    if (this.#events % BLOCK_EVENTS === 0) this.#blocks.push(this.#length)
    return this.#wall + since
  }

  /** What the journal has not taken yet. */
  take(): Taken | undefined {
    const start = this.#taken
    const before = this.#takenEvents
    if (this.#events === before) return undefined
    this.#taken = this.#length
    this.#takenEvents = this.#events
    return {
      first: this.first + before,
      events: this.#events - before,
      bytes: this.#bytes.subarray(start, this.#length),
      begins: before === 0,
      ends: this.#ends,
    }
  }

  blocks(): BlockContent[] {
    const blocks: BlockContent[] = []
    let start = 0
    for (const end of this.#blocks) {
      blocks.push({ events: BLOCK_EVENTS, bytes: this.#bytes.subarray(start, end) })
      start = end
    }
    const rest = this.#events % BLOCK_EVENTS
    if (rest > 0) blocks.push({ events: rest, bytes: this.#bytes.subarray(start, this.#length) })
    return blocks
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }

  #time(wall: number, ms: number): void {
    this.#room(13)
    const bytes = this.#bytes
    bytes[this.#length] = itemKinds.time
    bytes.writeUIntBE(wall, this.#length + 1, 6)
    bytes.writeUIntBE(ms, this.#length + 7, 6)
    this.#length += 13
    this.#wall = wall
    this.#ms = ms
  }

  #json(body: EventBody, since: number): void {
    if (body.type === 'command') this.#commands.set(body.id, this.#events)
    const json = JSON.stringify(body)
    this.#room(9 + MAX_CHARACTER_LENGTH * json.length)
    this.#head(itemKinds.json, since)
    this.#text(json)
  }

  #data(body: EventBody, data: Uint8Array, since: number): void {
    if (body.type !== 'terminal') throw new Error(`bytes beside an event of type ${body.type}`)
    const json = JSON.stringify(body)
    this.#room(13 + MAX_CHARACTER_LENGTH * json.length + data.length)
    this.#head(itemKinds.data, since)
    this.#text(json)
    this.#uint32(data.length)
    this.#bytes.set(data, this.#length)
    this.#length += data.length
  }

  /** The first of its kind as JSON, the second with what the two have in common, all others with reference to that. */
  #command(event: CommandEvent, since: number): void {
    // No template has operations.
    if (event.operations !== undefined) return this.#json(event, since)
    const known = this.#templates.get(event.kinds)
    if (known === undefined) {
      if (this.#templates.size < MAX_TEMPLATES) this.#templates.set(event.kinds, { of: event, number: UNSAID })
      return this.#json(event, since)
    }
    if (event.apart !== undefined) return this.#json(event, since)
    if (!isSame(known.of, event)) {
      // Texts that differ in constants do the same: the one that comes twice in a row is described.
      if (known.number === UNSAID) known.of = event
      return this.#json(event, since)
    }
    const before = this.#length
    if (known.number === UNSAID) this.#template(event)
    const number = known.number === UNSAID ? this.#templateCount : known.number
    if (!this.#varying(event, since, number)) {
      // Nothing is said that no event has: what comes next would have it in its block.
      this.#length = before
      return this.#json(event, since)
    }
    if (known.number === UNSAID) known.number = this.#templateCount++
    this.#commands.set(event.id, this.#events)
  }

  #template({ verdict, rule, code, message, text, kinds, reads, writes, unknown }: CommandEvent): void {
    const json = JSON.stringify({ verdict, rule, code, message, text, kinds, reads, writes, unknown })
    this.#room(5 + MAX_CHARACTER_LENGTH * json.length)
    this.#bytes[this.#length++] = itemKinds.template
    this.#text(json)
  }

  /** False where something is not as commands have it; the length is then to be put back. */
  #varying({ id, digest, parameters = NO_PARAMETERS }: CommandEvent, since: number, template: number): boolean {
    if (!isDecision(id) || digest.length !== 2 * DIGEST || parameters.length > MAX_PARAMETERS) return false
    if (parameters !== NO_PARAMETERS && parameters.length === 0) return false
    let room = 9 + DECISION_LENGTH + DIGEST + 4 * parameters.length
    for (const value of parameters) if (value !== null) room += MAX_CHARACTER_LENGTH * value.length
    this.#room(room)
    this.#head(itemKinds.command, since)
    const bytes = this.#bytes
    let at = bytes.writeUInt16BE(template, this.#length)
    for (let n = DECISION.length; n < id.length; n++) bytes[at++] = id.charCodeAt(n)
    for (let n = 0; n < digest.length; n += 2) {
      const byte = (digitOf(digest, n) << 4) | digitOf(digest, n + 1)
      if (byte < 0) return false
      bytes[at++] = byte
    }
    this.#length = bytes.writeUInt16BE(parameters.length, at)
    for (const value of parameters) {
      if (value === null) this.#uint32(NULL_VALUE)
      else if (!this.#value(value)) return false
    }
    return true
  }

  /** A value in UTF-8: false where it has no spelling in it. */
  #value(value: string): boolean {
    const bytes = this.#bytes
    const start = this.#length + 4
    const { length } = value
    let at = start
    for (let n = 0; n < length; n++) {
      const unit = value.charCodeAt(n)
      if (unit > 0x7f) {
        if (LONE_SURROGATE.test(value)) return false
        at = start + bytes.write(value, start)
        break
      }
      bytes[at++] = unit
    }
    this.#uint32(at - start)
    this.#length = at
    return true
  }

  /** False where it is none of a command in this segment, or not as results are. */
  #result({ command, tag, error, rows, bytes: size, durationMs }: ResultEvent, since: number): boolean {
    const number = this.#commands.get(command)
    if (number === undefined || !isUint32(rows) || !isUint32(size) || !isUint32(durationMs)) return false
    if (!isShort(tag) || !isShort(error)) return false
    this.#room(23 + (tag?.length ?? 0) + (error?.length ?? 0))
    this.#commands.delete(command)
    this.#head(itemKinds.result, since)
    this.#uint32(this.#events - number)
    this.#uint32(rows)
    this.#uint32(size)
    this.#uint32(durationMs)
    this.#short(tag)
    this.#short(error)
    return true
  }

  #short(text: string | undefined): void {
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = text === undefined ? ABSENT : text.length
    if (text !== undefined) for (let n = 0; n < text.length; n++) bytes[at++] = text.charCodeAt(n)
    this.#length = at
  }

  #head(kind: number, since: number): void {
    const bytes = this.#bytes
    bytes[this.#length++] = kind
    this.#uint32(since)
  }

  /** The length in bytes, and the text. */
  #text(text: string): void {
    const start = this.#length + 4
    const length = this.#bytes.write(text, start)
    this.#uint32(length)
    this.#length += length
  }

  #uint32(value: number): void {
    const bytes = this.#bytes
    const at = this.#length
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
    this.#length = at + 4
  }
}

interface Template {
  of: CommandEvent
  number: number
}

/** Whether two commands differ in nothing but what stands with each. That lists are the same objects is what makes it cheap. */
function isSame(one: CommandEvent, other: CommandEvent): boolean {
  return (
    one.text === other.text &&
    one.verdict === other.verdict &&
    one.rule === other.rule &&
    one.code === other.code &&
    one.message === other.message &&
    one.reads === other.reads &&
    one.writes === other.writes &&
    one.unknown === other.unknown
  )
}

function isDecision(id: string): boolean {
  if (id.length !== DECISION.length + DECISION_LENGTH || !id.startsWith(DECISION)) return false
  for (let n = DECISION.length; n < id.length; n++) if (ALPHABET[id.charCodeAt(n)] !== 1) return false
  return true
}

/** Of a digit in hexadecimal, of lower case; negative, and so what it is part of, where it is none. */
const digitOf = (text: string, at: number): number => DIGITS[text.charCodeAt(at)] ?? -1

const isUint32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= MAX_UINT32

/** A tag or a code: short, and ASCII. */
function isShort(text: string | undefined): boolean {
  if (text === undefined) return true
  if (text.length >= ABSENT) return false
  for (let n = 0; n < text.length; n++) if (text.charCodeAt(n) > 0x7f) return false
  return true
}

const ALPHABET = new Uint8Array(0x1_0000)
for (const character of DECISION_ALPHABET) ALPHABET[character.charCodeAt(0)] = 1
const DIGITS = new Int8Array(0x100).fill(-1)
for (const [value, digit] of [...'0123456789abcdef'].entries()) DIGITS[digit.charCodeAt(0)] = value

/** Half a character, which UTF-8 has no bytes for: JSON escapes it. */
const LONE_SURROGATE = /\p{Surrogate}/u
const NO_DATA = new Uint8Array(0)
const NO_PARAMETERS: readonly (string | null)[] = []
const UNSAID = -1
const MAX_TEMPLATES = 10_000
const MAX_PARAMETERS = 0xffff
/** Milliseconds by which the two clocks may seem to go apart only because each is read in whole ones. */
const CLOCKS_APART = 1
/** Bytes in UTF-8 of what is one unit of a string. */
const MAX_CHARACTER_LENGTH = 3
