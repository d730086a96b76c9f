import { connect as connectHttp2 } from 'node:http2'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Exchange, HttpHandler } from '../../../../src/protocols/http/server/exchange.ts'
import { HttpServers } from '../../../../src/protocols/http/server/serve-http.ts'
import { socketChannel } from '../../../../src/shared/socket-channel.ts'
import {
  BEGINNING,
  END_HEADERS,
  END_STREAM,
  fields,
  frame,
  framesIn,
  frameTypes,
  integer,
  request,
  talk,
  type RawFields,
} from '../../../helpers/raw-http2.ts'

/** Frames that cost a server more than they cost who sends them: the connection ends, or the stream is refused, and others go on. */
const servers = new HttpServers()
let server: Server
let served = 0
/** Requests that are being served. */
let running = 0

const handler: HttpHandler = {
  async serve(exchange: Exchange) {
    served++
    running++
    if (exchange.request.target === '/held')
      await new Promise((resolve) => exchange.left.addEventListener('abort', resolve))
    running--
    if (!exchange.left.aborted) exchange.answer({ status: 200, headers: [] }).end('served')
  },
  refusal: ({ code }) => ({ status: 400, contentType: 'text/plain', body: Buffer.from(code) }),
}

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const channel = socketChannel(socket)
    servers.greet(channel, 60_000).then(
      (client) => void servers.serve(client, handler).closed.then(() => channel.destroy()),
      () => channel.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  servers.close()
  server.close()
})
beforeEach(() => {
  served = 0
})

const port = (): number => (server.address() as AddressInfo).port
const HEAD: RawFields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'localhost'],
  [':path', '/'],
]

/**
 * Sends pieces, as many as are taken, until the server ends the connection; gives the frames that came. `reads`: whether what the server says is
 * taken from it.
 */
function flood(piece: (index: number) => Buffer, { most, reads = true }: { most: number; reads?: boolean }) {
  return new Promise<{
    readonly frames: ReturnType<typeof framesIn>
    readonly sent: number
    readonly isClosed: boolean
  }>((resolve) => {
    let received = Buffer.alloc(0)
    let sent = 0
    const socket = connect(port(), '127.0.0.1')
    const done = (isClosed: boolean): void => {
      socket.destroy()
      resolve({ frames: framesIn(received), sent, isClosed })
    }
    if (reads) socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])))
    else socket.pause()
    socket.on('error', () => done(true))
    socket.on('close', () => done(true))
    socket.on('end', () => done(true))
    const next = (): void => {
      while (sent < most && !socket.destroyed) if (!socket.write(piece(sent++))) return void socket.once('drain', next)
      if (sent === most && !socket.destroyed) socket.end()
    }
    socket.write(BEGINNING)
    next()
  })
}

/** Another client is served as ever. */
async function serves(): Promise<string> {
  const session = connectHttp2(`http://localhost:${port()}`)
  const answer = await text(session.request({ ':path': '/' }))
  session.destroy()
  return answer
}

describe('floods in HTTP/2', () => {
  it('of streams that are reset at once (CVE-2023-44487) end the connection', async () => {
    const { frames, isClosed } = await flood(
      (index) =>
        Buffer.concat([
          request(index * 2 + 1, HEAD),
          frame(frameTypes.rstStream, 0, index * 2 + 1, Buffer.from([0, 0, 0, 8])),
        ]),
      { most: 20_000 },
    )
    expect(isClosed).toBe(true)
    expect(frames.some(({ type }) => type === frameTypes.goaway)).toBe(true)
    expect(served).toBeLessThan(5000)
    expect(await serves()).toBe('served')
  })

  it('of headers without an end (CONTINUATION) end the connection, and no request begins', async () => {
    const more = fields([['x', 'y'.repeat(1000)]])
    const { isClosed, sent } = await flood(
      (index) =>
        index === 0
          ? frame(frameTypes.headers, END_STREAM, 1, fields(HEAD))
          : frame(frameTypes.continuation, 0, 1, more),
      { most: 100_000 },
    )
    expect(isClosed).toBe(true)
    expect(sent).toBeLessThan(100_000)
    expect(served).toBe(0)
    expect(await serves()).toBe('served')
  })

  it('of empty CONTINUATION frames end the connection', async () => {
    const { isClosed } = await flood(
      (index) => (index === 0 ? frame(frameTypes.headers, 0, 1, fields(HEAD)) : frame(frameTypes.continuation, 0, 1)),
      { most: 100_000 },
    )
    expect(isClosed).toBe(true)
    expect(served).toBe(0)
  })

  it.each([
    ['PING', () => frame(frameTypes.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', () => frame(frameTypes.settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0]))],
  ])('of %s, whose answers nobody reads, end the connection', async (_name, piece) => {
    const { isClosed, sent } = await flood(piece, { most: 2_000_000, reads: false })
    expect(isClosed).toBe(true)
    expect(sent).toBeLessThan(2_000_000)
    expect(await serves()).toBe('served')
  })

  it('of headers that are long once they are decoded (HPACK) reach nobody', async () => {
    // One long field goes into the table, and each byte that follows stands for it.
    const long = Buffer.concat([
      Buffer.from([0x40]),
      integer(1, 7),
      Buffer.from('x'),
      integer(4000, 7),
      Buffer.alloc(4000, 'y'),
    ])
    const block = Buffer.concat([fields(HEAD), long, Buffer.alloc(4000, 0x80 | 62)])
    const frames = await talk(
      port(),
      Buffer.concat([BEGINNING, frame(frameTypes.headers, END_HEADERS | END_STREAM, 1, block)]),
    )
    expect(served).toBe(0)
    expect(frames.some(({ type }) => type === frameTypes.rstStream || type === frameTypes.goaway)).toBe(true)
    expect(await serves()).toBe('served')
  })

  it('of streams at the same time are refused beyond the limit', async () => {
    const held = HEAD.map(([name, value]): [string, string] => [name, name === ':path' ? '/held' : value])
    const { frames } = await flood((index) => request(index * 2 + 1, held), { most: 150 })
    expect(served).toBe(100)
    expect(frames.filter(({ type }) => type === frameTypes.rstStream)).not.toHaveLength(0)
    await expect.poll(() => running).toBe(0)
  })

  it('of frames for windows that overflow end the connection', async () => {
    const { isClosed, sent } = await flood(
      () => frame(frameTypes.windowUpdate, 0, 0, Buffer.from([0x7f, 255, 255, 255])),
      {
        most: 1000,
      },
    )
    expect(isClosed).toBe(true)
    expect(sent).toBeLessThanOrEqual(1000)
    expect(await serves()).toBe('served')
  })

  it('leaves room for others where nobody reads the body of one stream', async () => {
    const session = connectHttp2(`http://localhost:${port()}`)
    const held = session.request({ ':path': '/held', ':method': 'POST' })
    held.on('error', () => {})
    held.write(Buffer.alloc(1024 * 1024))
    await expect.poll(() => running).toBe(1)
    const other = session.request({ ':path': '/', ':method': 'POST' })
    other.end(Buffer.alloc(60_000))
    expect(await text(other)).toBe('served')
    session.destroy()
    await expect.poll(() => running).toBe(0)
  })
})
