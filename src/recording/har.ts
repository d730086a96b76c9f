import { STATUS_CODES } from 'node:http'
import { UsageError } from '../shared/errors.ts'
import type { CommandEvent, RowsEvent } from './event.ts'
import type { ReadEvent } from './read.ts'

/**
 * HTTP Archive 1.2 (w3c.github.io/web-performance/specs/HAR): the requests of an HTTP or Kubernetes session and their responses, as
 * recorded. Throws a UsageError for a session of another protocol. Entries are in the order of their requests; a request without a response
 * has the status 0. Names that begin with an underscore are this program's own, as the format allows.
 */
export async function* har(
  events: AsyncIterable<ReadEvent>,
  creator: { readonly name: string; readonly version: string },
): AsyncGenerator<string, void, undefined> {
  const open = new Map<string, OpenEntry>()
  let target = ''
  let isFirst = true
  function* finished(isEnd: boolean): Generator<string, void, undefined> {
    for (const [id, entry] of open) {
      if (!entry.isComplete && !isEnd) return
      open.delete(id)
      yield `${isFirst ? '\n' : ',\n'}${JSON.stringify(entry.entry())}`
      isFirst = false
    }
  }
  for await (const { event } of events) {
    switch (event.type) {
      case 'opened':
        if (event.protocol !== 'http' && event.protocol !== 'kubernetes')
          throw new UsageError('only HTTP and Kubernetes sessions export as HAR', 'use another --format')
        target = event.target
        yield `{"log":{"version":"1.2","creator":${JSON.stringify(creator)},"comment":${JSON.stringify(`${event.session}: ${event.person.label} on ${target}`)},"entries":[`
        break
      case 'command':
        open.set(event.id, new OpenEntry(event, event.at, event.ms, target))
        break
      case 'forwarded':
        open.get(event.command)?.forwarded(event.ms)
        break
      case 'approval':
        open.get(event.command)?.decided(event.state)
        break
      case 'rows':
        open.get(event.command)?.rows(event, event.at)
        break
      case 'result':
        open.get(event.command)?.over(event)
        break
      case 'terminal':
      case 'resize':
      case 'file':
      case 'notice':
      case 'ended':
    }
    yield* finished(false)
  }
  yield* finished(true)
  yield '\n]}}\n'
}

type Pair = { readonly name: string; readonly value: string }

/** A request whose events are still being read. */
class OpenEntry {
  readonly #command: CommandEvent
  readonly #at: string
  readonly #ms: number
  readonly #target: string
  #blocked = -1
  #state: string | undefined
  #status = 0
  #headers: Pair[] = []
  #trailers: Pair[] = []
  #body = ''
  #isCut = false
  #messages: Record<string, string>[] = []
  /** The messages of a WebSocket. */
  #frames: object[] | undefined
  #result: { readonly bytes: number; readonly durationMs: number } | undefined

  constructor(command: CommandEvent, at: string, ms: number, target: string) {
    this.#command = command
    this.#at = at
    this.#ms = ms
    this.#target = target
  }

  /** The record has no more events of it. */
  get isComplete(): boolean {
    return (
      this.#result !== undefined ||
      this.#command.verdict === 'deny' ||
      /^(?:denied|expired|withdrawn|void)$/.test(this.#state ?? '')
    )
  }

  forwarded(ms: number): void {
    this.#blocked = ms - this.#ms
  }

  decided(state: string): void {
    this.#state = state
  }

  over({
    bytes,
    durationMs,
    tag,
  }: {
    readonly bytes: number
    readonly durationMs: number
    readonly tag?: string | undefined
  }): void {
    this.#result = { bytes, durationMs }
    if (/^\d{3}$/.test(tag ?? '')) this.#status = Number(tag)
  }

  rows({ columns, rows, cut }: RowsEvent, at: string): void {
    if (columns?.[0] === 'from') this.#frames = []
    if (this.#frames !== undefined) return void this.#frames.push(...rows.map((row) => webSocketMessage(row, at)))
    const pairs = rows.map(([name, value]): Pair => ({ name: name ?? '', value: value ?? '' }))
    switch (columns?.[0]) {
      case 'header':
        this.#status = Number(pairs.find(({ name }) => name === 'status')?.value ?? 0)
        this.#headers = pairs.slice(1)
        return
      case 'trailer':
        this.#trailers = pairs
        return
      case 'direction':
        this.#messages = rows.map((row) =>
          Object.fromEntries(row.map((value, at) => [columns?.[at] ?? '', value ?? ''])),
        )
        return
      // Kubernetes: one object or line for each row.
      case undefined:
        this.#body += rows.map((row) => `${row[0] ?? ''}\n`).join('')
        break
      default:
        this.#body += rows.map((row) => row[0] ?? '').join('')
    }
    this.#isCut ||= cut === true
  }

  entry(): object {
    const { id, verdict, rule, message, operations } = this.#command
    const { durationMs = 0 } = this.#result ?? {}
    return {
      startedDateTime: this.#at,
      time: Math.max(0, this.#blocked) + durationMs,
      request: requestOf(this.#command.text, this.#target),
      response: this.#response(),
      cache: {},
      timings: { blocked: this.#blocked, dns: -1, connect: -1, send: 0, wait: durationMs, receive: 0 },
      ...(message === undefined && this.#state === undefined
        ? {}
        : { comment: [message, this.#state].filter((one) => one !== undefined).join('; ') }),
      _id: id,
      _verdict: verdict,
      ...(rule === undefined ? {} : { _rule: rule }),
      ...(operations === undefined ? {} : { _operations: operations }),
      ...(this.#messages.length === 0 ? {} : { _messages: this.#messages }),
      ...(this.#frames === undefined ? {} : { _webSocketMessages: this.#frames }),
    }
  }

  #response(): object {
    const type = this.#headers.find(({ name }) => name === 'content-type')?.value ?? ''
    const isHex = this.#body.startsWith('\\x')
    const text = isHex ? Buffer.from(this.#body.slice(2), 'hex').toString('base64') : this.#body
    const size = this.#result?.bytes ?? 0
    return {
      status: this.#status,
      statusText: STATUS_CODES[this.#status] ?? '',
      httpVersion: UNKNOWN_VERSION,
      cookies: [],
      headers: this.#headers,
      content: {
        size,
        mimeType: type,
        ...(text === '' ? {} : { text, ...(isHex ? { encoding: 'base64' } : {}) }),
        ...(this.#isCut ? { comment: 'the record has the beginning' } : {}),
      },
      redirectURL: this.#headers.find(({ name }) => name === 'location')?.value ?? '',
      headersSize: -1,
      bodySize: size,
      ...(this.#trailers.length === 0 ? {} : { _trailers: this.#trailers }),
    }
  }
}

/** A message as Chrome writes it into archives; bytes are in base64. */
function webSocketMessage([from, type, said]: RowsEvent['rows'][number], at: string): object {
  const bytes = type === 'text' || type === 'close' ? undefined : Buffer.from((said ?? '').slice(2), 'hex')
  return {
    type: from === 'client' ? 'send' : 'receive',
    time: Date.parse(at) / 1000,
    opcode: OPCODES[type ?? ''] ?? 0,
    data: bytes === undefined ? (said ?? '') : bytes.toString('base64'),
  }
}

/** Source: RFC 6455, section 5.2. */
const OPCODES: Readonly<Record<string, number>> = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/** A request from its recorded text: the request line, headers, and a body after an empty line. */
function requestOf(text: string, target: string): object {
  const at = text.indexOf('\n\n')
  const [line = '', ...lines] = (at < 0 ? text : text.slice(0, at)).split('\n')
  const [, method = '', path = ''] = /^([A-Z]+) (\/\S*)/.exec(line) ?? []
  const headers = lines.map((header): Pair => {
    const colon = header.indexOf(': ')
    return { name: header.slice(0, colon), value: header.slice(colon + 2) }
  })
  const mark = path.indexOf('?')
  const query = mark < 0 ? '' : path.slice(mark + 1)
  const body = at < 0 ? undefined : text.slice(at + 2)
  return {
    method,
    // The record has no address of the target.
    url: `https://${target}${path}`,
    httpVersion: UNKNOWN_VERSION,
    cookies: [],
    headers,
    queryString: Array.from(new URLSearchParams(query), ([name, value]): Pair => ({ name, value })),
    ...(body === undefined
      ? {}
      : { postData: { mimeType: headers.find(({ name }) => name === 'content-type')?.value ?? '', text: body } }),
    headersSize: -1,
    bodySize: -1,
    ...(method === '' ? { comment: line } : {}),
  }
}

/** For what the record does not have. */
const UNKNOWN_VERSION = 'unknown'
