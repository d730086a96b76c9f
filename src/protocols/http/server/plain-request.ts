import { valuesOf, type Header } from '../wire/headers.ts'
import { checkHead } from './check-head.ts'
import type { RequestHead } from './exchange.ts'

/**
 * A request that is a head and nothing else, if these bytes are one whichever way they are read: from the first to the last, with lines that end as they
 * must, a method without a body, and no header about the message or its connection but `Connection: keep-alive`. Undefined for anything else, which Node's
 * parser reads. What it gives has passed `checkHead`.
 */
export function readPlainRequest(text: string): RequestHead | undefined {
  if (text.length > MAX_BYTES || text.indexOf('\r\n\r\n') !== text.length - 4) return undefined
  const [first = '', ...lines] = text.slice(0, -4).split('\r\n')
  const [, method, target] = REQUEST_LINE.exec(first) ?? []
  if (method === undefined || target === undefined) return undefined
  const headers: Header[] = []
  for (const line of lines) {
    const [, spelled, value] = HEADER.exec(line) ?? []
    if (spelled === undefined || value === undefined) return undefined
    const name = spelled.toLowerCase()
    if (NOT_PLAIN.has(name)) return undefined
    headers.push([name, value])
  }
  const connection = valuesOf(headers, 'connection')
  if (connection.length > 1 || (connection[0] ?? 'keep-alive').toLowerCase() !== 'keep-alive') return undefined
  const head = checkHead({ version: '1.1', minorVersion: 1, method, target, headers })
  return head instanceof Error ? undefined : head
}

/** Heads of one connection, by their bytes: the same bytes say the same, and are read once. */
export class PlainRequests {
  readonly #known = new Map<string, RequestHead>()

  read(bytes: Buffer): RequestHead | undefined {
    if (bytes.length > MAX_BYTES) return undefined
    const text = bytes.toString('latin1')
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const head = readPlainRequest(text)
    if (head === undefined || text.length > MAX_KNOWN_BYTES) return head
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(text, head)
    return head
  }
}

const REQUEST_LINE = /^(GET|DELETE|OPTIONS) (\/[\x21-\x7e]*) HTTP\/1\.1$/
/** A value neither begins nor ends with a blank. */
const HEADER = /^([A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*): ([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)$/
const NOT_PLAIN: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-connection',
  'http2-settings',
])
const MAX_BYTES = 16 * 1024
/** Of a head that is kept. */
const MAX_KNOWN_BYTES = 2048
/** Heads that one connection keeps. */
const MAX_KNOWN = 64
