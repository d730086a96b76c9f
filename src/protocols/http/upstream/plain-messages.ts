import type { Header, Headers } from '../wire/headers.ts'
import { trailersOf, type UpstreamRequest } from './answer.ts'
import { goesAlone } from './goes-alone.ts'

/** The head of an answer that says how long its body is, of a server that goes on with the connection. */
export interface PlainHead {
  readonly status: number
  readonly headers: Header[]
  /** Bytes of the body. */
  readonly length: number
  /** Where the body begins. */
  readonly end: number
  /** Seconds after which the server closes the connection if nothing more is asked; undefined where it does not say. */
  readonly keptSeconds: number | undefined
}

/**
 * The head of a request that is one message whichever way it is read: a method without a body, or a body that is there as a whole, names and values that
 * need no thought. Undefined for any other, which Node's client sends. The bytes are those that Node's client would send.
 */
export function plainRequest(request: UpstreamRequest, host: string): string | undefined {
  const { method, target, headers, body } = request
  if (goesAlone(request) || !TARGET.test(target) || !isPlainValue(host)) return undefined
  const isBytes = Buffer.isBuffer(body)
  if (body === undefined ? !WITHOUT_BODY.has(method) : !isBytes || !WITH_BODY.has(method)) return undefined
  const trailers = trailersOf(request)
  if (trailers instanceof Error || trailers.length > 0 || headers.length > MAX_HEADERS) return undefined
  const fields = plainFields(headers)
  if (fields === undefined) return undefined
  const length = isBytes ? `content-length: ${body.length}\r\n` : ''
  return `${method} ${target} HTTP/1.1\r\n${fields}host: ${host}\r\n${length}Connection: keep-alive\r\n\r\n`
}

/** Undefined where one is there twice, or is about the message or its connection. */
function plainFields(headers: Headers): string | undefined {
  let fields = ''
  for (const [index, [name, value]] of headers.entries()) {
    if (!REQUEST_NAME.test(name) || FRAMING.has(name) || !isPlainValue(value)) return undefined
    for (let before = 0; before < index; before++) if (headers[before]?.[0] === name) return undefined
    fields += `${name}: ${value}\r\n`
  }
  return fields
}

/**
 * Reads the head of an answer where that is plain: `more` while it is not whole, and `other` for anything but final answers of HTTP/1.1 with the length of
 * their bodies (RFC 9112, section 6.3, case 6), or without any (case 1). What comes as `other` is read by Node's parser.
 */
export function readPlainHead(bytes: Buffer): PlainHead | 'more' | 'other' {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return isBeginning(bytes) ? 'more' : 'other'
  if (end > MAX_HEAD_BYTES) return 'other'
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const [, code] = STATUS_LINE.exec(first) ?? []
  if (code === undefined || lines.length > MAX_HEADERS) return 'other'
  const status = Number(code)
  const headers: Header[] = []
  let length: number | undefined
  let keptSeconds: number | undefined
  for (const line of lines) {
    const header = headerOf(line)
    if (header === undefined) return 'other'
    const [name, value] = header
    headers.push(header)
    if (name === 'content-length') {
      if (length !== undefined || !LENGTH.test(value)) return 'other'
      length = Number(value)
    } else if (name === 'connection') {
      if (value.toLowerCase() !== 'keep-alive') return 'other'
    } else if (name === 'keep-alive') keptSeconds = Number(/^timeout=(\d{1,9})/.exec(value)?.[1] ?? Infinity)
    else if (FRAMING.has(name)) return 'other'
  }
  if (status === 204 || status === 304) {
    if (status === 204 && length !== undefined) return 'other'
    length = 0
  }
  return length === undefined ? 'other' : { status, headers, length, end: end + 4, keptSeconds }
}

/** As Node gives it: the name in lower case, the value without the blank in front. Undefined for a line that is not plain. */
function headerOf(line: string): Header | undefined {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(colon, 0))
  const from = line.charCodeAt(colon + 1) === BLANK ? colon + 2 : colon + 1
  const value = line.slice(from)
  return ANSWER_NAME.test(name) && isPlainValue(value) ? [name.toLowerCase(), value] : undefined
}

/** Without blanks at its ends, which would not be part of it for everybody. */
const isPlainValue = (value: string): boolean => value === '' || VALUE.test(value)

/** Whether it may go on to a plain head: lines that end as they must. Node's parser says at once what is wrong with anything else. */
function isBeginning(bytes: Buffer): boolean {
  if (bytes.length > MAX_HEAD_BYTES) return false
  const text = bytes.toString('latin1')
  return (text.startsWith(VERSION) || VERSION.startsWith(text)) && !/[^\r]\n|^\n|\r[^\n]/.test(text)
}

const HEAD_END = Buffer.from('\r\n\r\n')
const VERSION = 'HTTP/1.1 '
const BLANK = 0x20
const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e]*$/
const LENGTH = /^(?:0|[1-9]\d{0,14})$/
const TARGET = /^\/[\x21-\x7e]*$/
const VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/
const REQUEST_NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
const ANSWER_NAME = /^[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*$/
/** About the message or its connection, and so not plain. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'trailer',
  'te',
  'upgrade',
  'host',
  'expect',
  'proxy-connection',
  'keep-alive',
])
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'DELETE', 'OPTIONS'])
const WITH_BODY: ReadonlySet<string> = new Set(['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH'])
const MAX_HEADERS = 100
const MAX_HEAD_BYTES = 16 * 1024
