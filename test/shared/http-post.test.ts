import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchWithCa } from '../../src/shared/fetch-with-ca.ts'
import { HttpFailure, post } from '../../src/shared/http-post.ts'

describe('post', () => {
  let server: Server
  let url: string
  /** Connections that were closed by us before their answer had ended. */
  let cut: Promise<void>
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume()
      request.on('end', () => {
        cut = new Promise((resolve) => response.on('close', resolve))
        answer(request.url ?? '', response)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const answer = (path: string, response: ServerResponse): void => {
    switch (path) {
      case '/endless':
      case '/endless-failure': {
        response.writeHead(path === '/endless' ? 200 : 503, { 'retry-after': '7' })
        const piece = 'x'.repeat(65_536)
        const on = (): void => {
          while (!response.destroyed && response.write(piece));
        }
        response.on('drain', on)
        return on()
      }
      case '/trickle': {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'), 5)
        return void response.on('close', () => clearInterval(timer))
      }
      case '/no':
        return void response.writeHead(429, { 'retry-after': '3' }).end()
      case '/upgrade':
        return void response.socket?.end(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        )
      default:
        return void response.end('taken')
    }
  }

  it('gives back what is answered', async () => {
    expect(await post({ url }, 'text/plain', 'x')).toBe('taken')
    await expect(post({ url: `${url}/no` }, 'text/plain', 'x')).rejects.toMatchObject({ status: 429, retryAfter: 3000 })
  })

  it('reads a megabyte of an endless answer, and closes the connection', async () => {
    expect((await post({ url: `${url}/endless` }, 'text/plain', 'x')).length).toBe(1_048_576)
    await cut
    const failed = post({ url: `${url}/endless-failure` }, 'text/plain', 'x')
    await expect(failed).rejects.toBeInstanceOf(HttpFailure)
    await expect(failed).rejects.toMatchObject({ status: 503, retryAfter: 7000 })
    await cut
  })

  it('does not wait where the connection is upgraded, which nobody asked for', async () => {
    const closed = 'closed the connection before it had answered'
    await expect(post({ url: `${url}/upgrade` }, 'text/plain', 'x')).rejects.toThrow(closed)
    await expect(fetchWithCa('')(`${url}/upgrade`, { method: 'POST', body: 'x' })).rejects.toThrow(closed)
  })

  it('does not wait for an answer that goes on byte by byte', async () => {
    await expect(post({ url: `${url}/trickle` }, 'text/plain', 'x', 100)).rejects.toThrow('does not answer in time')
    await cut
  })
})
