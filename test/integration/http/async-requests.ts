import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../helpers/gateway-client.ts'
import type { HttpGateway, HttpPort, RawHttpAnswer } from '../../helpers/http-gateway.ts'
import type { HttpTestTarget } from '../../helpers/http-target.ts'

const ASYNC = ['Prefer: respond-async']

export const ASYNC_TARGETS = [{ name: 'async' }, { name: 'async-other' }] as const
export const ASYNC_RULES = [
  {
    name: 'a person decides on changes',
    targets: { names: ['async', 'async-other'] },
    match: { methods: ['DELETE', 'PUT'] },
    hold: { approvers: { groups: ['sre'] } },
  },
] as const

/** Requests that wait for people while their clients do not. Each is sent on a connection of its own, which is closed behind the answer. */
export const asyncRequests = (all: () => { readonly gateway: HttpGateway; readonly target: HttpTestTarget }): unknown =>
  describe('Prefer: respond-async', () => {
    let target: HttpTestTarget
    let gateway: HttpGateway
    let billing: HttpPort

    beforeAll(async () => {
      ;({ target, gateway } = all())
      billing = await gateway.open('async')
    })

    const locationOf = ({ head }: RawHttpAnswer): string => /^location: (\S+)$/im.exec(head)?.[1] ?? ''
    const codeOf = ({ body }: RawHttpAnswer): string => (JSON.parse(body) as { code: string }).code
    const seen = (url: string): number => target.seen.filter((request) => request.url === url).length
    const ask = (location: string, method = 'GET', port = billing): Promise<RawHttpAnswer> =>
      port.request(method, location)

    async function accepted(method: string, path: string, body?: string): Promise<string> {
      const headers = body === undefined ? ASYNC : [...ASYNC, 'Content-Type: application/json']
      const answer = await billing.request(method, path, { headers, ...(body === undefined ? {} : { body }) })
      expect(answer.status).toBe(202)
      expect(answer.head).toMatch(/^preference-applied: respond-async$/im)
      const location = locationOf(answer)
      expect(location).toMatch(/^\/\.pamctl\/requests\/apr_\w{13}$/)
      expect(JSON.parse(answer.body)).toMatchObject({ status: 'pending', location, approval: location.slice(18) })
      return location
    }

    /** Once somebody has decided and the target has answered. */
    const answered = (location: string, port = billing): Promise<RawHttpAnswer> =>
      eventually(async () => {
        const answer = await ask(location, 'GET', port)
        return answer.status === 202 ? undefined : answer
      }, 'an answer')

    const reviews = async (): Promise<number> =>
      (await gateway.bob.api.reviews.list()).filter(({ kind }) => kind === 'command').length

    it('is answered 202; the target gets the request once it is approved, and once', async () => {
      const location = await accepted('PUT', '/echo?async=1', '{"a": 1.0}')
      const waiting = await ask(location)
      expect(waiting.status).toBe(202)
      expect(waiting.head).toMatch(/^retry-after: \d+$/im)
      expect(seen('/echo?async=1')).toBe(0)
      await gateway.decide('approve')
      const answer = await answered(location)
      expect(answer.status).toBe(200)
      expect(answer.head).toContain(`x-pam-approval: ${location.slice(18)}`)
      expect(JSON.parse(answer.body)).toMatchObject({ method: 'PUT', url: '/echo?async=1', body: '{"a": 1.0}' })
      // As often as the client wants.
      expect((await ask(location)).body).toBe(answer.body)
      const head = await ask(location, 'HEAD')
      expect(head.head).toMatch(new RegExp(`^content-length: ${Buffer.byteLength(answer.body)}$`, 'im'))
      expect(seen('/echo?async=1')).toBe(1)
    })

    it('gives the answer to its own person and target alone, and no target gets such a path', async () => {
      const location = await accepted('DELETE', '/echo?async=2')
      const other = await gateway.open('async-other')
      for (const answer of [
        await ask(location, 'GET', other),
        await ask(location, 'DELETE', other),
        await ask(`${location}x`),
        await ask(`${location}?a=1`),
        await ask('/.pamctl/requests/', 'POST'),
      ]) {
        expect(answer.status).toBe(404)
        expect(codeOf(answer)).toBe('NOT_FOUND')
      }
      expect((await billing.request('GET', location, { withoutSecret: true })).status).toBe(401)
      expect(codeOf(await ask(location, 'POST'))).toBe('FEATURE_REFUSED')
      await gateway.decide('approve')
      expect((await answered(location, await gateway.open('async'))).status).toBe(200)
      expect(target.seen.filter(({ url }) => url.startsWith('/.pamctl'))).toEqual([])
    })

    it('gives the reason where nobody agrees', async () => {
      const location = await accepted('DELETE', '/echo?async=3')
      await gateway.decide('deny')
      const answer = await answered(location)
      expect([answer.status, codeOf(answer)]).toEqual([403, 'HOLD_DENIED'])
      expect(seen('/echo?async=3')).toBe(0)
    })

    it('is taken back by DELETE: nobody is asked then, and nothing is sent', async () => {
      const location = await accepted('DELETE', '/echo?async=4')
      await eventually(async () => ((await reviews()) === 1 ? true : undefined), 'a review')
      expect((await ask(location, 'DELETE')).status).toBe(204)
      await eventually(async () => ((await reviews()) === 0 ? true : undefined), 'no review')
      expect((await ask(location)).status).toBe(404)
      expect(seen('/echo?async=4')).toBe(0)
    })

    it('waits first as long as the client says', async () => {
      const answer = billing.request('DELETE', '/echo?async=5', {
        headers: ['Prefer: wait=60', 'Prefer: respond-async'],
      })
      await gateway.decide('approve')
      expect((await answer).status).toBe(200)
      expect(seen('/echo?async=5')).toBe(1)
    })

    it('changes nothing of a request that nobody has to decide on', async () => {
      const answer = await billing.request('GET', '/echo?async=6', { headers: ASYNC })
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.body)).toMatchObject({ headers: { prefer: 'respond-async' } })
    })

    it('keeps no answer beyond a size, and says what it was', async () => {
      const location = await accepted('DELETE', '/big?bytes=2000000')
      await gateway.decide('approve')
      const answer = await answered(location)
      expect([answer.status, codeOf(answer)]).toEqual([413, 'MESSAGE_TOO_LARGE'])
      expect(answer.body).toContain('the target answered 200 with 2000000 bytes')
    })

    it('ends with the session', async () => {
      const location = await accepted('DELETE', '/echo?async=7')
      await eventually(async () => ((await reviews()) >= 1 ? true : undefined), 'a review')
      const { items } = await gateway.bob.api.sessions.list({ active: true, target: 'async' })
      for (const { id } of items) await gateway.bob.api.sessions.kill(id, 'enough')
      await eventually(async () => ((await reviews()) === 0 ? true : undefined), 'no review')
      expect((await ask(location)).status).toBe(404)
      expect(seen('/echo?async=7')).toBe(0)
    })
  })
