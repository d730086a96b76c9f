import { randomBytes } from 'node:crypto'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MessageWriter } from '../../src/tunnel/message-writer.ts'

/** Takes a message of a WebSocket apart byte by byte (RFC 6455, sections 5.2 and 5.3). */
function unmasked(message: Buffer): Buffer {
  expect(message[0]).toBe(0x82)
  const short = message.readUInt8(1) & 0x7f
  const [length, at] =
    short < 126 ? [short, 2] : short === 126 ? [message.readUInt16BE(2), 4] : [Number(message.readBigUInt64BE(2)), 10]
  expect(message.length).toBe(at + 4 + length)
  const payload = Buffer.from(message.subarray(at + 4))
  const key = message.subarray(at, at + 4)
  return payload.map((byte, n) => byte ^ (key[n & 3] as number)) as Buffer
}

it('masks messages of any length, wherever they lie in memory', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(40), fc.integer({ min: 60_000, max: 70_000 })), { maxLength: 8 }),
      (lengths) => {
        const payloads = lengths.map((length) => randomBytes(length))
        const messages: Buffer[] = []
        const connection = new Duplex({
          read() {},
          write(chunk: Buffer, _encoding, done) {
            messages.push(Buffer.from(chunk))
            setImmediate(done)
          },
          highWaterMark: 1e9,
        })
        const sent: Buffer[] = []
        // Each is written while the connection still has the last one: they lie behind each other.
        connection.cork()
        const writer = new MessageWriter(connection, { isMasked: true, written() {} })
        for (const payload of payloads) {
          if (payload.length > 0) sent.push(Buffer.from(payload))
          writer.add(payload)
          writer.send()
        }
        connection.uncork()
        for (let n = 0; n < messages.length; n++)
          expect(unmasked(messages[n] as Buffer).equals(sent[n] as Buffer)).toBe(true)
      },
    ),
    { numRuns: 50 },
  )
})
