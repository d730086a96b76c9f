import { describe, expect, it } from 'vitest'
import { createApiClient } from '../../src/gateway-client/api-client.ts'

/** A client of a gateway that answers with these; `calls`: how many. */
function clientOf(answer: (path: string) => Response) {
  const seen = { calls: 0 }
  const fetch = (url: string | URL | Request): Promise<Response> => {
    seen.calls++
    const { pathname, search } = new URL(url instanceof Request ? url.url : url)
    return Promise.resolve(answer(pathname + search))
  }
  return { api: createApiClient({ gateway: 'https://pam.example.com', fetch, answers: 'trusted' }), seen }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('a gateway that answers for ever', () => {
  it('is asked for so many pages of a list, and the error says how many', async () => {
    const { api, seen } = clientOf(() => Response.json({ items: [], next: 'more' }))
    await expect(api.targets()).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: "the gateway's list of targets has more than 200 pages of 500",
    })
    expect(seen.calls).toBe(200)
  })

  it('fills no memory with the pages of a list', async () => {
    const page = JSON.stringify({ items: ['x'.repeat(8 * 1024 * 1024)], next: 'more' })
    const { api, seen } = clientOf(() => new Response(page))
    await expect(api.locks.list(true)).rejects.toThrow("the gateway's answer to GET /v1/locks is longer than 64 MiB")
    expect(seen.calls).toBe(8)
  })

  it('nor with an error', async () => {
    const { api } = clientOf(() => {
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
      })
      return new Response(body, { status: 500 })
    })
    await expect(api.whoami()).rejects.toThrow('the error of https://pam.example.com is longer than 64 MiB')
  })

  it('is asked no more for the audit chain once a page leads to no other', async () => {
    for (const page of [
      { items: [], next: 7 },
      { items: [{ seq: 1 }], next: 0 },
    ]) {
      const { api, seen } = clientOf(() => Response.json(page))
      await expect(all(api.audit({}))).rejects.toThrow("the gateway's answers to GET /v1/audit do not come to an end")
      expect(seen.calls).toBe(1)
    }
  })
})

describe('a gateway that accepts and never answers', () => {
  const silentAfter = (fetch: typeof globalThis.fetch) =>
    createApiClient({ gateway: 'https://pam.example.com', fetch, answers: 'trusted' })
  const silence = {
    message: 'the gateway https://pam.example.com does not answer',
    hint: 'it may be overloaded or have stopped: run it again in a minute, or ask your administrator',
  }

  it.each([
    ['a signal', new DOMException('The operation was aborted due to timeout', 'TimeoutError')],
    ['ws', new Error('Opening handshake has timed out')],
    [
      'undici',
      new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'UND_ERR_HEADERS_TIMEOUT' }) }),
    ],
  ])('is not said to be out of reach where %s ends the call', async (_, error) => {
    await expect(silentAfter(() => Promise.reject(error)).whoami()).rejects.toMatchObject(silence)
  })

  it('is said to be silent where it stops within an answer', async () => {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.error(Object.assign(new Error(), { code: 'UND_ERR_BODY_TIMEOUT' })),
    })
    await expect(silentAfter(() => Promise.resolve(new Response(body))).whoami()).rejects.toMatchObject(silence)
  })

  it('has a minute until it says something, and five where it searches', async () => {
    const limits: unknown[] = []
    const api = silentAfter((_, init) => {
      limits.push((init as { silenceMs?: number }).silenceMs)
      return Promise.resolve(Response.json({ items: [] }))
    })
    await api.whoami()
    await api.requests.withdraw('req_1')
    await api.logout()
    await all(api.sessions.tail('ses_1'))
    await all(api.search({ text: 'x' }))
    expect(limits).toEqual([60_000, 60_000, 60_000, 60_000, 300_000])
  })
})

it('asks for all pages of a list, and of the audit chain', async () => {
  const pages: Readonly<Record<string, object>> = {
    '/v1/keys?limit=500': { items: ['a'], next: '2' },
    '/v1/keys?limit=500&cursor=2': { items: ['b'] },
    '/v1/audit?after=0&limit=1000': { items: [{ seq: 1 }], next: 1 },
    '/v1/audit?after=1&limit=1000': { items: [{ seq: 2 }] },
  }
  const { api } = clientOf((path) => Response.json(pages[path]))
  expect(await api.keys()).toEqual(['a', 'b'])
  expect(await all(api.audit({}))).toEqual([{ seq: 1 }, { seq: 2 }])
})
