import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { WebSocket, WebSocketServer } from 'ws'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { idleHandler, type Channel } from '../../src/shared/channel.ts'
import { MessageWriter } from '../../src/tunnel/message-writer.ts'
import { WINDOW, type MuxChannel } from '../../src/tunnel/mux-channel.ts'
import { decodeFrames, encodeFrame, frameTypes, type FrameType } from '../../src/tunnel/mux-frame.ts'
import { MUX_PROTOCOL, Multiplexer, MuxRefusal, OLDER_MUX_PROTOCOL } from '../../src/tunnel/multiplexer.ts'
import type { MultiplexerParts, OpenRequest } from '../../src/tunnel/multiplexer.ts'
import { sampledRuns } from '../helpers/sampled.ts'

let server: Server
let near: WebSocket
let far: WebSocket
/** What is below them. */
let nearConnection: Duplex
let farConnection: Duplex
/** Messages that the far side got, and how it was closed. */
let messages: Buffer[]
let closedWith: Promise<number>

beforeEach(() => connect(MUX_PROTOCOL))
async function connect(protocol: string): Promise<void> {
  server = createServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<WebSocket>((resolve) =>
    sockets.once('connection', (socket, { socket: connection }) => {
      farConnection = connection
      resolve(socket)
    }),
  )
  near = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, protocol, {
    perMessageDeflate: false,
  })
  near.once('upgrade', ({ socket }) => (nearConnection = socket))
  const opened = new Promise<void>((resolve) => near.once('open', resolve))
  far = await accepted
  await opened
  messages = []
  far.on('message', (data) => messages.push(data as Buffer))
  closedWith = new Promise((resolve) => near.once('close', resolve))
}
afterEach(disconnect)
async function disconnect(): Promise<void> {
  near.terminate()
  far.terminate()
  await new Promise((resolve) => server.close(resolve))
}

type Told = Omit<MultiplexerParts, 'connection' | 'isAgent'>
const nearMux = (parts: Told = {}): Multiplexer =>
  new Multiplexer(near, { ...parts, connection: nearConnection, isAgent: true })
const farMux = (parts: Told): Multiplexer =>
  new Multiplexer(far, { ...parts, connection: farConnection, isAgent: false })

interface Frame {
  readonly type: FrameType
  readonly id: number
  readonly payload: Buffer
}
function framesOf(...all: readonly Buffer[]): Frame[] {
  const frames: Frame[] = []
  for (const message of all) decodeFrames(message, (type, id, payload) => frames.push({ type, id, payload }))
  return frames
}

const request = (target = 'db'): OpenRequest => ({ target, authorization: 'DPoP x', dpop: 'y' })

/** Both ends; the far one accepts what it is asked for. */
function pair(
  asked: (channel: MuxChannel, request: OpenRequest, far: Multiplexer) => void = (channel, _, one) =>
    one.accept(channel),
) {
  const farEnd: Multiplexer = farMux({
    asked: (channel, request_) => {
      given.push(channel)
      asked(channel, request_, farEnd)
    },
  })
  const given: MuxChannel[] = []
  return { near: nearMux(), far: farEnd, given }
}

/** What comes on a channel, as long as it is asked for. */
function reading(channel: Channel) {
  const seen = { bytes: [] as Buffer[], length: 0, ended: false, closed: 0, error: undefined as Error | undefined }
  channel.handler = {
    data(bytes) {
      seen.bytes.push(Buffer.from(bytes))
      seen.length += bytes.length
    },
    drained() {},
    ended: () => (seen.ended = true),
    closed(error) {
      seen.closed++
      seen.error = error
    },
  }
  return seen
}
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a shared tunnel', () => {
  it('carries every byte of every channel in order, in both directions, whoever pauses', async () => {
    const { near: one, given } = pair()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(90_000), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 30 }),
        async (channels, pauses) => {
          given.length = 0
          const open = await Promise.all(channels.map(() => one.open(request())))
          const work = channels.map(async (sizes, index) => {
            const [here, there] = [open[index] as MuxChannel, given[index] as MuxChannel]
            const [down, up] = [sizes.map((size) => randomBytes(size)), sizes.map((size) => randomBytes(size >> 1))]
            const [got, back] = [reading(there), reading(here)]
            for (const bytes of down) here.write(bytes)
            for (const bytes of up) there.write(bytes)
            here.end()
            there.end()
            for (let step = 0; !(got.ended && back.ended); step++) {
              // Whoever never reads never sees the end: of three turns one is always taken.
              const rest = step % 3 !== 2 && pauses[(step + index) % pauses.length] === true
              if (rest) there.pause()
              else there.resume()
              here.resume()
              await turns(1)
              if (step % 7 === 6) await new Promise((resolve) => setTimeout(resolve, 1))
            }
            expect(sha256(Buffer.concat(got.bytes))).toBe(sha256(Buffer.concat(down)))
            expect(sha256(Buffer.concat(back.bytes))).toBe(sha256(Buffer.concat(up)))
            // Whoever pauses last is told of the close once it reads again.
            there.resume()
            here.destroy()
            await expect.poll(() => [got.closed, back.closed]).toEqual([1, 1])
          })
          await Promise.all(work)
          expect(one.size).toBe(0)
        },
      ),
      { numRuns: sampledRuns(50) },
    )
  })

  it('buffers one window for a channel whose reader stalls, and delays no other', async () => {
    const { near: one, given } = pair()
    const [stalled, other] = [await one.open(request()), await one.open(request())]
    const [there, free] = given as [MuxChannel, MuxChannel]
    const late = reading(there)
    const got = reading(free)
    free.resume()
    const piece = randomBytes(64 * 1024)
    let refused = 0
    for (let n = 0; n < 160; n++) if (!stalled.write(piece)) refused++
    expect(refused).toBeGreaterThan(150)
    for (let n = 0; n < 160; n++) {
      other.write(piece)
      await turns(2)
    }
    await expect.poll(() => got.length).toBe(160 * piece.length)
    expect(late.length).toBe(0)
    const arrived = framesOf(...messages)
      .filter(({ type, id }) => type === frameTypes.data && id === stalled.id)
      .reduce((sum, { payload }) => sum + payload.length, 0)
    expect(arrived).toBe(WINDOW)
    there.resume()
    await expect.poll(() => late.length).toBe(160 * piece.length)
  })

  it('what all channels write in one turn is sent as one message', async () => {
    const { near: one, given } = pair()
    const open = await Promise.all(Array.from({ length: 64 }, () => one.open(request())))
    const seen = given.map((channel) => {
      const got = reading(channel)
      channel.resume()
      return got
    })
    messages.length = 0
    for (const channel of open) channel.write(Buffer.alloc(100, channel.id))
    await expect.poll(() => seen.every(({ length }) => length === 100)).toBe(true)
    expect(messages.length).toBe(1)
  })

  it('what a channel writes in pieces is one frame as far as a turn goes, and handed on at once', async () => {
    const { near: one, given } = pair()
    const channel = await one.open(request())
    const pieces: Buffer[] = []
    const taken = given[0] as MuxChannel
    taken.handler = { ...idleHandler, data: (bytes) => void pieces.push(Buffer.from(bytes)) }
    taken.resume()
    messages.length = 0
    const written = [10, 40_000, 1, 30_000, 300].map((length) => randomBytes(length))
    for (const piece of written) channel.write(piece)
    channel.send({ v: 1, type: 'eof' })
    channel.write(Buffer.from('more'))
    await expect.poll(() => Buffer.concat(pieces).length).toBe(70_315)
    const frames = framesOf(...messages)
    expect(frames.map(({ type, payload }) => (type === frameTypes.data ? payload.length : 'text'))).toEqual([
      65_536,
      70_311 - 65_536,
      'text',
      4,
    ])
    expect(Buffer.concat(pieces).equals(Buffer.concat([...written, Buffer.from('more')]))).toBe(true)
  })

  it('channels take turns: a small answer does not wait behind a large one', async () => {
    const { near: one, given } = pair()
    const [large, small] = [await one.open(request()), await one.open(request())]
    for (const channel of given) {
      reading(channel)
      channel.resume()
    }
    messages.length = 0
    large.write(randomBytes(WINDOW))
    small.write(Buffer.from('answer'))
    await expect.poll(() => framesOf(...messages).length).toBeGreaterThan(4)
    const order = framesOf(...messages).map(({ id }) => id)
    expect(order.indexOf(small.id)).toBe(1)
  })

  it('reports when a channel is blocked, and when it continues', async () => {
    const { near: one, given } = pair()
    const channel = await one.open(request())
    let drained = 0
    channel.handler = { ...channel.handler, drained: () => drained++ }
    // A window goes out at once; what is behind it waits for credit.
    for (let n = 0; n < 12; n++) channel.write(Buffer.alloc(50_000))
    await turns(5)
    expect(drained).toBe(0)
    reading(given[0] as MuxChannel)
    given[0]?.resume()
    await expect.poll(() => drained).toBe(1)
  })

  it('over a long way the window grows, to a megabyte and no further; for a reader that pauses it stays', async () => {
    const { near: one, given } = pair()
    let granted = 0
    near.on('message', (data) => {
      for (const { type, payload } of framesOf(data as Buffer))
        if (type === frameTypes.credit) granted += payload.readUInt32BE()
    })
    const channel = await one.open(request())
    const there = given[0] as MuxChannel
    const got = reading(there)
    /** What the far side lets be on its way: all credit, less what it took. */
    const window = (): number => WINDOW + granted - got.length
    const sent = 64 * 256 * 1024
    // Who reads a little now and then is what holds this up, not the way.
    const reader = setInterval(() => {
      there.resume()
      there.pause()
    }, 1)
    for (let n = 0; n < 8; n++) channel.write(Buffer.alloc(256 * 1024))
    await expect.poll(() => got.length).toBe(8 * 256 * 1024)
    clearInterval(reader)
    expect(window()).toBeLessThanOrEqual(WINDOW)
    // Everything that the far side says takes its time.
    const arrives = near.emit.bind(near)
    near.emit = ((name: string, ...what: unknown[]) => {
      if (name !== 'message') return arrives(name, ...what)
      setTimeout(() => arrives(name, ...what), 20)
      return true
    }) as typeof near.emit
    there.resume()
    for (let n = 8; n < 64; n++) channel.write(Buffer.alloc(256 * 1024))
    await expect.poll(() => got.length).toBe(sent)
    await expect.poll(window).toBeGreaterThan(512 * 1024)
    expect(window()).toBeLessThanOrEqual(1024 * 1024)
  })

  it('nothing is sent before the other side has accepted; a refusal says why', async () => {
    let accept = (): void => {}
    const { near: one, given } = pair((channel, { target }, farEnd) => {
      if (target === 'no') farEnd.refuse(channel, '{"code":"TARGET_UNKNOWN"}')
      else accept = () => farEnd.accept(channel)
    })
    const opening = one.open(request('later'))
    await expect(one.open(request('no'))).rejects.toBeInstanceOf(MuxRefusal)
    await expect(one.open(request('no'))).rejects.toMatchObject({ problem: '{"code":"TARGET_UNKNOWN"}' })
    accept()
    const channel = await opening
    channel.write(Buffer.from('x'))
    const got = reading(given[0] as MuxChannel)
    given[0]?.resume()
    await expect.poll(() => got.length).toBe(1)
    expect(one.size).toBe(1)
  })

  it('what was written before the end still arrives, and a closed channel affects no other', async () => {
    const { near: one, given } = pair()
    const [first, second] = [await one.open(request()), await one.open(request())]
    const [a, b] = given as [MuxChannel, MuxChannel]
    const [gotA, gotB] = [reading(a), reading(b)]
    first.write(Buffer.from('last words'))
    first.send({ v: 1, type: 'ended', code: 'X' })
    first.destroy()
    const frames: string[] = []
    a.onFrame = ({ code }) => frames.push(code ?? '')
    await turns(5)
    a.resume()
    b.resume()
    await expect.poll(() => gotA.closed).toBe(1)
    expect(Buffer.concat(gotA.bytes).toString()).toBe('last words')
    expect(frames).toEqual(['X'])
    second.write(Buffer.from('on'))
    await expect.poll(() => gotB.length).toBe(2)
    expect(gotB.closed).toBe(0)
  })

  it('ends every channel and every pending request when the connection is lost', async () => {
    const { near: one, given } = pair((channel, { target }, farEnd) => {
      if (target !== 'never') farEnd.accept(channel)
    })
    const seen = reading(await one.open(request()))
    const waiting = one.open(request('never'))
    const refused = expect(waiting).rejects.toThrow()
    const there = reading(given[0] as MuxChannel)
    far.terminate()
    await refused
    await expect.poll(() => [seen.closed, there.closed]).toEqual([1, 1])
    expect(one.isClosed).toBe(true)
    await expect(one.open(request())).rejects.toThrow('has ended')
  })
})

describe('the bytes on the connection', () => {
  const anyFrame = fc.record({
    type: fc.constantFrom(...Object.values(frameTypes)),
    id: fc.oneof(fc.nat(9), fc.constant(0xff_ff_ff_ff)),
    payload: fc.uint8Array({ maxLength: 300 }),
  })

  it('are the same frames however they are divided into messages', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), fc.array(fc.boolean()), (frames, cuts) => {
        const messages_: Buffer[] = [Buffer.alloc(0)]
        frames.forEach(({ type, id, payload }, index) => {
          if (cuts[index] === true) messages_.push(Buffer.alloc(0))
          messages_.push(Buffer.concat([messages_.pop() as Buffer, encodeFrame(type, id, payload)]))
        })
        expect(framesOf(...messages_)).toEqual(
          frames.map(({ type, id, payload }) => ({ type, id, payload: Buffer.from(payload) })),
        )
        // Within a frame a message cannot end: everything before the cut is taken, nothing after it.
        const whole = Buffer.concat(messages_)
        const ends = new Set([0])
        for (let at = 0; at < whole.length; ends.add(at)) at += 9 + whole.readUInt32BE(at + 5)
        for (let cut = 0; cut <= whole.length; cut++) {
          if (ends.has(cut)) expect(framesOf(whole.subarray(0, cut), whole.subarray(cut))).toHaveLength(frames.length)
          else expect(() => framesOf(whole.subarray(0, cut))).toThrow('ends within a frame')
        }
      }),
    )
  })

  it('are WebSocket messages that any WebSocket reads, from both ends, wherever the connection cuts them', async () => {
    // Lengths around those at which the header changes, and beyond what is kept for a message.
    const sizes = [0, 1, 107, 108, 109, 116, 117, 118, 65_516, 65_517, 65_527, 65_528, 65_536, 200_000, 900_000]
    for (const [connection, isMasked, receive] of [
      [nearConnection, true, far],
      [farConnection, false, near],
    ] as const) {
      const got: Buffer[] = []
      receive.on('message', (data) => got.push(data as Buffer))
      /** What stays unsent as long as the connection is corked; the memory of it must not be used again. */
      const out = new MessageWriter(connection, { isMasked, written() {} })
      const sent: Buffer[] = []
      for (const round of [0, 1, 2])
        for (const size of sizes) {
          if (size === 1) connection.cork()
          if (size === 65_536) connection.uncork()
          const payload = randomBytes(size)
          out.begin()
          for (let at = 0; at < size; at += 40_000) out.add(payload.subarray(at, at + 40_000))
          out.end(frameTypes.data, 7)
          const beside = encodeFrame(frameTypes.text, 8, Buffer.from(String(round)))
          out.add(beside)
          sent.push(Buffer.concat([encodeFrame(frameTypes.data, 7, payload), beside]))
          out.send()
          out.send()
          // Control frames of the WebSocket itself go between messages.
          if (size % 2 === 1) (isMasked ? near : far).ping()
        }
      await expect.poll(() => got.length).toBe(sent.length)
      expect(got.map(sha256)).toEqual(sent.map(sha256))
    }
  })

  it('that many channels write in one turn are one write', async () => {
    const { near: one, given } = pair()
    const open = await Promise.all(Array.from({ length: 32 }, () => one.open(request())))
    const seen = given.map(reading)
    for (const channel of given) channel.resume()
    const writes: number[] = []
    const write = nearConnection.write.bind(nearConnection)
    nearConnection.write = ((bytes: Buffer, ...rest: []) => {
      writes.push(bytes.length)
      return write(bytes, ...rest)
    }) as typeof write
    for (const channel of open) channel.write(Buffer.alloc(100, channel.id))
    await expect.poll(() => seen.every(({ length }) => length === 100)).toBe(true)
    expect(writes).toEqual([4 + 4 + 32 * 109])
  })
})

describe('channels that end together', () => {
  const endAll = async () => {
    const { near: one, far: other, given } = pair()
    const open = await Promise.all(Array.from({ length: 100 }, () => one.open(request())))
    const seen = open.map(reading)
    for (const channel of open) channel.resume()
    const back: Buffer[] = []
    near.on('message', (data) => back.push(data as Buffer))
    for (const channel of given) {
      channel.write(Buffer.from('the end'))
      channel.destroy()
    }
    await expect.poll(() => seen.every(({ closed }) => closed === 1)).toBe(true)
    expect(seen.every(({ length }) => length === 7)).toBe(true)
    expect([one.size, other.size]).toEqual([0, 0])
    return framesOf(...back).filter(({ type }) => type !== frameTypes.data)
  }

  it('are closed by one frame, behind what was written', async () => {
    const frames = await endAll()
    expect(frames.map(({ type, payload }) => [type, payload.length])).toEqual([[frameTypes.closeAll, 400]])
  })

  it('are closed one by one for a peer that does not know that frame, and it is refused from one', async () => {
    await disconnect()
    await connect(OLDER_MUX_PROTOCOL)
    const frames = await endAll()
    expect(frames.map(({ type }) => type)).toEqual(Array.from({ length: 100 }, () => frameTypes.close))
    near.send(encodeFrame(frameTypes.closeAll, 0, Buffer.from([0, 0, 0, 1])))
    expect(await closedWith).toBe(1008)
  })
})

describe('a peer that does not keep to it', () => {
  const opening = (id: number): Buffer => encodeFrame(frameTypes.open, id, Buffer.from(JSON.stringify(request())))
  const open = opening(1)
  const data = (length: number, id = 1): Buffer => encodeFrame(frameTypes.data, id, Buffer.alloc(length))
  const text = (more: object): Buffer =>
    encodeFrame(frameTypes.text, 1, Buffer.from(JSON.stringify({ v: 1, type: 'notice', ...more })))

  it.each<[string, () => Buffer[]]>([
    ['more bytes than there was credit for', () => [open, data(WINDOW), data(1)]],
    ['a channel that was never opened', () => [data(1, 9)]],
    ['channels out of order', () => [encodeFrame(frameTypes.open, 5, Buffer.from(JSON.stringify(request())))]],
    ['the same channel twice', () => [open, open]],
    ['a type that there is not', () => [Buffer.from([9, 0, 0, 0, 1, 0, 0, 0, 0])]],
    ['a frame longer than its message', () => [Buffer.from([1, 0, 0, 0, 1, 0, 0, 1, 0])]],
    ['half a header', () => [Buffer.from([1, 0, 0])]],
    ['a request that is none', () => [encodeFrame(frameTypes.open, 1, Buffer.from('{"target":1}'))]],
    [
      'a request that is too long',
      () => [encodeFrame(frameTypes.open, 1, Buffer.from(JSON.stringify(request('x'.repeat(17_000)))))],
    ],
    ['a text that is none', () => [open, encodeFrame(frameTypes.text, 1, Buffer.from('{}'))]],
    [
      'credit without end',
      () => [open, ...Array.from({ length: 3 }, () => encodeFrame(frameTypes.credit, 1, Buffer.from([0x7f, 0, 0, 0])))],
    ],
    ['credit of another length', () => [open, encodeFrame(frameTypes.credit, 1, Buffer.from([1]))]],
    ['credit with more behind it', () => [open, encodeFrame(frameTypes.credit, 1, Buffer.alloc(5))]],
    ...['target', 'authorization', 'dpop'].map((field): [string, () => Buffer[]] => [
      `a request without ${field}`,
      () => [encodeFrame(frameTypes.open, 1, Buffer.from(JSON.stringify({ ...request(), [field]: undefined })))],
    ]),
    ['channels to close that were never opened', () => [open, encodeFrame(frameTypes.closeAll, 0, Buffer.alloc(4, 1))]],
    ['a list of channels that is none', () => [open, encodeFrame(frameTypes.closeAll, 0, Buffer.alloc(5))]],
    ['no channels to close', () => [open, encodeFrame(frameTypes.closeAll, 0, Buffer.alloc(0))]],
    ['more frames than a window holds', () => [open, Buffer.concat(Array.from({ length: 21_000 }, () => data(1)))]],
    ['more text than a window holds', () => [open, text({ message: 'x'.repeat(4 * WINDOW) })]],
    [
      'much text, little by little',
      () => [open, Buffer.concat(Array.from({ length: 10_000 }, () => text({ id: 'x'.repeat(90) })))],
    ],
    [
      'more channels than one connection may have',
      () => [Buffer.concat(Array.from({ length: 10_001 }, (_, n) => opening(n + 1)))],
    ],
    ['a text whose message is none', () => [open, text({ message: {} })]],
    ['a refusal of what was not asked for', () => [open, encodeFrame(frameTypes.refused, 1, Buffer.from('{}'))]],
    ['an acceptance of what was not asked for', () => [open, encodeFrame(frameTypes.accepted, 1, Buffer.alloc(4))]],
  ])('%s: the connection ends', async (_what, frames) => {
    const one: Multiplexer = farMux({ asked: (channel) => one.accept(channel) })
    for (const frame of frames()) near.send(frame)
    expect(await closedWith).toBe(1008)
  })

  it('a channel that its opener refuses is over on this side, too', async () => {
    const channels: MuxChannel[] = []
    const one: Multiplexer = farMux({
      asked: (channel) => {
        channels.push(channel)
        one.accept(channel)
      },
    })
    near.send(open)
    await expect.poll(() => channels.length).toBe(1)
    const seen = reading(channels[0] as MuxChannel)
    near.send(encodeFrame(frameTypes.refused, 1, Buffer.from('{}')))
    await expect.poll(() => seen.closed).toBe(1)
    expect(one.isClosed).toBe(true)
  })

  it('one that asks on and on and reads no answer is let go', async () => {
    const one: Multiplexer = farMux({ asked: (channel) => one.refuse(channel, 'x'.repeat(2000)) })
    near.pause()
    for (let id = 1; id <= 20_000 && !one.isClosed; id++) {
      near.send(encodeFrame(frameTypes.open, id, Buffer.from(JSON.stringify(request()))))
      if (id % 500 === 0) await turns(3)
    }
    await expect.poll(() => one.isClosed).toBe(true)
  })

  it('text messages end it, too; a late frame for a closed channel does not', async () => {
    const one: Multiplexer = farMux({
      asked: (channel) => {
        one.accept(channel)
        channel.destroy()
      },
    })
    near.send(open)
    await turns(5)
    near.send(data(100))
    near.send(encodeFrame(frameTypes.close, 1, Buffer.alloc(0)))
    near.send(encodeFrame(frameTypes.open, 2, Buffer.from(JSON.stringify(request()))))
    await expect.poll(() => near.readyState).toBe(WebSocket.OPEN)
    near.send('text')
    expect(await closedWith).toBe(1008)
  })

  it('never throws, whatever bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), async (pieces) => {
        for (const piece of pieces) {
          try {
            for (const { payload } of framesOf(Buffer.from(piece))) expect(payload.length).toBeLessThanOrEqual(60)
          } catch (error) {
            expect(error).toMatchObject({ constructor: expect.objectContaining({ name: 'MuxError' }) as unknown })
          }
        }
      }),
    )
  })
})
