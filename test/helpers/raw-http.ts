import { connect } from 'node:net'

/** One answer as it stood on the wire (RFC 9112), taken apart by a reader of its own. */
export interface WireAnswer {
  /** `HTTP/1.1` */
  readonly version: string
  readonly status: number
  readonly reason: string
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** How the end of the body was told. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Behind a body of chunks. */
  readonly trailers: readonly (readonly [name: string, value: string])[]
  /** Statuses of interim answers before it. */
  readonly interim: readonly number[]
}

/** Sends these bytes, each piece as a write of its own, and resolves with one answer for each of the methods. Rejects where the connection ends before. */
export function exchangeBytes(
  port: number,
  pieces: readonly Buffer[],
  methods: readonly string[],
): Promise<WireAnswer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const chunks: Buffer[] = []
    let isDone = false
    const look = (hasEnded: boolean): void => {
      if (isDone) return
      const answers = readAnswers(Buffer.concat(chunks), methods, hasEnded)
      if (answers.length < methods.length) {
        if (hasEnded)
          reject(
            new Error(`${answers.length} of ${methods.length} answers: ${Buffer.concat(chunks).toString('latin1')}`),
          )
        return
      }
      isDone = true
      socket.destroy()
      resolve(answers)
    }
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece)
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      look(false)
    })
    // What has been answered before a connection is reset is an answer.
    socket.on('error', () => look(true))
    socket.on('close', () => look(true))
  })
}

/** Those that are whole. */
export function readAnswers(bytes: Buffer, methods: readonly string[], hasEnded: boolean): WireAnswer[] {
  const answers: WireAnswer[] = []
  let at = 0
  let interim: number[] = []
  while (answers.length < methods.length) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end < 0) return answers
    const [line = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n')
    const [, version = '', code = '', reason = ''] = /^(HTTP\/\d\.\d) (\d{3})(?: (.*))?$/.exec(line) ?? []
    const status = Number(code)
    const headers = lines.map(readField)
    at = end + 4
    if (status >= 100 && status < 200 && status !== 101) {
      interim.push(status)
      continue
    }
    const isBodiless = methods[answers.length] === 'HEAD' || status === 204 || status === 304
    const body = isBodiless ? { ...NO_BODY, next: at } : readBody(bytes, at, headers, hasEnded)
    if (body === undefined) return answers
    answers.push({
      version,
      status,
      reason,
      headers,
      body: body.bytes,
      framing: body.framing,
      trailers: body.trailers,
      interim,
    })
    at = body.next
    interim = []
  }
  return answers
}

const NO_BODY = { bytes: Buffer.alloc(0), framing: 'none', trailers: [] } as const
type Fields = WireAnswer['headers']

interface WireBody {
  readonly bytes: Buffer
  readonly framing: WireAnswer['framing']
  readonly trailers: Fields
  readonly next: number
}

/** Source: RFC 9112, section 6.3. Undefined while it is not whole. */
function readBody(bytes: Buffer, at: number, headers: Fields, hasEnded: boolean): WireBody | undefined {
  const find = (name: string): string | undefined => headers.find(([one]) => one === name)?.[1]
  if (find('transfer-encoding') !== undefined) return readChunks(bytes, at)
  const length = find('content-length')
  if (length === undefined)
    return hasEnded ? { bytes: bytes.subarray(at), framing: 'close', trailers: [], next: bytes.length } : undefined
  const next = at + Number(length)
  return next > bytes.length ? undefined : { bytes: bytes.subarray(at, next), framing: 'length', trailers: [], next }
}

function readChunks(bytes: Buffer, start: number): WireBody | undefined {
  const pieces: Buffer[] = []
  for (let at = start; ;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return undefined
    const length = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (length === 0) {
      const end = bytes.indexOf('\r\n\r\n', line)
      if (end < 0) return undefined
      const trailers = bytes
        .toString('latin1', line + 2, end)
        .split('\r\n')
        .filter((text) => text !== '')
        .map(readField)
      return { bytes: Buffer.concat(pieces), framing: 'chunked', trailers, next: end + 4 }
    }
    const next = line + 2 + length + 2
    if (next > bytes.length) return undefined
    pieces.push(bytes.subarray(line + 2, next - 2))
    at = next
  }
}

function readField(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}
