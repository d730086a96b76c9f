import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { boundedRequest, NoAnswer } from '../../src/shared/bounded-request.ts'

let server: Server | undefined
afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  server = undefined
})

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** With and without an authority of its own: two clients of Node stand behind it. */
const CLIENTS = [undefined, 'an authority that plain HTTP does not ask for']

it.each(CLIENTS)('gives the status and the whole body, also of a refusal (%#)', async (ca) => {
  const url = await serve((request, response) => {
    response.writeHead(403, { 'x-method': request.method }).end(`no: ${String(request.headers['x-own'])}`)
  })
  expect(await boundedRequest({ url, ca, headers: { 'x-own': 'e' } })).toEqual({
    status: 403,
    body: 'no: e',
  })
})

it.each(CLIENTS)('does not follow a redirect (%#)', async (ca) => {
  const asked: unknown[] = []
  const url = await serve((request, response) => {
    asked.push(request.url)
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  expect((await boundedRequest({ url, ca, method: 'POST', body: 'secret' })).status).toBe(307)
  expect(asked).toEqual(['/'])
})

it.each(CLIENTS)('stops reading a body that does not end (%#)', async (ca) => {
  let isClosed = (): void => {}
  const closed = new Promise<void>((resolve) => (isClosed = resolve))
  const url = await serve((_request, response) => {
    response.on('close', isClosed)
    const more = (): void => void (response.destroyed || response.write(Buffer.alloc(16_384, 'x'), more))
    more()
  })
  await expect(boundedRequest({ url, ca, maxBytes: 100_000 })).rejects.toThrow('answers with more than 100000 bytes')
  await closed
})

it.each(CLIENTS)('waits no longer than it may for an answer that comes byte by byte (%#)', async (ca) => {
  const url = await serve((_request, response) => {
    const timer = setInterval(() => response.write('x'), 5)
    response.on('close', () => clearInterval(timer))
  })
  await expect(boundedRequest({ url, ca, deadline: 60 })).rejects.toThrow('does not answer within 0.06 s')
})

it.each(CLIENTS)('takes no bytes that are not UTF-8 (%#)', async (ca) => {
  const url = await serve((_request, response) => response.end(Buffer.of(0x22, 0xff, 0x22)))
  await expect(boundedRequest({ url, ca })).rejects.toThrow('answers with bytes that are not text')
})

it.each(CLIENTS)('asks for no compression, and takes the body as it is (%#)', async (ca) => {
  const url = await serve((request, response) => response.end(request.headers['accept-encoding']))
  expect((await boundedRequest({ url, ca })).body).toBe('identity')
})

it('says why nothing answers, and nothing of the address', async () => {
  const url = await serve(() => {})
  server?.closeAllConnections()
  await new Promise((resolve) => server?.close(resolve))
  server = undefined
  const failure = await boundedRequest({ url }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(NoAnswer)
  expect(String(failure)).toBe('Error: cannot be reached (ECONNREFUSED)')
})
