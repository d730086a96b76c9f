import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ServerEvent } from '../../src/gateway-client/server-events.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { eventually, openPort, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { psql, PSQL } from '../helpers/run.ts'

let own: OwnGateways
let directory: string
let gateway: RunningGateway
let jane: SignedIn
let bob: SignedIn
let alice: SignedIn
beforeAll(async () => {
  own = await ownGateways()
  directory = await own.configured()
  gateway = await own.start(directory)
  jane = await signIn(gateway.url, 'jane')
  bob = await signIn(gateway.url, 'bob')
  alice = await signIn(gateway.url, 'alice')
})
afterAll(() => own?.stop())

interface Heard {
  readonly events: ServerEvent[]
  readonly changes: () => string[]
  readonly last: () => number
  stop(): void
}

async function listen(person: SignedIn, after?: number): Promise<Heard> {
  const leaving = new AbortController()
  const events: ServerEvent[] = []
  const follow = async (): Promise<void> => {
    for await (const event of person.api.events(after, leaving.signal)) if (event.type !== 'beat') events.push(event)
  }
  void follow().catch(() => {})
  await eventually(() => (events.some(({ type }) => type === 'ready' || type === 'resync') ? true : undefined), 'ready')
  return {
    events,
    changes: () => events.flatMap((event) => (event.type === 'changed' ? [`${event.change} ${event.id}`] : [])),
    last: () => Math.max(...events.map((event) => ('seq' in event ? event.seq : 0))),
    stop: () => leaving.abort(),
  }
}

describe('the stream of events', () => {
  it('delivers to all people their own events only', async () => {
    const [mine, approver, auditor] = [await listen(jane), await listen(bob), await listen(alice)]
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'events' })
    const { grant } = await bob.api.reviews.decide(request.id, { verdict: 'approve', comment: '' })
    for (const heard of [mine, approver, auditor])
      await eventually(
        () => (heard.changes().some((change) => change.startsWith('request.approved')) ? true : undefined),
        'told',
      )
    await eventually(() => (mine.changes().includes(`grant.created ${grant?.id}`) ? true : undefined), 'the grant')
    // What it says is what has changed, and nothing of it.
    const [event] = mine.events.filter(({ type }) => type === 'changed')
    expect(Object.keys(event ?? {}).toSorted()).toEqual(['change', 'id', 'kind', 'seq', 'type'])
    const theirs = await bob.api.requests.create({ target: 'prod-db', reason: 'of bob' })
    await eventually(() => (auditor.changes().includes(`request.created ${theirs.id}`) ? true : undefined), 'told')
    expect(mine.changes().some((change) => change.includes(theirs.id))).toBe(false)
    await bob.api.requests.withdraw(theirs.id)
    for (const heard of [mine, approver, auditor]) heard.stop()
  })

  it.skipIf(!PSQL)(
    'resumes where it ended, after a break and after a restart of the gateway',
    async () => {
      const before = await listen(bob)
      const port = await openPort(jane, 'prod-db')
      const result = psql(port, 'app', 'truncate audit_tmp')
      const filed = await eventually(
        () => before.changes().find((change) => change.startsWith('approval.filed')),
        'filed',
      )
      const last = before.last()
      before.stop()
      const id = filed.split(' ')[1] ?? ''
      await bob.api.reviews.decide(id, { verdict: 'deny', comment: '' })
      await result
      port.close()
      const again = await listen(bob, last)
      await eventually(() => (again.changes().includes(`approval.denied ${id}`) ? true : undefined), 'what was missed')
      const seen = again.last()
      again.stop()
      await gateway.stop('SIGTERM')
      gateway = await own.start(directory)
      const request = await jane.api.requests.create({ target: 'prod-db', reason: 'after' })
      const after = await listen(bob, seen)
      await eventually(
        () => (after.changes().includes(`request.created ${request.id}`) ? true : undefined),
        'after a restart',
      )
      expect(after.changes().filter((change) => change.startsWith('approval.denied'))).toEqual([])
      expect(new Set(after.changes()).size).toBe(after.changes().length)
      await jane.api.requests.withdraw(request.id)
      after.stop()
    },
    120_000,
  )

  it('refuses a position that is beyond the chain, or none at all', async () => {
    const ask = async (path: string, headers: Record<string, string>): Promise<[number, unknown]> => {
      const url = gateway.url + path
      const response = await fetch(url, { headers: { ...(await alice.headers('GET', url)), ...headers } })
      return [response.status, ((await response.json()) as { detail: unknown }).detail]
    }
    const beyond = /^event 999999999 does not exist: the audit chain ends at \d+$/
    expect(await ask('/v1/events', { 'last-event-id': '999999999' })).toEqual([400, expect.stringMatching(beyond)])
    expect(await ask('/v1/events?after=999999999', {})).toEqual([400, expect.stringMatching(beyond)])
    for (const after of ['-1', 'x', '1e9', '', '1, 2', '9'.repeat(16)])
      expect([after, await ask('/v1/events', { 'last-event-id': after })]).toEqual([
        after,
        [400, 'Last-Event-ID: expected the id of an event, which is a number'],
      ])
    // No stream was left open by any of them, and the last entry of the chain is a place.
    const heard = await listen(alice)
    const again = await listen(alice, heard.last())
    expect(again.events[0]).toMatchObject({ type: 'ready' })
    for (const one of [heard, again]) one.stop()
  })

  it('ends with the sign-in, and is limited in number', async () => {
    const person = await signIn(gateway.url, 'alice')
    const heard: Heard[] = []
    for (let opened = 0; opened < 20; opened++) heard.push(await listen(person))
    await expect(person.api.events(undefined).next()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    for (const one of heard.slice(1)) one.stop()
    let ended = false
    const follow = async (): Promise<void> => {
      const stream = person.api.events(undefined)
      await eventually(async () => ((await stream.next()).done === false ? true : undefined), 'open')
      await person.api.logout()
      for (let next = await stream.next(); next.done !== true; next = await stream.next());
      ended = true
    }
    await eventually(
      () =>
        follow().then(
          () => true,
          () => undefined,
        ),
      'the stream ends',
    )
    expect(ended).toBe(true)
    heard[0]?.stop()
  })
})
