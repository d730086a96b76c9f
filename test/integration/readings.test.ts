import { join } from 'node:path'
import Libsql from 'libsql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../src/recording/audit-chain.ts'
import { eventually, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'

const HOLD = `
  - { name: deletes, targets: { names: [dev-db] }, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] } } }`

let own: OwnGateways
let url: string
let directory: string
let jane: SignedIn
let bob: SignedIn
let alice: SignedIn
let port: Port
let db: pg.Client
/** Sessions that are over, so that no entry of an earlier reading hides that a later one has none. */
let over: string[]
let live: string
let held: string
let approval: string
let request: string
beforeAll(async () => {
  own = await ownGateways()
  directory = await own.configured((config) => config.replace('\ncommands:', `\ncommands:${HOLD}`))
  ;({ url } = await own.start(directory))
  ;[jane, bob, alice] = [await signIn(url, 'jane'), await signIn(url, 'bob'), await signIn(url, 'alice')]
  port = await openPort(jane, 'dev-db')
  const known = new Set<string>()
  const connect = async (): Promise<string> => {
    db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app_dev', ssl: false })
    db.on('error', () => {})
    await db.connect()
    await db.query('select 1 as canary')
    const { items } = await jane.api.sessions.list({ active: true })
    const id = items.find((session) => !known.has(session.id))?.id ?? ''
    known.add(id)
    return id
  }
  over = []
  for (let n = 0; n < 13; n++) {
    over.push(await connect())
    await db.end()
  }
  live = await connect()
  held = await connect()
  db.query('delete from orders where order_id = 1').catch(() => {})
  await eventually(
    async () => ((await jane.api.sessions.list({ active: true })).items.length === 2 ? true : undefined),
    'over',
  )
  // As the requester: what others look at is noted.
  approval = await eventually(async () => {
    const { items } = (await (await call(jane, 'GET', '/v1/reviews?visible=true')).json()) as {
      items: { id: string; kind: string }[]
    }
    return items.find(({ kind }) => kind === 'command')?.id
  }, 'held')
  request = (await jane.api.requests.create({ target: 'prod-db', reason: 'test' })).id
})
afterAll(async () => {
  port?.close()
  await own?.stop()
})

interface Call {
  readonly as?: SignedIn
  readonly path: string
  /** What the entry is about. */
  readonly subject: string
  readonly body?: object
}

async function call(who: SignedIn, method: string, path: string, body?: object): Promise<Response> {
  return fetch(url + path, {
    method,
    headers: {
      ...(await who.headers(method, url + path)),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}
/** One call; what it says is not looked at. */
async function make(who: SignedIn, method: string, path: string, body?: object): Promise<number> {
  const response = await call(who, method, path, body)
  await response.body?.cancel()
  return response.status
}

const next = (): string => over.pop() ?? ''
const of = (session: string, what: string): Call => ({ path: `/v1/sessions/${session}/${what}`, subject: session })

/** What the chain says, without saying that it was read: straight from the store. */
function chain(): Omit<AuditRecord, 'data'>[] {
  const store = new Libsql(join(directory, 'data', 'state.db'), { readonly: true })
  try {
    return store.prepare('select seq, type, actor, subject from audit order by seq').all() as Omit<
      AuditRecord,
      'data'
    >[]
  } finally {
    store.close()
  }
}

describe('reading a recording is in the audit chain', () => {
  /** Each route of the API: how its content is read, or why there is none of a session's in it. A new route brings a new row. */
  const ROUTES: Record<string, (() => { type: string; calls: Call[] }) | string> = {
    'get /v1/sessions/{id}/events': () => ({
      type: 'recording.viewed',
      calls: ['', '?from=1', '?from=2&limit=1', '?types=command', '?text=canary&from=1'].map((query) =>
        of(next(), `events${query}`),
      ),
    }),
    'get /v1/sessions/{id}/cast': () => ({
      type: 'recording.viewed',
      calls: ['?from=1', '', '?channel=1'].map((query) => of(next(), `cast${query}`)),
    }),
    'get /v1/sessions/{id}/har': 'of HTTP alone, so http-session.test.ts reads it and looks into the chain',
    'get /v1/sessions/{id}/recording': () => ({
      type: 'recording.exported',
      calls: ['', '?purpose=viewed', '?purpose=verified'].map((query) => of(next(), `recording${query}`)),
    }),
    'get /v1/sessions/{id}/verification': () => ({
      type: 'recording.verified',
      calls: [of(next(), 'verification')],
    }),
    'get /v1/sessions/{id}/apart': () => ({
      type: 'recording.apart_viewed',
      calls: [of(next(), 'apart')],
    }),
    'get /v1/sessions/{id}/tail': () => ({
      type: 'recording.viewed',
      calls: [of(live, 'tail')],
    }),
    'get /v1/search': () => ({
      type: 'recordings.searched',
      calls: ['?text=canary', '?kind=select', '?verdict=allow'].map((query) => ({
        path: `/v1/search${query}`,
        subject: 'recordings',
      })),
    }),
    'post /v1/policy/replay': () => ({
      type: 'policy.replayed',
      calls: [{ path: '/v1/policy/replay', body: { days: 1 }, subject: 'recordings' }],
    }),
    'get /v1/audit': () => ({
      type: 'audit.viewed',
      calls: ['after=1', 'order=newest&before=99999', 'order=newest', '', 'after=3&limit=1', 'text=canary&after=1'].map(
        (query, index) => ({
          path: `/v1/audit?${query}&subject=x${index}`,
          subject: 'audit',
        }),
      ),
    }),
    'get /v1/reviews': () => ({
      type: 'recording.viewed',
      calls: [{ path: '/v1/reviews?visible=true', subject: held }],
    }),
    'get /v1/reviews/{id}': () => ({
      type: 'recording.viewed',
      calls: [{ path: `/v1/reviews/${approval}`, as: bob, subject: held }],
    }),
    'get /.well-known/pam-gateway': 'where to sign in',
    'get /auth/sign-in': 'a redirect to the identity provider',
    'get /healthz': 'a word',
    'get /readyz': 'a word',
    'post /v1/token': 'the caller’s own token',
    'get /v1/whoami': 'the caller',
    'get /v1/web-session': 'the caller’s own',
    'delete /v1/login': 'signs out',
    'delete /v1/logins': 'signs out',
    'get /v1/targets': 'configuration',
    'get /v1/policy/explain': 'configuration',
    'get /v1/policy/rules': 'configuration',
    'post /v1/policy/try': 'rules, for a text of the caller’s own',
    'post /v1/policy/draft': 'rules of the caller’s own',
    'get /v1/audit/export': () => ({
      type: 'audit.viewed',
      calls: ['format=csv&subject=y1', 'format=jsonl&subject=y2'].map((query) => ({
        path: `/v1/audit/export?${query}`,
        subject: 'audit',
      })),
    }),
    'get /v1/break-glass/{id}': 'the same as the list',
    'get /v1/numbers': 'counts',
    'get /v1/locks': 'who and what is locked: no command in it',
    'post /v1/locks': 'in the chain as what it does',
    'post /v1/locks/{id}/lift': 'in the chain as what it does',
    'get /v1/break-glass': 'who had access in an emergency, and the reviews of it',
    'post /v1/break-glass': 'in the chain as what it does',
    'post /v1/break-glass/{id}/review': 'in the chain as what it does',
    'get /v1/passkeys': 'names and dates',
    'post /v1/passkeys': 'in the chain as what it does',
    'post /v1/passkeys/registration': 'a challenge',
    'post /v1/passkeys/removal': 'in the chain as what it does',
    'delete /v1/passkeys/{id}': 'in the chain as what it does',
    'post /v1/reviews/{id}/passkey-challenge': 'a challenge, about what the approver was shown',
    'post /v1/requests': 'a request of the caller’s own',
    'get /v1/requests': 'requests for access: no command in them',
    'get /v1/requests/{id}': 'the same',
    'post /v1/requests/{id}/withdraw': 'the same',
    'post /v1/reviews/{id}/withdraw': 'what the caller sent, and is in the chain as a withdrawal',
    'post /v1/reviews/{id}/decision': 'what the approver was shown, and is in the chain as a decision',
    'get /v1/grants': 'who has what until when',
    'post /v1/grants/{id}/revoke': 'in the chain as what it does',
    'post /v1/grants/{id}/lift': 'in the chain as what it does',
    'get /v1/sessions': 'the index: who, where, when',
    'get /v1/sessions/{id}': 'the same',
    'post /v1/sessions/{id}/kill': 'in the chain as what it does',
    'post /v1/sessions/{id}/legal-hold': 'in the chain as what it does',
    'post /v1/sessions/{id}/lift-hold': 'in the chain as what it does',
    'post /v1/sessions/{id}/erase-apart': 'in the chain as what it does',
    'get /v1/keys': 'public keys',
    'get /v1/audit/status': 'numbers and a digest',
    'get /v1/events': 'ids of what has changed',
    'get /v1/deliveries': 'what became of messages, without their text',
  }

  it('the table has every route', async () => {
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> }
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(routes.toSorted()).toEqual(Object.keys(ROUTES).toSorted())
  })

  it.each(Object.entries(ROUTES).filter(([, row]) => typeof row !== 'string'))(
    '%s: whatever part of it is asked for',
    async (route, row) => {
      if (typeof row === 'string') return
      const { type, calls } = row()
      for (const { as, path, body, subject } of calls) {
        const before = chain().at(-1)?.seq ?? 0
        expect([path, await make(as ?? alice, route.split(' ')[0]?.toUpperCase() ?? '', path, body)]).toEqual([
          path,
          200,
        ])
        const actor = (as ?? alice).token.person.id
        const added = chain().filter((entry) => entry.seq > before && entry.actor === actor)
        expect([path, added]).toEqual([path, [expect.objectContaining({ type, subject })]])
      }
    },
    120_000,
  )

  it('pages of one reading in the same minute share an entry, and other things have their own', async () => {
    const count = (): number => chain().filter(({ type }) => type === 'audit.viewed').length
    const before = count()
    for (let page = 0; page < 20; page++) await make(alice, 'GET', `/v1/audit?after=${page}&type=nothing`)
    // A new minute may have begun meanwhile.
    expect(count() - before).toBeLessThanOrEqual(2)
    expect(count() - before).toBeGreaterThan(0)
  })
})

describe('a person whose identity was lost can do nothing', () => {
  /** As if the proof of everybody's identity had run out: nobody is asked before it is used. */
  function loseIdentity(who: SignedIn): void {
    const store = new Libsql(join(directory, 'data', 'state.db'))
    // The gateway may be writing at this moment.
    store.pragma('busy_timeout = 60000')
    store.prepare('update logins set proven_until = ? where id = ?').run(Date.now() - 1, who.token.login)
    store.close()
  }
  const codeOf = async (response: Response): Promise<string> => {
    const text = await response.text()
    return response.ok || !text.startsWith('{') ? 'ok' : (JSON.parse(text) as { code: string }).code
  }

  it('streams that are open end, and so does a wait; no route but the one for tokens answers; a new proof opens all again', async () => {
    const streams: Promise<unknown>[] = []
    for (const path of [`/v1/sessions/${live}/tail`, '/v1/events']) {
      const response = await call(alice, 'GET', path)
      expect([path, response.status]).toEqual([path, 200])
      streams.push(response.text().catch((error: unknown) => error))
    }
    const waiting = call(jane, 'GET', `/v1/requests/${request}?waitMs=2000`)
    for (const who of [alice, bob, jane]) loseIdentity(who)
    await Promise.all(streams)
    expect(await codeOf(await waiting)).toBe('IDENTITY_LOST')

    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> }
    const answered: string[] = []
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        const response = await call(
          bob,
          method.toUpperCase(),
          path.replace('{id}', approval),
          method === 'post' ? {} : undefined,
        )
        if ((await codeOf(response)) !== 'IDENTITY_LOST') answered.push(`${method} ${path}`)
      }
    }
    const open = ['get /.well-known/pam-gateway', 'get /auth/sign-in', 'get /healthz', 'get /readyz', 'post /v1/token']
    expect(answered.toSorted()).toEqual(open)
    await bob.exchange(bob.tokens.identityToken)
    expect(await codeOf(await call(bob, 'GET', '/v1/whoami'))).toBe('ok')
  })
})
