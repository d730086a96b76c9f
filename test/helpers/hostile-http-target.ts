import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface HostileHttpTarget {
  readonly port: number
  /** First lines of requests, in order. */
  readonly asked: string[]
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>
  stop(): Promise<void>
}

/** Answers with whatever its path names, written by hand: what no library would send. Paths that it does not know are answered as they should be. */
export async function startHostileHttpTarget(): Promise<HostileHttpTarget> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let head = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      head += text
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        const [line = ''] = head.split('\r\n', 1)
        head = head.slice(end + 4)
        // What follows may be a body that nobody wants.
        if (!/^[A-Z]+ \/\S* HTTP\/1\.1$/.test(line)) return
        asked.push(line)
        const path = line.split(' ')[1] ?? ''
        void (SCRIPTS[path] ?? plainly)(socket, path)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    sockets,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Script = (socket: Socket, path: string) => unknown

const plainly: Script = (socket, path) => socket.write(answer(`reached ${path}`))
const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
const INTERIM = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n'

/** As long as it is taken. */
async function endlessly(socket: Socket, text: string): Promise<void> {
  const piece = text.repeat(Math.ceil(65_536 / text.length))
  while (socket.writable)
    if (!socket.write(piece))
      await new Promise<void>((resolve) => {
        socket.once('drain', resolve)
        socket.once('close', () => resolve())
      })
}

const SCRIPTS: Readonly<Record<string, Script>> = {
  '/stalls': () => {},
  '/stalls-in-head': (socket) => socket.write('HTTP/1.1 200 OK\r\nX-A: '),
  '/stalls-in-body': (socket) => socket.write(`${OK}Content-Length: 100\r\n\r\nhalf of it`),
  '/reset': (socket) => socket.resetAndDestroy(),
  '/reset-in-body': (socket) => {
    socket.write(`${OK}Content-Length: 100\r\n\r\nhalf of it`)
    setImmediate(() => socket.resetAndDestroy())
  },
  '/reset-in-chunks': (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\na\r\nhalf of it\r\n`)
    setImmediate(() => socket.resetAndDestroy())
  },
  '/short': (socket) => socket.end(`${OK}Content-Length: 100\r\n\r\nhalf of it`),
  '/long': (socket) => socket.write(`${OK}Content-Length: 4\r\n\r\nhalf of it`),
  '/two-answers': (socket) => socket.write(answer('first') + answer('POISON')),
  '/both-lengths': (socket) =>
    socket.write(`${OK}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n`),
  '/two-lengths': (socket) => socket.write(`${OK}Content-Length: 4\r\nContent-Length: 10\r\n\r\nhalf of it`),
  '/odd-length': (socket) => socket.write(`${OK}Content-Length: +4\r\n\r\nhalf`),
  '/other-encoding': (socket) => socket.end(`${OK}Transfer-Encoding: gzip\r\n\r\nhalf`),
  '/204-with-body': (socket) => socket.write(`HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nPOISON`),
  '/304-with-body': (socket) => socket.write(`HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nPOISON`),
  '/head-with-body': (socket) => socket.write(answer('POISON')),
  '/some-interim': (socket) => socket.write(INTERIM.repeat(20) + answer('at last')),
  '/endless-interim': (socket) => endlessly(socket, INTERIM),
  '/endless-head': (socket) => (socket.write(OK), endlessly(socket, `X-A: ${'a'.repeat(1000)}\r\n`)),
  '/endless-line': (socket) => endlessly(socket, 'HTTP/1.1 200 '.padEnd(1000, 'O')),
  '/endless-extension': (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n4;`)
    return endlessly(socket, 'a=b;')
  },
  '/endless-trailers': (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n`)
    return endlessly(socket, 'X-A: b\r\n')
  },
  '/bad-chunk': (socket) => socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n`),
  '/mail': (socket) => socket.write('220 mail.example.com ESMTP\r\n\r\n'),
  '/status-99': (socket) => socket.write('HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n'),
  '/status-2000': (socket) => socket.write('HTTP/1.1 2000 High\r\nContent-Length: 0\r\n\r\n'),
  '/status-word': (socket) => socket.write('HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n'),
  '/version-9': (socket) => socket.write('HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n'),
  '/header-with-control': (socket) => socket.write(`${OK}X-A: a\x01b\r\nContent-Length: 0\r\n\r\n`),
  '/header-folded': (socket) => socket.write(`${OK}X-A: a\r\n Set-Cookie: b\r\nContent-Length: 0\r\n\r\n`),
  '/header-with-return': (socket) => socket.write(`${OK}X-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n`),
  '/switches': (socket) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
  '/elsewhere': (socket) =>
    socket.write('HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n'),
  '/endless': (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`)
    return endlessly(socket, '400\r\n'.concat('x'.repeat(1024), '\r\n'))
  },
}
