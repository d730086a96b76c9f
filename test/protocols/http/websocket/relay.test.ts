import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeWebSocketMessage } from '../../../../src/protocols/http/wire/websocket-frame.ts'
import { PamError } from '../../../../src/shared/errors.ts'
import { codeBytes, startRelay, type WebSocketEnd, type WebSocketEnds } from '../../../helpers/websocket-ends.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const left = async ({ client, target, end }: WebSocketEnds) => {
  const how = await end
  await Promise.all([client.closed, target.closed])
  return how
}
/** Until so many messages have come. */
const has = async ({ socket, got }: WebSocketEnd, count: number): Promise<void> => {
  while (got.length < count) await once(socket, 'data')
}

describe('a WebSocket between a client and a target', () => {
  it('passes messages both ways in order, also behind the close of one side', async () => {
    const ends = await startRelay()
    const { client, target, log } = ends
    target.send(['text', 'welcome'], ['ping', 'p'])
    client.send(['text', 'a'], ['binary', Buffer.from([0, 255])], ['ping', ''], ['close', codeBytes(1000)])
    await has(target, 4)
    expect(target.got).toEqual(['text a', 'binary \0ÿ', 'ping ', 'close 1000'])
    target.send(['text', 'one more'], ['close', codeBytes(1000)])
    expect(await left(ends)).toEqual({ said: 'the client closed the WebSocket with 1000', error: undefined })
    expect(client.got).toEqual(['text welcome', 'ping p', 'text one more', 'close 1000'])
    expect(log.filter((line) => line.startsWith('client'))).toEqual([
      'client text a',
      'client binary \0ÿ',
      'client ping ',
      'client close ',
    ])
  })

  it('passes nothing that is sent behind a close, and closes once', async () => {
    const ends = await startRelay()
    const { client, target, log } = ends
    client.send(['close', codeBytes(1000)], ['text', 'late'], ['close', codeBytes(1001)])
    await has(target, 1)
    target.send(['close', codeBytes(1000)], ['text', 'late'])
    expect((await left(ends)).error).toBeUndefined()
    expect([client.got, target.got]).toEqual([['close 1000'], ['close 1000']])
    expect(log.join()).not.toContain('late')
  })

  it.each<[string, string, string, string]>([
    ['a frame without a mask', '81 01 61', 'close 1002 a frame of a client is not masked', 'closed 1002'],
    ['a compressed frame', 'c1 81 00000000 61', 'close 1002 a frame of a WebSocket uses an extension', 'closed 1002'],
    ['another reserved bit', '91 81 00000000 61', 'close 1002', 'closed 1002'],
    ['an opcode that nobody knows', '83 80 00000000', 'close 1002', 'closed 1002'],
    ['a long ping', '89 fe 007e 00000000', 'close 1002', 'closed 1002'],
    ['a ping in fragments', '09 80 00000000', 'close 1002', 'closed 1002'],
    ['a length in a longer form', '82 fe 0001 00000000 61', 'close 1002', 'closed 1002'],
    ['a length of 64 bits', '82 ff 7fffffffffffffff 00000000', 'close 1009', 'closed 1009'],
    ['a message that is too long', '82 fe 03e9 00000000', 'close 1009', 'closed 1009'],
    ['text that is not UTF-8', '81 82 00000000 c328', 'close 1007', 'closed 1007'],
    ['half a close code', '88 81 00000000 03', 'close 1002', 'closed 1002'],
    ['a close code that nobody may send', '88 82 00000000 03ee', 'close 1002', 'closed 1002'],
    ['a fragment of nothing', '80 80 00000000', 'close 1002', 'closed 1002'],
    ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), 'close 1002', 'closed 1002'],
  ])('ends for %s of the client; what came before has passed', async (_name, bytes, told, error) => {
    const ends = await startRelay()
    const before = encodeWebSocketMessage({ type: 'text', payload: Buffer.from('before') }, Buffer.alloc(4))
    ends.client.socket.write(Buffer.concat([before, hex(bytes), before]))
    expect((await left(ends)).error).toBe(error)
    expect(ends.client.got).toHaveLength(1)
    expect(ends.client.got[0]?.startsWith(told)).toBe(true)
    expect(ends.target.got).toEqual(['text before', 'close 1001'])
  })

  it.each([
    ['a masked frame', '81 81 00000000 61', 1002],
    ['text that is not UTF-8', '81 01 ff', 1007],
    ['half a character at the end of a message in fragments', '01 01 c3 80 00', 1007],
    ['a message that is too long', '82 7e 03e9', 1009],
  ] as const)('ends for %s of the target, which the client is no party to', async (_name, bytes, code) => {
    const ends = await startRelay()
    ends.target.socket.write(hex(bytes))
    expect((await left(ends)).error).toBe(`closed ${code}`)
    expect(ends.target.got[0]).toMatch(new RegExp(`^close ${code} `))
    expect(ends.client.got[0]).toMatch(/^close 1011 /)
  })

  it('ends where one side leaves without a word', async () => {
    const one = await startRelay()
    one.client.send(['text', 'last words'])
    one.client.socket.end()
    expect(await left(one)).toMatchObject({ said: 'the client left without closing the WebSocket', error: 'left' })
    expect(one.target.got).toEqual(['text last words', 'close 1001'])
    const other = await startRelay()
    other.target.send(['text', 'last words'])
    other.target.socket.end()
    expect((await left(other)).error).toBe('left')
    expect(other.client.got).toEqual(['text last words', 'close 1011 the target closed the connection'])
  })

  it('ends with the session, and tells both', async () => {
    const ends = await startRelay()
    ends.client.send(['text', 'a'])
    await has(ends.target, 1)
    ends.over.abort(new PamError('GRANT_REVOKED', 'the grant was revoked'))
    expect((await left(ends)).error).toBe('GRANT_REVOKED')
    expect(ends.client.got).toEqual(['close 1008 GRANT_REVOKED: the grant was revoked'])
    expect(ends.target.got).toEqual(['text a', 'close 1001'])
  })

  it('ends with a message that may not be shown', async () => {
    const ends = await startRelay({
      show() {
        throw new PamError('MASKING_REFUSED', 'not this')
      },
    })
    ends.target.send(['binary', 'x'])
    expect((await left(ends)).error).toBe('MASKING_REFUSED')
    expect(ends.client.got).toEqual(['close 1008 MASKING_REFUSED: not this'])
    expect(ends.target.got).toEqual(['close 1003'])
  })

  it('reads a side no faster than the other takes it', async () => {
    const ends = await startRelay()
    const { client, target, log } = ends
    target.socket.pause()
    const piece = encodeWebSocketMessage({ type: 'binary', payload: Buffer.alloc(1000) }, Buffer.alloc(4))
    const COUNT = 20_000
    client.socket.write(Buffer.concat(Array.from({ length: COUNT }, () => piece)))
    client.send(['close', codeBytes(1000)])
    // Until nothing is taken any more: then sockets are full, and nothing else is.
    for (let [turns, last] = [0, 0]; turns < 500; turns++) {
      if (client.socket.bytesWritten - client.socket.writableLength > last) turns = 0
      last = client.socket.bytesWritten - client.socket.writableLength
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(log.length).toBeLessThan(COUNT)
    target.socket.resume()
    await has(target, COUNT + 1)
    expect(target.got.at(-1)).toBe('close 1000')
    target.send(['close', codeBytes(1000)])
    await left(ends)
  })

  it('is the same however the bytes are cut, with control frames between fragments', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 })
    const frames = fc.array(
      fc.oneof(
        text.map((said) => ({ bytes: frame(0x81, said), seen: [`text ${Buffer.from(said).toString('latin1')}`] })),
        text.map((said) => ({ bytes: frame(0x89, said), seen: [`ping ${Buffer.from(said).toString('latin1')}`] })),
        fc.tuple(text, text, text).map(([one, between, other]) => ({
          bytes: Buffer.concat([frame(0x01, one), frame(0x8a, between), frame(0x80, other)]),
          seen: [
            `pong ${Buffer.from(between).toString('latin1')}`,
            `text ${Buffer.from(one + other).toString('latin1')}`,
          ],
        })),
      ),
      { maxLength: 5 },
    )
    await fc.assert(
      fc.asyncProperty(frames, fc.integer({ min: 1, max: 9 }), async (sent, step) => {
        const ends = await startRelay()
        const bytes = Buffer.concat([...sent.map((one) => one.bytes), frame(0x88, '\x03\xe8')])
        ends.client.socket.setNoDelay(true)
        for (let at = 0; at < bytes.length; at += step) {
          ends.client.socket.write(bytes.subarray(at, at + step))
          await new Promise((resolve) => setImmediate(resolve))
        }
        const seen = sent.flatMap((one) => one.seen)
        await has(ends.target, seen.length + 1)
        ends.target.send(['close', codeBytes(1000)])
        await left(ends)
        expect(ends.target.got).toEqual([...seen, 'close 1000'])
      }),
      { numRuns: 40 },
    )
  })
})

/** Of a client, with a mask. The text is at most 125 bytes long. */
function frame(first: number, said: string): Buffer {
  const payload = first === 0x88 ? Buffer.from(said, 'latin1') : Buffer.from(said)
  const mask = [7, 77, 177, 27]
  return Buffer.concat([
    Buffer.from([first, 0x80 | payload.length, ...mask]),
    payload.map((byte, index) => byte ^ (mask[index & 3] as number)),
  ])
}
