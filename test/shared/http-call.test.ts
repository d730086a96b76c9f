import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpCall, type HttpCall, type HttpCallRequest } from '../../src/shared/http-call.ts'

const GET = { method: 'GET', headers: {}, redirect: 'error' } as const satisfies HttpCallRequest

describe('a call', () => {
  let server: Server
  let url: string
  const call = httpCall(undefined)
  beforeAll(async () => {
    server = createServer((request, response) => answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    switch (request.url ?? '') {
      case '/echo': {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          const { method, headers, socket } = request
          const { host: _, connection: __, ...own } = headers
          response.end(JSON.stringify({ method, own, body: Buffer.concat(chunks).toString(), port: socket.remotePort }))
        })
        return
      }
      case '/empty':
        return void response.writeHead(204).end()
      case '/elsewhere':
        return void response.writeHead(302, { location: '/echo' }).end('elsewhere')
      case '/late':
        return void response.writeHead(429, { 'Retry-After': '3', 'X-Two': ['a', 'b'] }).end('{"code":"LATE"}')
      case '/split': {
        const [before, after] = [Buffer.from('„ä“').subarray(0, 4), Buffer.from('„ä“').subarray(4)]
        response.write(before)
        return void setImmediate(() => response.end(after))
      }
      case '/cut':
        response.writeHead(200, { 'content-length': '10' })
        return void response.write('half', () => response.destroy())
      case '/upgrade':
        return void response.socket?.end(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        )
      case '/begun':
        return void response.writeHead(200).write('begun')
      default:
      // Never answered.
    }
  }

  it('sends what it is told, and reads the answer', async () => {
    const sent = { method: 'POST', headers: { dpop: 'x' }, body: '{"ä":1}', redirect: 'error' } as const
    const answered = await call(`${url}/echo`, sent)
    expect([answered.ok, answered.status]).toEqual([true, 200])
    expect(await answered.json()).toMatchObject({
      method: 'POST',
      own: { accept: '*/*', dpop: 'x', 'content-length': '8' },
      body: '{"ä":1}',
    })
    expect(await (await call(`${url}/echo`, { ...GET, method: 'DELETE' })).json()).toMatchObject({
      method: 'DELETE',
      own: { accept: '*/*' },
      body: '',
    })
  })

  it('has the status and the headers of an answer that is no success', async () => {
    const late = await call(`${url}/late`, GET)
    expect([late.ok, late.status, late.headers.get('retry-after'), late.headers.get('X-Two')]).toEqual([
      false,
      429,
      '3',
      'a, b',
    ])
    expect([late.headers.get('x-three'), await late.text()]).toEqual([null, '{"code":"LATE"}'])
  })

  it('follows no redirect', async () => {
    const answered = await call(`${url}/elsewhere`, GET)
    expect([answered.ok, answered.status, await answered.text()]).toEqual([false, 302, 'elsewhere'])
  })

  it('reads an empty answer as an empty text', async () => {
    const empty = await call(`${url}/empty`, GET)
    expect([empty.ok, empty.body, await empty.text()]).toEqual([true, null, ''])
  })

  it('decodes characters that arrive in two pieces', async () => {
    expect(await (await call(`${url}/split`, GET)).text()).toBe('„ä“')
  })

  it('uses a connection again once its answer was read', async () => {
    const portOf = async (): Promise<unknown> => (await call(`${url}/echo`, GET)).json()
    expect(await portOf()).toEqual(await portOf())
  })

  it('gives the bytes of an answer as they come', async () => {
    const reader = (await call(`${url}/begun`, GET)).body?.getReader()
    const first = await reader?.read()
    expect(new TextDecoder().decode(first?.value)).toBe('begun')
    await reader?.cancel()
  })

  it('says why it did not get through', async () => {
    await expect(call(`${url}/upgrade`, GET)).rejects.toThrow('closed the connection before it had answered')
    await expect((await call(`${url}/cut`, GET)).text()).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(call('http://127.0.0.1:1/', GET)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('ends after a silence of so long, before the answer and within', async () => {
    const impatient = { ...GET, silenceMs: 30 }
    await expect(call(`${url}/never`, impatient)).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' })
    await expect((await call(`${url}/begun`, impatient)).text()).rejects.toThrow()
  })

  it('ends with the reason that it is ended for, before the answer and within', async () => {
    const reason = new Error('no more')
    const ended = new AbortController()
    const waiting = call(`${url}/never`, { ...GET, signal: ended.signal })
    const reading = (await call(`${url}/begun`, { ...GET, signal: ended.signal })).text()
    ended.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(reading).rejects.toBe(reason)
    await expect(call(`${url}/echo`, { ...GET, signal: ended.signal })).rejects.toBe(reason)
  })
})

it('is made by `fetch` as well', () => {
  const made: HttpCall = fetch
  expect(made).toBe(fetch)
})
