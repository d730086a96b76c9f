import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import type { AuditRecord } from '../../src/recording/audit-chain.ts'
import { grantFor, openPort, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { psql, PSQL, ROOT } from '../helpers/run.ts'

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Record<string, { content?: Record<string, { schema: { properties?: Record<string, unknown> } }> }>
}

let stack: DemoStack
let jane: SignedIn
let bob: SignedIn
let alice: SignedIn
let paths: Record<string, Record<string, Operation>>
beforeAll(async () => {
  stack = await startHostedStack()
  jane = await signIn(stack.gateway, 'jane')
  bob = await signIn(stack.gateway, 'bob')
  alice = await signIn(stack.gateway, 'alice')
  paths = ((await (await fetch(`${stack.gateway}/openapi.json`)).json()) as { paths: typeof paths }).paths
})
afterAll(() => stack?.stop())

const call = async (person: SignedIn, method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(stack.gateway + path, {
    method,
    headers: {
      ...(await person.headers(method, stack.gateway + path)),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

describe('the API', () => {
  it('has every route of the source in its document, and every route of the document in the running server', async () => {
    const written = readdirSync(join(ROOT, 'src', 'api', 'routes')).flatMap((file) => {
      const source = readFileSync(join(ROOT, 'src', 'api', 'routes', file), 'utf8')
      return [...source.matchAll(/app\.(get|post|delete|put|patch)\(\s*'(\/v1\/[^']+)'/g)].map(
        ([, method = '', path = '']) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
      )
    })
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(written.length).toBeGreaterThan(35)
    expect(written.filter((route) => !documented.includes(route))).toEqual([])
    for (const route of documented) {
      const [method = '', path = ''] = route.split(' ')
      if (/\/v1\/(events|login|logins)$/.test(path)) continue
      const response = await call(
        alice,
        method.toUpperCase(),
        path.replace('{id}', 'ses_none'),
        method === 'post' ? {} : undefined,
      )
      const { detail } = response.status === 404 ? ((await response.json()) as { detail: string }) : { detail: '' }
      expect([route, detail]).not.toEqual([route, 'there is no such route'])
      if (response.status !== 404) await response.body?.cancel()
    }
  })

  it('returns every list a page at a time', async () => {
    const lists = Object.entries(paths).filter(([, { get }]) => {
      const schema = get?.responses['200']?.content?.['application/json']?.schema
      return schema?.properties !== undefined && 'items' in schema.properties
    })
    expect(lists.length).toBeGreaterThan(8)
    for (const [path, { get }] of lists) {
      // Ten are the most that a person has.
      if (path === '/v1/passkeys') continue
      const names = (get?.parameters ?? []).filter((parameter) => parameter.in === 'query').map(({ name }) => name)
      const next = get?.responses['200']?.content?.['application/json']?.schema.properties ?? {}
      expect([path, names.includes('limit'), 'next' in next]).toEqual([path, true, true])
    }
    await grantFor(jane, bob, 'prod-db')
    for (let made = 0; made < 3; made++) {
      const { id } = await jane.api.requests.create({ target: 'prod-db', reason: `page ${made}` })
      await jane.api.requests.withdraw(id)
    }
    for (const list of ['requests', 'grants', 'targets', 'audit', 'keys']) {
      const seen = new Set<string>()
      let query = list === 'audit' ? '?limit=2&order=newest' : '?limit=1&all=true'
      for (let pages = 0; pages < 500; pages++) {
        const response = await call(list === 'targets' ? jane : alice, 'GET', `/v1/${list}${query}`)
        const page = (await response.json()) as { items: { id?: string; name?: string }[]; next?: string | number }
        for (const item of page.items) {
          const key = item.id ?? item.name ?? ''
          expect([list, seen.has(key)]).toEqual([list, false])
          seen.add(key)
        }
        if (page.next === undefined) break
        query = list === 'audit' ? `?limit=2&order=newest&before=${page.next}` : `?limit=1&all=true&cursor=${page.next}`
      }
      expect([list, seen.size > 0]).toEqual([list, true])
    }
    const bad = await call(alice, 'GET', '/v1/targets?cursor=bm9uc2Vuc2U')
    expect(bad.status).toBe(400)
  })

  it('writes every change into the audit chain, with who made it', async () => {
    const changes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'get')
        .map((method) => `${method} ${path}`),
    )
    // A change that is added without a row here fails: what does it leave in the chain?
    const audited: Record<string, string | undefined> = {
      'post /v1/requests': 'request.created',
      'post /v1/requests/{id}/withdraw': 'request.withdrawn',
      'post /v1/reviews/{id}/decision': 'request.approved',
      'post /v1/reviews/{id}/withdraw': 'approval.withdrawn',
      'post /v1/grants/{id}/revoke': 'grant.revoked',
      'post /v1/grants/{id}/lift': 'grant.allowed-again',
      'post /v1/break-glass': 'breakglass.begun',
      'post /v1/break-glass/{id}/review': 'breakglass.reviewed',
      'post /v1/locks': 'lock.created',
      'post /v1/locks/{id}/lift': 'lock.lifted',
      'post /v1/sessions/{id}/kill': 'session.killed',
      'post /v1/sessions/{id}/legal-hold': 'recording.held',
      'post /v1/sessions/{id}/lift-hold': 'recording.hold_lifted',
      'post /v1/sessions/{id}/erase-apart': 'recording.apart_erased',
      'post /v1/policy/replay': 'policy.replayed',
      'post /v1/token': 'login.created',
      'delete /v1/login': 'login.ended',
      'delete /v1/logins': 'login.ended',
      'post /v1/passkeys': 'passkey.registered',
      'post /v1/passkeys/removal': 'passkey.removed',
      'delete /v1/passkeys/{id}': 'passkey.removed',
      // They ask something; what is answered is on record.
      'post /v1/passkeys/registration': undefined,
      'post /v1/reviews/{id}/passkey-challenge': undefined,
      // Changes nothing.
      'post /v1/policy/try': undefined,
      'post /v1/policy/draft': undefined,
    }
    expect(changes.toSorted()).toEqual(Object.keys(audited).toSorted())
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'audited' })
    const { grant } = await bob.api.reviews.decide(request.id, { verdict: 'approve', comment: '' })
    await jane.api.grants.revoke(grant?.id ?? '', 'done')
    const entries: AuditRecord[] = []
    for await (const entry of alice.api.audit({ text: request.id })) entries.push(entry)
    for await (const entry of alice.api.audit({ subject: grant?.id })) entries.push(entry)
    expect(entries.map(({ type, actor }) => `${type} ${actor}`)).toEqual(
      expect.arrayContaining([
        'request.created sub|jane',
        'request.approved sub|bob',
        'grant.created sub|bob',
        'grant.revoked sub|jane',
      ]),
    )
  })

  it.skipIf(!PSQL)('tries a command for oneself, and for others only where one may', async () => {
    const tried = await jane.api.policy.try({ target: 'prod-db', command: 'delete from orders' })
    expect(tried.judgement).toMatchObject({ verdict: 'deny', rule: 'writes need a WHERE' })
    expect(tried.statements[0]?.rules.map(({ rule, result }) => [rule, result])).toEqual([
      ['writes need a WHERE', 'decides'],
      ['a person decides on what cannot be undone', 'not'],
      ['everyday work', 'fits'],
      ['anything goes in development', 'not'],
    ])
    const person = { groups: ['sre'], kind: 'person' as const }
    await expect(jane.api.policy.try({ target: 'prod-db', command: 'select 1', person })).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
    })
    const service = await alice.api.policy.try({
      target: 'dev-db',
      command: 'select 1',
      person: { groups: ['ci'], kind: 'service' },
    })
    expect(service.access).toBeUndefined()
    await expect(jane.api.policy.try({ target: 'nowhere', command: 'x' })).rejects.toMatchObject({
      code: 'TARGET_UNKNOWN',
    })
    await expect(
      alice.api.policy.try({ target: 'prod-db', command: 'select 1 \u0000; drop table x' }),
    ).rejects.toMatchObject({
      code: 'USAGE',
    })
    const broken = await alice.api.policy.try({ target: 'prod-db', command: 'selec 1' })
    expect(broken.judgement.verdict).toBe('deny')
  })

  it.skipIf(!PSQL)('returns a record in pages and parts, with the same events in the end', async () => {
    const port = await openPort(jane, 'dev-db')
    await psql(port, 'app_dev', Array.from({ length: 120 }, (_, at) => `select ${at} as page;`).join('\n'))
    port.close()
    const [session] = (await jane.api.sessions.list({ mine: true })).items
    const seqs: number[] = []
    const texts: string[] = []
    for (let from: number | undefined = 0; from !== undefined;) {
      const page: Awaited<ReturnType<typeof jane.api.sessions.events>> = await jane.api.sessions.events(
        session?.id ?? '',
        { from, limit: 50 },
      )
      expect(page.items.length).toBeLessThanOrEqual(50)
      seqs.push(...page.items.map(({ seq }) => seq))
      texts.push(...page.items.flatMap((item) => (item.type === 'command' ? [String(item['text'])] : [])))
      from = page.next
    }
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, at) => at))
    expect(texts).toHaveLength(120)
    const found = await jane.api.sessions.events(session?.id ?? '', { types: 'command', text: 'select 77 ' })
    expect(found.items.map((item) => item['text'])).toEqual(['select 77 as page;'])
    const cast = await jane.api.sessions.cast(session?.id ?? '')
    expect(JSON.parse(cast.split('\n')[0] ?? '')).toMatchObject({ version: 2 })
    const commands = []
    for await (const line of jane.api.search({ verdict: 'allow', kind: 'select', target: 'dev-db', limit: 5 }))
      commands.push(line)
    expect(commands.map(({ type }) => type)).toEqual(['command', 'command', 'command', 'command', 'command', 'more'])
    await expect(jane.api.search({}).next()).rejects.toMatchObject({ code: 'USAGE' })
    await expect(bob.api.sessions.events(session?.id ?? '', {})).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await expect(bob.api.sessions.cast(session?.id ?? '')).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await expect(bob.api.sessions.verification(session?.id ?? '')).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
  })
})
