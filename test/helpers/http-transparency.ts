import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { EchoedRequest } from './http-echo.ts'
import type { WireAnswer } from './raw-http.ts'

type Fields = WireAnswer['headers']

/**
 * An answer but for what each connection has of its own: `Date`, the fields of RFC 9110, section 7.6.1, and letter case of names. Repeated fields
 * are taken together: their order is told, that among other fields is not (section 5.3).
 */
export function shownToClient(
  { version: _version, body, headers, ...answer }: WireAnswer,
  { origin, unsteady }: { readonly origin: string; readonly unsteady: readonly string[] },
) {
  const boundary = /^multipart\/byteranges; *boundary=(.*)$/.exec(
    headers.find(([name]) => name === 'content-type')?.[1] ?? '',
  )?.[1]
  const text = body.toString('latin1').replaceAll(origin, 'ORIGIN')
  const steady = boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY')
  return {
    ...answer,
    // How an old server tells the end of a body is not what a newer client needs.
    framing: answer.framing === 'close' ? 'chunked' : answer.framing,
    headers: grouped(headers.filter(([name]) => !OF_CONNECTION.has(name) && name !== 'date')).map(([name, value]) =>
      unsteady.includes(name) ? ([name, 'unsteady'] as const) : ([name, value] as const),
    ),
    body: steady.length < 4096 ? steady : `${steady.length}: ${createHash('sha256').update(steady).digest('hex')}`,
  }
}

/**
 * A direct answer as it is expected through the gateway, whatever it is: a location within the target is a path, since clients know the target under
 * another name, and the reason is the one that belongs to the status (RFC 9112, section 4: nobody is to look at it).
 */
export function expectedThrough(answer: WireAnswer, origin: string): WireAnswer {
  const headers = answer.headers.map(([name, value]) =>
    /^(?:content-)?location$/.test(name)
      ? ([name, value.replace(`http://${origin}`, '')] as const)
      : ([name, value] as const),
  )
  return { ...answer, headers, reason: STATUS_CODES[answer.status] ?? 'unknown' }
}

/** A request as a server has had it, but for what the gateway says of itself or leaves out in silence, and how the length of its body is told. */
export function seenByServer({ headers, ...request }: EchoedRequest) {
  return { ...request, headers: grouped(headers.filter(([name]) => !OF_GATEWAY.has(name) && !OF_CONNECTION.has(name))) }
}

/** Whether a request that came through the gateway has nothing of the client's connection, and is for the server itself. */
export function ofConnection(headers: EchoedRequest['headers'], port: number): boolean {
  const named = new Map(headers)
  return named.get('host') === `127.0.0.1:${port}` && !named.has('authorization') && !named.has('expect')
}

function grouped(fields: Fields): Fields {
  const names = [...new Set(fields.map(([name]) => name))]
  return names.flatMap((name) => fields.filter(([one]) => one === name))
}

const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'upgrade',
  'proxy-connection',
  'trailer',
])
const OF_GATEWAY = new Set([
  'host',
  'authorization',
  'accept-encoding',
  'expect',
  'content-length',
  'sec-fetch-mode',
  'referer',
])
