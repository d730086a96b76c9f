import { PamError } from '../../../shared/errors.ts'
import { acceptOf, isWebSocketKey } from '../../http/wire/websocket-handshake.ts'
import { valueOf, valuesOf, type Header, type Headers } from '../../http/wire/headers.ts'

/** What a client wants to speak in place of HTTP. */
export interface Transport {
  /** As in the header Upgrade. */
  readonly protocol: 'websocket' | 'SPDY/3.1'
  /** Sub-protocols that it offers and that are understood here, the one that it likes best first. */
  readonly offered: readonly string[]
  /** Of a WebSocket. */
  readonly key: string | undefined
}

/** What a server has agreed to. */
export interface AgreedTransport {
  readonly protocol: Transport['protocol']
  readonly subprotocol: string
}

/** Sub-protocols of exec and attach, and of port-forward, by transport. Others carry the same in forms that are not read here. */
const UNDERSTOOD = {
  command: { websocket: ['v5.channel.k8s.io', 'v4.channel.k8s.io'], 'SPDY/3.1': ['v4.channel.k8s.io'] },
  portforward: { websocket: ['SPDY/3.1+portforward.k8s.io'], 'SPDY/3.1': ['portforward.k8s.io'] },
} as const

/** Reads what a request for exec, attach or port-forward wants to become. */
export function readTransport(
  subresource: 'exec' | 'attach' | 'portforward',
  method: string,
  upgrade: string | undefined,
  headers: Headers,
): Transport | PamError {
  const understood = UNDERSTOOD[subresource === 'portforward' ? 'portforward' : 'command']
  if (upgrade?.toLowerCase() === 'websocket') {
    const key = valueOf(headers, 'sec-websocket-key')
    if (method !== 'GET' || key === undefined || !isWebSocketKey(key) || version(headers) !== '13')
      return new PamError('PROTOCOL_VIOLATION', 'the request is not a valid WebSocket handshake (RFC 6455)')
    const offered = inOrder(wordsOf(headers, 'sec-websocket-protocol'), understood.websocket)
    return offered.length > 0 ? { protocol: 'websocket', offered, key } : unsupported(understood.websocket)
  }
  if (upgrade?.toLowerCase() === 'spdy/3.1') {
    const offered = inOrder(wordsOf(headers, 'x-stream-protocol-version'), understood['SPDY/3.1'])
    return offered.length > 0 ? { protocol: 'SPDY/3.1', offered, key: undefined } : unsupported(understood['SPDY/3.1'])
  }
  return new PamError('FEATURE_REFUSED', `${subresource} needs a WebSocket or SPDY/3.1`)
}

/** What is asked of the API server for it, beside the header Upgrade. `ownKey`: 16 random bytes in base64. */
export function transportHeaders({ protocol, offered }: Transport, ownKey: string): Header[] {
  if (protocol === 'SPDY/3.1') return offered.map((name) => ['x-stream-protocol-version', name])
  return [
    ['sec-websocket-version', '13'],
    ['sec-websocket-key', ownKey],
    ['sec-websocket-protocol', offered.join(', ')],
  ]
}

/** What the API server has agreed to; undefined where that was not asked for. */
export function agreedTransport(
  { protocol, offered }: Transport,
  ownKey: string,
  answer: Headers,
): AgreedTransport | undefined {
  if (valueOf(answer, 'upgrade')?.toLowerCase() !== protocol.toLowerCase()) return undefined
  const isWebSocket = protocol === 'websocket'
  if (isWebSocket && valueOf(answer, 'sec-websocket-accept') !== acceptOf(ownKey)) return undefined
  if (valueOf(answer, 'sec-websocket-extensions') !== undefined) return undefined
  const [subprotocol, ...more] = wordsOf(answer, isWebSocket ? 'sec-websocket-protocol' : 'x-stream-protocol-version')
  return subprotocol !== undefined && more.length === 0 && offered.includes(subprotocol)
    ? { protocol, subprotocol }
    : undefined
}

/** The answer to a client, with status 101. */
export function switchingHeaders({ key }: Transport, { protocol, subprotocol }: AgreedTransport): Header[] {
  return [
    ['connection', 'Upgrade'],
    ['upgrade', protocol],
    ...(protocol === 'websocket'
      ? ([
          ['sec-websocket-accept', acceptOf(key ?? '')],
          ['sec-websocket-protocol', subprotocol],
        ] as const)
      : ([['x-stream-protocol-version', subprotocol]] as const)),
  ]
}

const version = (headers: Headers): string | undefined => valueOf(headers, 'sec-websocket-version')

/** Of a header that may come several times, each with a list. */
const wordsOf = (headers: Headers, name: string): string[] =>
  valuesOf(headers, name).flatMap((value) =>
    value
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  )

const inOrder = (words: readonly string[], understood: readonly string[]): string[] => [
  ...new Set(words.filter((word) => understood.includes(word))),
]

const unsupported = (understood: readonly string[]): PamError =>
  new PamError(
    'FEATURE_REFUSED',
    `the client offers no version of this stream that is supported: ${understood.join(', ')}`,
    {
      hint: 'use kubectl 1.29 or newer',
    },
  )
