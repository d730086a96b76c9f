import { parseExactJson } from '../shared/exact-json.ts'
import {
  ABSENT,
  DECISION,
  DECISION_ALPHABET,
  DECISION_LENGTH,
  DIGEST,
  itemKinds,
  NULL_VALUE,
} from './compact-format.ts'
import type { CommandEvent, EventBody, RecordedEvent } from './event.ts'

export interface ReadEvent {
  readonly event: RecordedEvent
  /** Bytes of a terminal. */
  readonly data: Buffer | undefined
}

/**
 * Reads the compact events of one segment, from its beginning. Refuses any encoding but the gateway's own, so that no two readers can
 * understand an event differently.
 */
export class CompactReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #seq: number
  #wall: number | undefined
  #ms = 0
  readonly #templates: Template[] = []
  /** Commands without a result, by number. */
  readonly #commands = new Map<number, string>()

  /** The time of the last event, in milliseconds since the session was opened. */
  lastMs = 0

  /** `first`: the number of the segment's first event. */
  constructor(first: number) {
    this.#seq = first
  }

  /** Number of the next event. */
  get seq(): number {
    return this.#seq
  }

  /** Offset of the next event in the bytes. */
  get at(): number {
    return this.#at
  }

  /** The events in the next part of the segment. Throws if it does not end with a complete event. */
  *read(bytes: Buffer): Generator<ReadEvent, void, undefined> {
    this.#bytes = bytes
    this.#at = 0
    while (this.#at < bytes.length) yield this.#event()
  }

  #event(): ReadEvent {
    for (;;) {
      const kind = this.#uint(1)
      switch (kind) {
        case itemKinds.time:
          this.#wall = this.#uint(6)
          this.#ms = this.#uint(6)
          if (this.#wall > LAST_TIME) throw new Error('it has an invalid time')
          break
        case itemKinds.template:
          this.#templates.push(templateOf(this.#object()))
          break
        case itemKinds.json:
        case itemKinds.data: {
          const header = this.#header()
          const body = bodyOf(this.#object(), kind === itemKinds.data)
          const data = kind === itemKinds.data ? this.#take(this.#uint(4)) : undefined
          if (body.type === 'command') this.#commands.set(header.seq, body.id)
          return { event: { ...header, ...body }, data }
        }
        case itemKinds.command:
          return { event: this.#command(), data: undefined }
        case itemKinds.result:
          return { event: this.#result(), data: undefined }
        default:
          throw new Error(`it is of the unknown kind ${kind}`)
      }
    }
  }

  #header(): { readonly seq: number; readonly at: string; readonly ms: number } {
    const since = this.#uint(4)
    if (this.#wall === undefined) throw new Error('it has no time')
    this.lastMs = this.#ms + since
    const wall = this.#wall + since
    if (wall > LAST_TIME) throw new Error('it has an invalid time')
    return { seq: this.#seq++, at: new Date(wall).toISOString(), ms: this.lastMs }
  }

  #command(): RecordedEvent {
    const header = this.#header()
    const template = this.#templates[this.#uint(2)]
    if (template === undefined) throw new Error('it refers to a command that was not described')
    const id = DECISION + this.#take(DECISION_LENGTH).toString('latin1')
    if (!IS_DECISION.test(id)) throw new Error('it has an invalid id')
    const digest = this.#take(DIGEST).toString('hex')
    const count = this.#uint(2)
    const parameters: (string | null)[] = []
    for (let n = 0; n < count; n++) {
      const length = this.#uint(4)
      parameters.push(length === NULL_VALUE ? null : textOf(this.#take(length)))
    }
    this.#commands.set(header.seq, id)
    const { verdict, rule, code, message, text, kinds, reads, writes, unknown } = template
    return {
      ...header,
      type: 'command',
      id,
      verdict,
      ...present({ rule, code, message }),
      text,
      ...(count === 0 ? {} : { parameters }),
      digest,
      kinds,
      reads,
      writes,
      ...present({ unknown }),
    }
  }

  #result(): RecordedEvent {
    const header = this.#header()
    const number = header.seq - this.#uint(4)
    const command = this.#commands.get(number)
    if (command === undefined) throw new Error('it is of no command that awaits one')
    this.#commands.delete(number)
    const [rows, bytes, durationMs] = [this.#uint(4), this.#uint(4), this.#uint(4)]
    const [tag, error] = [this.#short(), this.#short()]
    return {
      ...header,
      type: 'result',
      command,
      ...present({ tag }),
      rows,
      bytes,
      durationMs,
      ...present({ error }),
    }
  }

  #uint(size: 1 | 2 | 4 | 6): number {
    return this.#take(size).readUIntBE(0, size)
  }

  #short(): string | undefined {
    const length = this.#uint(1)
    if (length === ABSENT) return undefined
    const bytes = this.#take(length)
    if (bytes.some((byte) => byte > 0x7f)) throw new Error('it has an invalid tag')
    return bytes.toString('latin1')
  }

  #object(): Record<string, unknown> {
    const value = parseExactJson(textOf(this.#take(this.#uint(4))))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is not an object')
    return value as Record<string, unknown>
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Error('it ends behind its block')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

type Template = Pick<
  CommandEvent,
  'verdict' | 'rule' | 'code' | 'message' | 'text' | 'kinds' | 'reads' | 'writes' | 'unknown'
>

/** The content of an event without its position and time, which JSON must not repeat. */
function bodyOf(value: Record<string, unknown>, hasData: boolean): EventBody {
  if (typeof value['type'] !== 'string' || !EVENT_TYPES.has(value['type'])) throw new Error('it is of no known type')
  if ('seq' in value || 'at' in value || 'ms' in value) throw new Error('it says twice where it stands')
  if (hasData !== (value['type'] === 'terminal')) throw new Error('it has bytes where none belong, or lacks them')
  if (value['type'] === 'command' && typeof value['id'] !== 'string') throw new Error('it has no id')
  return value as unknown as EventBody
}

function templateOf(value: Record<string, unknown>): Template {
  const names = Object.keys(value)
  const ordered = Object.keys(TEMPLATE_FIELDS).filter((name) => names.includes(name))
  const isWhole =
    names.length === ordered.length &&
    names.every((name, index) => name === ordered[index]) &&
    Object.entries(TEMPLATE_FIELDS).every(([name, isValid]) => isValid(value[name]))
  if (!isWhole) throw new Error('it describes no command')
  return value as unknown as Template
}

/** Strict UTF-8: other readers might decode anything else differently. */
const textOf = (bytes: Buffer): string => UTF8.decode(bytes)
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function present<T extends object>(fields: T): T {
  for (const name in fields) if (fields[name] === undefined) delete fields[name]
  return fields
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const optional =
  (isValid: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || isValid(value)

const TEMPLATE_FIELDS: { readonly [name in keyof Template]-?: (value: unknown) => boolean } = {
  verdict: (value) => value === 'allow' || value === 'deny' || value === 'hold',
  rule: optional(isText),
  code: optional(isText),
  message: optional(isText),
  text: isText,
  kinds: isList,
  reads: isList,
  writes: isList,
  unknown: optional(isList),
}

const TYPES: { readonly [type in EventBody['type']]: true } = {
  opened: true,
  command: true,
  approval: true,
  forwarded: true,
  result: true,
  rows: true,
  terminal: true,
  resize: true,
  file: true,
  notice: true,
  ended: true,
}
const EVENT_TYPES: ReadonlySet<string> = new Set(Object.keys(TYPES))
const IS_DECISION = new RegExp(`^${DECISION}[${DECISION_ALPHABET}]{${DECISION_LENGTH}}$`)
/** The last millisecond of the year 9999: later times are written differently. */
const LAST_TIME = 253_402_300_799_999
