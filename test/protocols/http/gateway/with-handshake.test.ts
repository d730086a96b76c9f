import { expect, it } from 'vitest'
import { readCommand } from '../../../../src/protocols/http/gateway/read-command.ts'
import { readText } from '../../../../src/protocols/http/gateway/read-text.ts'
import { withHandshake } from '../../../../src/protocols/http/gateway/with-handshake.ts'
import { passedHeaders } from '../../../../src/protocols/http/request/read-headers.ts'
import { withoutHandshake } from '../../../../src/protocols/http/websocket/handshake.ts'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const commandOf = (headers: readonly Header[], upgrade?: string) => {
  const passed = passedHeaders(upgrade === undefined ? headers : withoutHandshake(headers), [])
  return withHandshake(
    readCommand({ version: '1.1', method: 'GET', target: '/ws', headers }, upgrade, Buffer.alloc(0), {
      passed,
      description: undefined,
      encodedSlashes: false,
      maxBody: 1024 * 1024,
    }),
  )
}

it('knows the handshake of a WebSocket, and passes its subprotocols alone', () => {
  const { handshake, headers, refusal, facts } = commandOf(
    [
      ['sec-websocket-version', '13'],
      ['sec-websocket-key', KEY],
      ['sec-websocket-extensions', 'permessage-deflate'],
      ['sec-websocket-protocol', 'chat'],
      ['accept', '*/*'],
    ],
    'websocket',
  )
  expect(refusal).toBeUndefined()
  expect(handshake).toEqual({ key: KEY, subprotocols: ['chat'] })
  expect(headers).toEqual([
    ['accept', '*/*'],
    ['sec-websocket-protocol', 'chat'],
  ])
  expect(facts.statements[0].kinds).toEqual(['get', 'websocket'])
})

it('is tested by rules with the header Upgrade alone', () => {
  const { facts, refusal } = readText('GET /live\nUpgrade: websocket\nSec-WebSocket-Protocol: v1', undefined, '.')
  expect(refusal).toBeUndefined()
  expect(facts.statements[0]).toMatchObject({ kinds: ['get', 'websocket'] })
})

it('refuses one that is not whole, and headers of it in any other request', () => {
  expect(commandOf([], 'websocket').refusal).toMatchObject({ code: 'VERSION_MISMATCH' })
  expect(commandOf([['sec-websocket-key', KEY]]).refusal).toMatchObject({ code: 'FEATURE_REFUSED' })
  const accept: Header = ['sec-websocket-accept', 'x']
  expect(
    commandOf([['sec-websocket-version', '13'], ['sec-websocket-key', KEY], accept], 'websocket').refusal,
  ).toMatchObject({
    code: 'FEATURE_REFUSED',
  })
})
