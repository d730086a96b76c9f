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

/** The events added since the journal last took some. */
export interface Taken {
  /** The number of the first event, and the count of events. */
  readonly first: number
  readonly events: number
  readonly bytes: Buffer
  /** Whether they begin a segment. */
  readonly begins: boolean
  /** Whether the session's last event is among them. */
  readonly ends: boolean
}

/** The events of a session that are not sealed yet, as they will be in their segment: each is appended to one buffer. */
export class OpenSegment {
  /** Number of its first event. */
  readonly first: number
  #bytes: Buffer
  #length = 0
  #events = 0
  /** The end of each full block. */
  readonly #blocks: number[] = []
  #taken = 0
  #takenEvents = 0
  #ends = false
  /** A time by both clocks; the events after it are relative to it. */
  #wall = 0
  #ms = 0
  /** The parts that commands with the same effects have in common, by the array of their kinds, which is one object for all of them. */
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

  /** The events so far; this memory is not written again. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /**
   * `wall` and `ms`: the time, in milliseconds since 1970, and since the session was opened. Returns the wall time that a reader will
   * compute.
   */
  add(body: EventBody, data: Uint8Array | undefined, wall: number, ms: number): number {
    let since = ms - this.#ms
    if (this.#events === 0 || since > MAX_UINT32 || Math.abs(wall - this.#wall - since) > MAX_CLOCK_SKEW_MS) {
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

  /** Takes the events that the journal has not taken yet. */
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

  /**
   * Writes the first command of its kind as JSON, the second after a template with what the two have in common, and all others with a
   * reference to the template.
   */
  #command(event: CommandEvent, since: number): void {
    // Templates have no operations.
    if (event.operations !== undefined) return this.#json(event, since)
    const known = this.#templates.get(event.kinds)
    if (known === undefined) {
      if (this.#templates.size < MAX_TEMPLATES) this.#templates.set(event.kinds, { of: event, number: UNSAID })
      return this.#json(event, since)
    }
    if (event.apart !== undefined) return this.#json(event, since)
    if (!isSame(known.of, event)) {
      // Texts that differ in constants have the same effects: the first that is repeated becomes the template.
      if (known.number === UNSAID) known.of = event
      return this.#json(event, since)
    }
    const before = this.#length
    if (known.number === UNSAID) this.#template(event)
    const number = known.number === UNSAID ? this.#templateCount : known.number
    if (!this.#varying(event, since, number)) {
      // A template without an event must not stay: the next event would have it in its block.
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

  /** False if the command does not have the usual form; the caller then restores the length. */
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

  /** A value in UTF-8; false if it cannot be encoded. */
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

  /** False if it is not the result of a command in this segment, or does not have the usual form. */
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

  /** Writes the length in bytes and the text. */
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

/** Whether two commands differ only in what is written with each. Comparing the lists by identity makes this cheap. */
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

/** The value of a lower-case hexadecimal digit; negative if it is none, and so is everything computed from it. */
const digitOf = (text: string, at: number): number => DIGITS[text.charCodeAt(at)] ?? -1

const isUint32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= MAX_UINT32

/** Whether a tag or a code is short and ASCII. */
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

/** Half of a surrogate pair, which UTF-8 cannot encode: JSON escapes it. */
const LONE_SURROGATE = /\p{Surrogate}/u
const NO_DATA = new Uint8Array(0)
const NO_PARAMETERS: readonly (string | null)[] = []
const UNSAID = -1
const MAX_TEMPLATES = 10_000
const MAX_PARAMETERS = 0xffff
/** Milliseconds by which the two clocks may differ only because each is read in whole milliseconds. */
const MAX_CLOCK_SKEW_MS = 1
/** The most UTF-8 bytes for one code unit of a string. */
const MAX_CHARACTER_LENGTH = 3
