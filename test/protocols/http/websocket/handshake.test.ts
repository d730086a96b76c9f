import { describe, expect, it } from 'vitest'
import {
  agreedOn,
  readHandshake,
  subprotocolHeader,
  switchingHeaders,
  withoutHandshake,
} from '../../../../src/protocols/http/websocket/handshake.ts'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'
import { acceptOf } from '../../../../src/protocols/http/wire/websocket-handshake.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const PLAIN: readonly Header[] = [
  ['connection', 'keep-alive, Upgrade'],
  ['upgrade', 'websocket'],
  ['sec-websocket-version', '13'],
  ['sec-websocket-key', KEY],
]
const without = (name: string): Header[] => PLAIN.filter(([one]) => one !== name)

describe('the opening handshake of a client', () => {
  it('has a key and subprotocols', () => {
    expect(readHandshake('GET', PLAIN)).toEqual({ key: KEY, subprotocols: [] })
    const headers: Header[] = [
      ...PLAIN,
      ['sec-websocket-protocol', 'chat, superchat'],
      ['sec-websocket-protocol', 'v1'],
    ]
    expect(readHandshake('GET', headers)).toEqual({ key: KEY, subprotocols: ['chat', 'superchat', 'v1'] })
  })

  it.each<[string, string, string, readonly Header[]]>([
    ['another method', 'POST', 'PROTOCOL_VIOLATION', PLAIN],
    ['no version', 'GET', 'VERSION_MISMATCH', without('sec-websocket-version')],
    [
      'an older version',
      'GET',
      'VERSION_MISMATCH',
      [...without('sec-websocket-version'), ['sec-websocket-version', '8']],
    ],
    ['two versions', 'GET', 'VERSION_MISMATCH', [...PLAIN, ['sec-websocket-version', '13']]],
    [
      'a list of versions',
      'GET',
      'VERSION_MISMATCH',
      [...without('sec-websocket-version'), ['sec-websocket-version', '13, 8']],
    ],
    ['no key', 'GET', 'PROTOCOL_VIOLATION', without('sec-websocket-key')],
    ['a short key', 'GET', 'PROTOCOL_VIOLATION', [...without('sec-websocket-key'), ['sec-websocket-key', 'dGhlIQ==']]],
    ['two keys', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['sec-websocket-key', KEY]]],
    ['a connection with more', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['connection', 'close']]],
    ['settings of HTTP/2', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['connection', 'HTTP2-Settings']]],
    ['something to wait for', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['expect', '100-continue']]],
    ['a subprotocol twice', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['sec-websocket-protocol', 'a, b, a']]],
    ['an empty subprotocol', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['sec-websocket-protocol', 'a,']]],
    ['a subprotocol with blanks', 'GET', 'PROTOCOL_VIOLATION', [...PLAIN, ['sec-websocket-protocol', 'a b']]],
    [
      'a token as a subprotocol',
      'GET',
      'FEATURE_REFUSED',
      [...PLAIN, ['sec-websocket-protocol', 'v4, base64url.bearer.authorization.k8s.io.dG9r']],
    ],
  ])('is refused with %s', (_name, method, code, headers) => {
    const read = readHandshake(method, headers)
    expect(read).toBeInstanceOf(PamError)
    expect(read).toMatchObject({ code })
  })

  it('is made anew with the target: only subprotocols go on', () => {
    const headers: Header[] = [
      ...PLAIN,
      ['sec-websocket-extensions', 'permessage-deflate'],
      ['sec-websocket-protocol', 'a'],
      ['sec-websocket-protocol', 'b'],
      ['accept', '*/*'],
    ]
    expect(withoutHandshake(headers).map(([name]) => name)).toEqual(['connection', 'upgrade', 'accept'])
    expect(subprotocolHeader(headers)).toEqual([['sec-websocket-protocol', 'a, b']])
    expect(subprotocolHeader(PLAIN)).toEqual([])
  })
})

describe('the answer of a target', () => {
  const OWN = 'x3JJHMbDL1EzLkh9GBhXDw=='
  const handshake = { key: KEY, subprotocols: ['chat', 'v1'] }
  const answer = (...more: Header[]): Header[] => [
    ['upgrade', 'WebSocket'],
    ['connection', 'Upgrade'],
    ['sec-websocket-accept', acceptOf(OWN)],
    ...more,
  ]

  it('agrees to what it was asked for', () => {
    expect(agreedOn(handshake, OWN, answer())).toEqual({ subprotocol: undefined })
    expect(agreedOn(handshake, OWN, answer(['sec-websocket-protocol', 'v1']))).toEqual({ subprotocol: 'v1' })
    expect(switchingHeaders(handshake, 'v1')).toContainEqual(['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  })

  it.each<[string, readonly Header[]]>([
    ['another key', [...answer().slice(0, 2), ['sec-websocket-accept', acceptOf(KEY)]]],
    ['no key', answer().slice(0, 2)],
    ['another protocol', [['upgrade', 'h2c'], ...answer().slice(1)]],
    ['two protocols', [...answer(), ['upgrade', 'h2c']]],
    ['an extension', answer(['sec-websocket-extensions', 'permessage-deflate'])],
    ['a subprotocol that was not offered', answer(['sec-websocket-protocol', 'v2'])],
    ['two subprotocols', answer(['sec-websocket-protocol', 'v1'], ['sec-websocket-protocol', 'chat'])],
  ])('with %s is none', (_name, headers) => {
    expect(agreedOn(handshake, OWN, headers)).toBeUndefined()
  })
})
