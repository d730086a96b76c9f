import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as startRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../helpers/gateway-client.ts'
import type { HttpGateway, HttpPort } from '../../helpers/http-gateway.ts'
import type { HttpTestTarget } from '../../helpers/http-target.ts'
import { megabytesOf } from '../../helpers/memory.ts'

/** Bytes of each body; PAMCTL_TEST_LARGE=1e9 for a gigabyte. */
const SIZE = Number(process.env['PAMCTL_TEST_LARGE'] ?? 200e6)
/** Megabytes that the gateway may need besides, whatever the size of a body is. */
const ROOM = 120

/** What `large` and `large-signed-in` are targets of: the same service, and the second one with a credential. */
export interface LargeBodies {
  readonly gateway: HttpGateway
  readonly target: HttpTestTarget
}

export const LARGE_TARGETS = [
  { name: 'large' },
  { name: 'large-signed-in', credential: { type: 'bearer', token: 'file:token' } },
] as const
export const LARGE_RULES = [
  { name: 'not this', targets: { names: ['large'] }, match: { routes: ['/denied'] }, deny: 'not here' },
  {
    name: 'a person decides on this',
    targets: { names: ['large'] },
    match: { routes: ['/held'] },
    hold: { approvers: { groups: ['sre'] } },
  },
] as const

/** `all`: of a gateway that allows GET and PUT besides. */
export const largeBodies = (all: () => LargeBodies): unknown =>
  describe('large bodies over HTTP', () => {
    let target: HttpTestTarget
    let gateway: HttpGateway
    let plain: HttpPort
    let signedIn: HttpPort

    beforeAll(async () => {
      ;({ target, gateway } = all())
      plain = await gateway.open('large')
      signedIn = await gateway.open('large-signed-in')
    })

    const ask = (port: HttpPort, method: string, path: string, headers: Record<string, string | number> = {}) =>
      startRequest(`${port.url}${path}`, { method, headers: { authorization: port.authorization, ...headers } })
    const whole = async (answer: IncomingMessage) => {
      const hash = createHash('sha256')
      let bytes = 0
      for await (const piece of answer as AsyncIterable<Buffer>) {
        bytes += piece.length
        hash.update(piece)
      }
      return { bytes, sha256: hash.digest('hex') }
    }
    const sumOf = (letter: string): string => {
      const hash = createHash('sha256')
      const piece = Buffer.alloc(1e6, letter)
      for (let left = SIZE; left > 0; left -= piece.length) hash.update(piece.subarray(0, Math.min(left, piece.length)))
      return hash.digest('hex')
    }

    describe.each(['plain', 'signed-in'])('%s', (name) => {
      const port = (): HttpPort => (name === 'plain' ? plain : signedIn)

      it('come down whole, in bounded memory', async () => {
        const { result, used } = await watched(gateway.pid, async () => {
          const request = ask(port(), 'GET', `/big?bytes=${SIZE}`).end()
          const [answer] = (await once(request, 'response')) as [IncomingMessage]
          return whole(answer)
        })
        expect(result).toEqual({ bytes: SIZE, sha256: sumOf('x') })
        expect(used).toBeLessThan(ROOM)
      })

      it.each([true, false])('go up whole, in bounded memory (with a length: %s)', async (hasLength) => {
        const { result, used } = await watched(gateway.pid, async () => {
          const request = ask(port(), 'PUT', '/hashed', {
            'content-type': 'application/octet-stream',
            ...(hasLength ? { 'content-length': SIZE } : {}),
          })
          const piece = Buffer.alloc(1e6, 'u')
          for (let left = SIZE; left > 0; left -= piece.length)
            if (!request.write(piece.subarray(0, Math.min(left, piece.length)))) await once(request, 'drain')
          request.end()
          const [answer] = (await once(request, 'response')) as [IncomingMessage]
          let text = ''
          for await (const one of answer) text += String(one)
          return JSON.parse(text) as { bytes: number; sha256: string }
        })
        expect(result).toMatchObject({ bytes: SIZE, sha256: sumOf('u') })
        expect(used).toBeLessThan(ROOM)
      })
    })

    it('are asked for in parts where nothing has to be looked for in them', async () => {
      const range = ['Range: bytes=0-9', 'If-Range: "1"']
      const sent = async (port: HttpPort): Promise<unknown> =>
        (
          JSON.parse((await port.request('GET', '/echo', { headers: range })).body) as {
            headers: Record<string, string>
          }
        ).headers['range']
      expect(await sent(plain)).toBe('bytes=0-9')
      expect(await sent(signedIn)).toBeUndefined()
    })

    describe('that a client asks before it sends (Expect: 100-continue)', () => {
      const begin = (path: string, length: number) => {
        const socket = connect(plain.port, '127.0.0.1')
        const seen = { text: '' }
        socket.setEncoding('latin1').on('data', (text: string) => (seen.text += text))
        socket.write(
          `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1:${plain.port}\r\nAuthorization: ${plain.authorization}\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
        )
        return { socket, seen }
      }

      it.each([
        ['/denied', 403, 'COMMAND_REFUSED'],
        ['/held', 413, 'MESSAGE_TOO_LARGE'],
      ])('are not asked for where the request is refused: %s', async (path, status, code) => {
        const before = target.seen.length
        const { socket, seen } = begin(path, 3_000_000)
        await once(socket, 'close')
        expect(seen.text.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`])
        expect(seen.text).toContain(`"code":"${code}"`)
        expect(target.seen.length).toBe(before)
      })

      it('are asked for behind the decision, and then go on', async () => {
        const { socket, seen } = begin('/hashed', 3_000_000)
        await eventually(() => (seen.text.startsWith('HTTP/1.1 100 ') ? true : undefined), 'it is asked to go on')
        socket.write('y'.repeat(3_000_000))
        await eventually(() => (seen.text.includes('"bytes":3000000') ? true : undefined), 'it is answered')
        socket.destroy()
      })

      it('are asked for at once where the decision needs them', async () => {
        const before = target.seen.length
        const { socket, seen } = begin('/denied', 5)
        await eventually(() => (seen.text.startsWith('HTTP/1.1 100 ') ? true : undefined), 'it is asked to go on')
        socket.write('hello')
        await eventually(() => (seen.text.includes('HTTP/1.1 403 ') ? true : undefined), 'it is answered')
        expect(target.seen.length).toBe(before)
        socket.destroy()
      })
    })
  })

/** How many megabytes a process has used besides, at most, while something was done. */
async function watched<T>(pid: number, work: () => Promise<T>): Promise<{ readonly result: T; readonly used: number }> {
  const now = (): number => megabytesOf(pid)
  const before = now()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, now())), 100)
  const started = performance.now()
  try {
    const result = await work()
    if (process.env['PAMCTL_TEST_LARGE'] !== undefined)
      process.stderr.write(
        `${Math.round(SIZE / 1e3 / (performance.now() - started))} MB/s, ${Math.round(most - before)} MB more\n`,
      )
    return { result, used: most - before }
  } finally {
    clearInterval(timer)
  }
}
