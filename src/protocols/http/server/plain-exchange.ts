import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import { Readable, type Duplex, type Writable } from 'node:stream'
import { isBodiless, toNodeHeaders, valuesOf, type Headers } from '../wire/headers.ts'
import type { AnswerHead, Exchange, RequestHead } from './exchange.ts'
import { PlainAnswer, type Framing } from './plain-answer.ts'

/** A request that is a head alone, on a connection that Node's server does not read. */
export class PlainExchange implements Exchange {
  readonly request: RequestHead
  readonly left: AbortSignal
  readonly isHeadAlone = true
  readonly trailers: Headers = []
  readonly upgrade = undefined
  /** Resolves once the answer is sent, or given up. */
  readonly over: Promise<void>
  readonly #stream: Duplex
  #finish = (): void => {}
  #answer: PlainAnswer | undefined
  #hasAnswered = false

  /** `left`: of the connection, which ends with the client. */
  constructor(request: RequestHead, stream: Duplex, left: AbortSignal) {
    this.request = request
    this.#stream = stream
    this.left = left
    this.over = new Promise((resolve) => (this.#finish = resolve))
  }

  /** The connection is over: nothing more is sent. */
  close(): void {
    this.#finish()
  }

  get body(): Readable {
    return Readable.from([])
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  answer({ status, headers }: AnswerHead): Writable {
    const framing = isBodiless(this.request.method, status) ? 'none' : framingOf(headers)
    const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
    const more = framing === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : ''
    const fields = fieldsOf(headers)
    this.#hasAnswered = true
    this.#stream.write(`${line}${fields}Connection: keep-alive\r\n${more}\r\n`, 'latin1')
    this.#answer = new PlainAnswer(this.#stream, framing, this.#finish)
    return this.#answer
  }

  trail(trailers: Headers): boolean {
    return this.#answer?.trail(fieldsOf(trailers)) === true
  }

  switchProtocols(): Duplex {
    throw new Error('the client asks for no other protocol')
  }

  abandon(): void {
    this.#stream.destroy()
  }
}

/** Header lines as Node writes them: those of one name behind each other. Throws where a name or a value cannot be written. */
function fieldsOf(headers: Headers): string {
  let fields = ''
  for (const [name, values] of Object.entries(toNodeHeaders(headers))) {
    if (FRAMING.has(name)) throw new Error(`the header ${name} belongs to the connection`)
    validateHeaderName(name)
    for (const value of typeof values === 'string' ? [values] : values) {
      validateHeaderValue(name, value)
      fields += `${name}: ${value}\r\n`
    }
  }
  return fields
}

/** Bytes of the body, where the head of an answer says that. */
function framingOf(headers: Headers): Framing {
  const lengths = valuesOf(headers, 'content-length')
  if (lengths.length === 0) return 'chunked'
  const [length = ''] = lengths
  if (lengths.length > 1 || !/^(?:0|[1-9]\d{0,14})$/.test(length)) throw new Error('an answer without a plain length')
  return Number(length)
}

const FRAMING: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'keep-alive', 'upgrade'])
