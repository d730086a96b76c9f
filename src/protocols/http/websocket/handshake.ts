import { PamError } from '../../../shared/errors.ts'
import { valueOf, valuesOf, type Header, type Headers } from '../wire/headers.ts'
import { acceptOf, isWebSocketKey } from '../wire/websocket-handshake.ts'

/** A request for a WebSocket that RFC 6455, section 4.2.1, has. */
export interface Handshake {
  /** As sent: 16 bytes in base64. */
  readonly key: string
  /** In the order of the client's preference. */
  readonly subprotocols: readonly string[]
}

/** Reads the opening handshake of a client; what RFC 6455 does not have is refused, since a server may make something else of it. */
export function readHandshake(method: string, headers: Headers): Handshake | PamError {
  if (method !== 'GET') return wrong('a WebSocket is asked for with GET')
  const [version, ...versions] = valuesOf(headers, 'sec-websocket-version')
  if (version !== '13' || versions.length > 0)
    return new PamError('VERSION_MISMATCH', 'no other version of WebSockets than 13 is supported')
  const key = valueOf(headers, 'sec-websocket-key')
  if (key === undefined || !isWebSocketKey(key)) return wrong('the key of a WebSocket is 16 bytes in base64')
  const named = valuesOf(headers, 'connection').flatMap((value) => value.split(','))
  if (named.some((name) => !/^(?:upgrade|keep-alive)$/i.test(name.trim())))
    return wrong('beside the upgrade to a WebSocket nothing else can be asked of the connection')
  if (headers.some(([name]) => name === 'expect')) return wrong('a request for a WebSocket has no body to wait for')
  const subprotocols = offered(headers)
  return subprotocols === undefined
    ? wrong('the subprotocols of a WebSocket are different words')
    : identifying(subprotocols) === undefined
      ? { key, subprotocols }
      : new PamError('FEATURE_REFUSED', 'a subprotocol that carries a credential is not passed on')
}

/** Headers without those of the handshake: it is made anew with the target, and no extension is ever agreed on. */
export const withoutHandshake = (headers: Headers): Header[] => headers.filter(([name]) => !HANDSHAKE.has(name))

/** The one header of a handshake that says what is meant; none where no subprotocol is asked for. */
export const subprotocolHeader = (headers: Headers): Header[] => {
  const words = offered(headers) ?? []
  return words.length === 0 ? [] : [['sec-websocket-protocol', words.join(', ')]]
}

/** What the target is asked for, beside the header Upgrade and the subprotocols. `ownKey`: 16 random bytes in base64. */
export const handshakeHeaders = (ownKey: string): Header[] => [
  ['sec-websocket-version', '13'],
  ['sec-websocket-key', ownKey],
]

/** What a target has agreed to with status 101; undefined where that is not what it was asked for (RFC 6455, section 4.1). */
export function agreedOn(
  { subprotocols }: Handshake,
  ownKey: string,
  answer: Headers,
): { readonly subprotocol: string | undefined } | undefined {
  if (valueOf(answer, 'upgrade')?.toLowerCase() !== 'websocket') return undefined
  if (valueOf(answer, 'sec-websocket-accept') !== acceptOf(ownKey)) return undefined
  if (valuesOf(answer, 'sec-websocket-extensions').length > 0) return undefined
  const [subprotocol, ...more] = valuesOf(answer, 'sec-websocket-protocol')
  const isOffered = subprotocol === undefined || subprotocols.includes(subprotocol)
  return isOffered && more.length === 0 ? { subprotocol } : undefined
}

/** The answer to a client, with status 101. */
export const switchingHeaders = ({ key }: Handshake, subprotocol: string | undefined): Header[] => [
  ['connection', 'Upgrade'],
  ['upgrade', 'websocket'],
  ['sec-websocket-accept', acceptOf(key)],
  ...(subprotocol === undefined ? [] : [['sec-websocket-protocol', subprotocol] as const]),
]

/** Undefined for what is no list of different words. */
function offered(headers: Headers): string[] | undefined {
  const words = valuesOf(headers, 'sec-websocket-protocol').flatMap((value) =>
    value.split(',').map((word) => word.trim()),
  )
  const isList = words.every((word) => WORD.test(word)) && new Set(words).size === words.length
  return isList && words.length <= MAX_SUBPROTOCOLS ? words : undefined
}

/** Kubernetes and others take a token from there, for clients that can set no header. */
const identifying = (words: readonly string[]): string | undefined =>
  words.find((word) => /bearer|authori[sz]ation|basic\.|token/i.test(word))

const wrong = (message: string): PamError => new PamError('PROTOCOL_VIOLATION', message)

const HANDSHAKE = new Set([
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
])
/** A token (RFC 9110, section 5.6.2). */
const WORD = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/
const MAX_SUBPROTOCOLS = 20
