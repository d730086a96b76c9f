import { parseJson, toValue } from '../../http/json/parse-json.ts'
import { messageOf, messageOfKind, type Message, type MessageField } from './messages.ts'
import { emptyObject, isObject } from './json-value.ts'

/**
 * An object as Kubernetes encodes it in protobuf, as JSON would give it. Stricter than the server: what that skips (fields it does not know)
 * or merges (a field that comes twice) cannot be read here. Fields that stand for nothing are kept: `""`, `0`, `false`.
 */
export function readProtobuf(
  bytes: Buffer,
): { readonly object: Readonly<Record<string, unknown>> } | { failure: string } {
  try {
    if (bytes.subarray(0, 4).toString('latin1') !== MAGIC) return { failure: 'the body is not protobuf of Kubernetes' }
    const { apiVersion, kind, raw } = envelope(new Reader(bytes.subarray(4)))
    const message = messageOfKind(apiVersion, kind)
    if (message === undefined) return { failure: `the kind ${kind} of ${apiVersion} is not known in protobuf` }
    const object = readMessage(new Reader(raw), message, 0)
    if (!isObject(object)) return { failure: `the kind ${kind} of ${apiVersion} is not an object` }
    return { object: { ...object, apiVersion, kind } }
  } catch (error) {
    if (error instanceof NotProtobuf) return { failure: error.message }
    throw error
  }
}

/** `runtime.Unknown`. */
function envelope(reader: Reader): { readonly apiVersion: string; readonly kind: string; readonly raw: Buffer } {
  const parts = new Map<number, Buffer>()
  while (!reader.isAtEnd) {
    const { number, wire } = reader.tag()
    if (wire !== BYTES || number > 4 || parts.has(number))
      throw new NotProtobuf('the envelope of the body is not known')
    parts.set(number, reader.bytes())
  }
  if ((parts.get(3)?.length ?? 0) > 0 || (parts.get(4)?.length ?? 0) > 0)
    throw new NotProtobuf('the body is encoded twice')
  const type = new Reader(parts.get(1) ?? Buffer.alloc(0))
  const words = new Map<number, string>()
  while (!type.isAtEnd) {
    const { number, wire } = type.tag()
    if (wire !== BYTES || number > 2 || words.has(number))
      throw new NotProtobuf('the envelope of the body is not known')
    words.set(number, type.string())
  }
  const apiVersion = words.get(1)
  const kind = words.get(2)
  if (apiVersion === undefined || kind === undefined || apiVersion === '' || kind === '')
    throw new NotProtobuf('the body names no kind')
  return { apiVersion, kind, raw: parts.get(2) ?? Buffer.alloc(0) }
}

function readMessage(reader: Reader, message: Message, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new NotProtobuf('the body is nested too deeply')
  const object = emptyObject()
  const seen = new Set<number>()
  while (!reader.isAtEnd) {
    const { number, wire } = reader.tag()
    const field = message.byNumber.get(number)
    if (field === undefined) throw new NotProtobuf(`${message.name} has a field ${number} that is not known`)
    if ((field.label === 'single' || field.label === 'inline') && seen.has(number))
      throw new NotProtobuf(`${message.name} has the field ${field.name} twice`)
    seen.add(number)
    readField(reader, wire, field, message, object, depth)
  }
  const special = Object.hasOwn(SPECIAL, message.fullName) ? SPECIAL[message.fullName] : undefined
  return special === undefined ? object : special(object)
}

function readField(
  reader: Reader,
  wire: number,
  field: MessageField,
  message: Message,
  object: Record<string, unknown>,
  depth: number,
): void {
  switch (field.label) {
    case 'map': {
      if (wire !== BYTES) throw new NotProtobuf(`${message.name}.${field.name} is not a map`)
      const before = object[field.name]
      const entries = isObject(before) ? before : emptyObject()
      object[field.name] = entries
      const { key, value } = readEntry(new Reader(reader.bytes()), field.type, depth)
      if (key in entries) throw new NotProtobuf(`${message.name}.${field.name} has a key twice`)
      entries[key] = value
      return
    }
    case 'repeated': {
      const before = object[field.name]
      const items: unknown[] = Array.isArray(before) ? before : []
      object[field.name] = items
      const ofItem = NUMBERS.get(field.type)
      if (wire !== BYTES || ofItem === undefined) {
        items.push(readValue(reader, wire, field.type, depth))
        return
      }
      const packed = new Reader(reader.bytes())
      while (!packed.isAtEnd) items.push(readValue(packed, ofItem, field.type, depth))
      return
    }
    case 'inline': {
      const inner = readValue(reader, wire, field.type, depth)
      if (!isObject(inner)) throw new NotProtobuf(`${message.name}.${field.name} is not an object`)
      for (const [name, value] of Object.entries(inner)) object[name] = value
      return
    }
    case 'single':
      object[field.name] = readValue(reader, wire, field.type, depth)
  }
}

function readEntry(reader: Reader, type: string, depth: number): { readonly key: string; readonly value: unknown } {
  let key: string | undefined
  let value: unknown
  let hasValue = false
  while (!reader.isAtEnd) {
    const { number, wire } = reader.tag()
    if (number === 1 && wire === BYTES && key === undefined) key = reader.string()
    else if (number === 2 && !hasValue) {
      value = readValue(reader, wire, type, depth)
      hasValue = true
    } else throw new NotProtobuf('an entry of a map cannot be read')
  }
  if (key === undefined || !hasValue) throw new NotProtobuf('an entry of a map is not whole')
  return { key, value }
}

function readValue(reader: Reader, wire: number, type: string, depth: number): unknown {
  const expected = NUMBERS.get(type) ?? BYTES
  if (wire !== expected) throw new NotProtobuf(`a value of type ${type} has another wire type`)
  switch (type) {
    case 'string':
      return reader.string()
    case 'bytes':
      return reader.bytes().toString('base64')
    case 'bool':
      return reader.varint() !== 0n
    case 'double':
      return reader.double()
    case 'int32':
      return Number(BigInt.asIntN(32, reader.varint()))
    case 'int64':
      return safe(BigInt.asIntN(64, reader.varint()))
    case 'uint32':
      return Number(BigInt.asUintN(32, reader.varint()))
    case 'uint64':
      return safe(reader.varint())
    default: {
      const message = messageOf(type)
      if (message === undefined) throw new NotProtobuf(`the type ${type} is not known`)
      return readMessage(new Reader(reader.bytes()), message, depth + 1)
    }
  }
}

/** Where a number cannot hold it, its digits. */
const safe = (value: bigint): number | string =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  tag(): { readonly number: number; readonly wire: number } {
    const tag = this.varint()
    const number = Number(tag >> 3n)
    if (number < 1 || number > 0x1f_ff_ff_ff) throw new NotProtobuf('a field has no number')
    return { number, wire: Number(tag & 7n) }
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new NotProtobuf('the body ends within a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new NotProtobuf('a number is too long')
  }

  bytes(): Buffer {
    const length = this.varint()
    if (length > BigInt(this.#bytes.length - this.#at)) throw new NotProtobuf('the body ends within a value')
    const from = this.#at
    this.#at += Number(length)
    return this.#bytes.subarray(from, this.#at)
  }

  string(): string {
    try {
      return UTF8.decode(this.bytes())
    } catch (error) {
      if (error instanceof NotProtobuf) throw error
      throw new NotProtobuf('a text is not UTF-8')
    }
  }

  double(): number {
    if (this.#at + 8 > this.#bytes.length) throw new NotProtobuf('the body ends within a number')
    this.#at += 8
    return this.#bytes.readDoubleLE(this.#at - 8)
  }
}

type Special = (object: Readonly<Record<string, unknown>>) => unknown

/** Messages that JSON has as something else. */
const SPECIAL: Readonly<Record<string, Special>> = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': ({ string = '' }) => string,
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': ({ type = 0, intVal = 0, strVal = '' }) =>
    type === 0 ? intVal : strVal,
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': ({ seconds = 0 }) => time(seconds, 0),
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': ({ seconds = 0, nanos = 0 }) => time(seconds, nanos),
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration': ({ duration = 0 }) => `${String(duration)}ns`,
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': ({ Raw = '' }) => rawJson(Raw),
  'k8s.io.apimachinery.pkg.runtime.RawExtension': ({ raw = '' }) => rawJson(raw),
  ...Object.fromEntries(
    [
      'k8s.io.apimachinery.pkg.apis.meta.v1.Verbs',
      'k8s.io.api.authentication.v1.ExtraValue',
      'k8s.io.api.authentication.v1beta1.ExtraValue',
      'k8s.io.api.authorization.v1.ExtraValue',
      'k8s.io.api.authorization.v1beta1.ExtraValue',
      'k8s.io.api.certificates.v1.ExtraValue',
      'k8s.io.api.certificates.v1beta1.ExtraValue',
    ].map((name): [string, Special] => [name, ({ items = [] }) => items]),
  ),
}

/** Null for the time that stands for none. */
function time(seconds: unknown, nanos: unknown): string | null {
  if (seconds === 0 && nanos === 0) return null
  const date = new Date(Number(seconds) * 1000)
  if (Number.isNaN(date.getTime())) throw new NotProtobuf('a time is out of range')
  const fraction = nanos === 0 ? '' : `.${String(Math.trunc(Number(nanos) / 1000)).padStart(6, '0')}`
  return `${date.toISOString().slice(0, 19)}${fraction}Z`
}

function rawJson(base64: unknown): unknown {
  if (typeof base64 !== 'string') throw new NotProtobuf('an object within the body is not bytes')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length === 0) return null
  const node = parseJson(bytes.toString('utf8'))
  const value = node && toValue(node)
  if (value === undefined) throw new NotProtobuf('an object within the body is not JSON')
  return value.value
}

class NotProtobuf extends Error {}

/** `k8s` and a zero byte. */
const MAGIC = 'k8s\0'
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
/** The wire type of each scalar that is no text. */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['bool', VARINT],
  ['int32', VARINT],
  ['int64', VARINT],
  ['uint32', VARINT],
  ['uint64', VARINT],
  ['double', FIXED64],
])
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const MAX_DEPTH = 64
