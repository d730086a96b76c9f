import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceivedMessages } from '../../../../src/protocols/http/gateway/received-messages.ts'
import { needlesOf } from '../../../../src/protocols/http/gateway/secret-spellings.ts'
import { encodePrefix } from '../../../../src/protocols/http/grpc/message-reader.ts'

const SECRET = 'tok-3f9a51e07c'
const needles = needlesOf(SECRET)

const message = (text: string): Buffer => Buffer.concat([encodePrefix(text.length), Buffer.from(text)])
const compressed = (bytes: Buffer): Buffer => {
  const prefix = encodePrefix(bytes.length)
  prefix[0] = 1
  return Buffer.concat([prefix, bytes])
}
const shown = (messages: ReceivedMessages, ...chunks: Buffer[]): string => {
  const out = Buffer.concat(chunks.flatMap((chunk) => messages.push(chunk)))
  messages.end()
  return out.toString('latin1')
}

describe('messages of an answer', () => {
  it('pass byte for byte where nothing is secret, in whatever pieces they come', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii' })), fc.integer({ min: 1, max: 9 }), (texts, size) => {
        const body = Buffer.concat(texts.map(message))
        const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, at) =>
          body.subarray(at * size, (at + 1) * size),
        )
        expect(shown(new ReceivedMessages(undefined, []), ...chunks)).toBe(body.toString('latin1'))
        expect(shown(new ReceivedMessages(undefined, needles), ...chunks)).toBe(body.toString('latin1'))
      }),
    )
  })

  it('have stars in place of the secret, byte by byte, too', () => {
    const body = message(`a ${SECRET} b`)
    const bytes = Array.from(body, (byte) => Buffer.from([byte]))
    expect(shown(new ReceivedMessages(undefined, needles), ...bytes)).toBe(
      message(`a ${'*'.repeat(SECRET.length)} b`).toString('latin1'),
    )
  })

  it('do not wait for the next one, although they end as the secret begins', () => {
    const messages = new ReceivedMessages(undefined, needles)
    const body = message('ping to')
    expect(Buffer.concat(messages.push(body))).toEqual(body)
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)('are decompressed to be searched: %s', (encoding, compress) => {
    const text = `it is ${SECRET}.`
    const body = compressed(compress(text))
    expect(shown(new ReceivedMessages(encoding, needles), body.subarray(0, 7), body.subarray(7))).toBe(
      message(`it is ${'*'.repeat(SECRET.length)}.`).toString('latin1'),
    )
    expect(shown(new ReceivedMessages(encoding, []), body)).toBe(body.toString('latin1'))
  })

  it.each([
    ['an encoding that nobody knows', 'snappy', compressed(Buffer.from('x')), 'FEATURE_REFUSED'],
    ['what is not compressed so', 'gzip', compressed(Buffer.from('x')), 'PROTOCOL_VIOLATION'],
    ['what becomes too long', 'gzip', compressed(gzipSync(Buffer.alloc(17 * 1024 * 1024))), 'MESSAGE_TOO_LARGE'],
    ['a compressed message of no named encoding', undefined, compressed(Buffer.from('x')), 'PROTOCOL_VIOLATION'],
  ])('are refused: %s', (_name, encoding, body, code) => {
    expect(() => new ReceivedMessages(encoding, needles).push(body)).toThrow(
      expect.objectContaining({ code, side: 'upstream' }),
    )
  })
})
