import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeWebSocketMessage, WebSocketReader } from '../../../../src/protocols/http/wire/websocket-frame.ts'
import { acceptOf, isWebSocketKey } from '../../../../src/protocols/http/wire/websocket-handshake.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const read = (from: 'client' | 'server', ...chunks: Buffer[]) => {
  const reader = new WebSocketReader({ from, maxBytes: 1000 })
  return chunks
    .flatMap((chunk) => [...reader.read(chunk)])
    .map(({ type, payload }) => `${type} ${payload.toString('latin1')}`)
}

describe('frames of a WebSocket', () => {
  // The examples of RFC 6455, section 5.7.
  it.each([
    ['server', '81 05 48656c6c6f', ['text Hello']],
    ['client', '81 85 37fa213d 7f9f4d5158', ['text Hello']],
    ['server', '01 03 48656c 80 02 6c6f', ['text Hello']],
    ['server', '89 05 48656c6c6f', ['ping Hello']],
    ['client', '8a 85 37fa213d 7f9f4d5158', ['pong Hello']],
    ['server', '02 01 61 89 00 80 01 62', ['ping ', 'binary ab']],
    ['server', '88 02 03e8', ['close \x03\xe8']],
    ['server', '82 00', ['binary ']],
  ] as const)('from a %s: %s', (from, bytes, messages) => {
    const whole = hex(bytes)
    expect(read(from, whole)).toEqual(messages)
    for (let cut = 1; cut < whole.length; cut++)
      expect(read(from, whole.subarray(0, cut), whole.subarray(cut))).toEqual(messages)
    expect(read(from, ...[...whole].map((byte) => Buffer.of(byte)))).toEqual(messages)
  })

  it.each([
    ['a client without a mask', 'client', '81 05 48656c6c6f'],
    ['a server with one', 'server', '81 85 37fa213d 7f9f4d5158'],
    ['an extension', 'server', 'c1 00'],
    ['an opcode that nobody knows', 'server', '83 00'],
    ['a control frame that nobody knows', 'server', '8b 00'],
    ['a ping in fragments', 'server', '09 00'],
    ['a ping that is too long', 'server', '89 7e 007e'],
    ['a fragment of nothing', 'server', '80 00'],
    ['a message within another', 'server', '01 01 61 81 01 62'],
    ['a length of 16 bits that 7 hold', 'server', '82 7e 0005 4142434445'],
    ['a length of 64 bits that 16 hold', 'server', '82 7f 0000000000000100'],
    ['a length beyond what numbers hold', 'server', '82 7f ffffffffffffffff'],
    ['a message that is too long', 'server', '82 7e 03e9'],
  ] as const)('refuses %s', (_, from, bytes) => {
    expect(() => read(from, hex(bytes))).toThrow(WireError)
  })

  it('counts fragments, and all that they hold, against the limit', () => {
    const fragment = Buffer.concat([hex('02 7e 0258'), Buffer.alloc(600)])
    const more = Buffer.concat([hex('00 7e 0258'), Buffer.alloc(600)])
    expect(() => read('server', fragment, more)).toThrow(/longer than 1000/)
    expect(() => read('server', hex('02 00'), ...Array.from({ length: 5000 }, () => hex('00 00')))).toThrow(/fragments/)
  })

  it('reads what it writes, in any pieces', () => {
    const message = fc.record({
      type: fc.constantFrom('text' as const, 'binary' as const),
      payload: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
    })
    const mask = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)))
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), mask, fc.integer({ min: 1, max: 50 }), (messages, key, step) => {
        const bytes = Buffer.concat(messages.map((one) => encodeWebSocketMessage(one, key ?? undefined)))
        const reader = new WebSocketReader({ from: key === null ? 'server' : 'client', maxBytes: 1000 })
        const got = []
        for (let at = 0; at < bytes.length; at += step) got.push(...reader.read(bytes.subarray(at, at + step)))
        expect(got.map(({ type, payload }) => [type, payload.toString('hex')])).toEqual(
          messages.map(({ type, payload }) => [type, payload.toString('hex')]),
        )
        expect(reader.isIdle).toBe(true)
      }),
    )
  })

  it('fails with a WireError or not at all, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          read('client', Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: sampledRuns(2000) },
    )
  })

  it('answers a key as RFC 6455 does', () => {
    expect(acceptOf('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    expect(isWebSocketKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe(true)
    expect(isWebSocketKey('dGhlIHNhbXBsZQ==')).toBe(false)
  })
})
