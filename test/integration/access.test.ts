import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import { eventually, grantFor, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'

let stack: DemoStack
let jane: SignedIn
let bob: SignedIn
let alice: SignedIn
let dev: Port
let prod: Port

/** What a receiver of webhooks was told, in order. */
const told: { type: string; data: { id: string } }[] = []
const receiver = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    told.push(JSON.parse(body) as (typeof told)[number])
    response.writeHead(204).end()
  })
})

const EMERGENCY = `
  - name: emergencies
    who: { groups: [engineering] }
    targets: { names: [prod-db] }
    grant: break-glass
    maxDuration: 30m
    breakGlass:
      reviewers: { groups: [audit] }
      lifts: { holds: [a person decides on what cannot be undone] }`

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const { port } = receiver.address() as AddressInfo
  process.env['PAM_TEST_WEBHOOK'] = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  stack = await startHostedStack({
    configure: (yaml) =>
      `${yaml.replace('\naccess:', `\naccess:${EMERGENCY}`)}
notifications:
  webhooks: [{ name: ops, url: "http://127.0.0.1:${port}", secret: "env:PAM_TEST_WEBHOOK", events: [session.killed] }]
`,
  })
  ;[jane, bob, alice] = [
    await signIn(stack.gateway, 'jane'),
    await signIn(stack.gateway, 'bob'),
    await signIn(stack.gateway, 'alice'),
  ]
  dev = await openPort(jane, 'dev-db')
  prod = await openPort(jane, 'prod-db')
  await grantFor(jane, bob, 'prod-db')
})

afterAll(async () => {
  dev?.close()
  prod?.close()
  await stack?.stop()
  await new Promise((resolve) => receiver.close(resolve))
})

async function client(port: Port, database: string): Promise<pg.Client & { readonly ended: Promise<Error> }> {
  const made = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database, ssl: false })
  const ended = new Promise<Error>((resolve) => made.on('error', resolve))
  await made.connect()
  return Object.assign(made, { ended })
}

const inDev = () => client(dev, 'app_dev')
const inProd = () => client(prod, 'app')

async function audited(subject: string): Promise<string[]> {
  const types: string[] = []
  for await (const { type, actor } of alice.api.audit({ subject })) types.push(`${type} ${actor}`)
  return types
}

describe('a lock of a person', () => {
  it('ends all that they run, tells them why in their protocol, and keeps them out of everything until it is lifted', async () => {
    const [first, second] = [await inDev(), await inProd()]
    const held = second.query('truncate audit_tmp').catch((error: Error) => error)
    const [waiting] = await eventually(async () => {
      const found = await bob.api.reviews.list()
      return found.length > 0 ? found : undefined
    }, 'a held command')
    const asked = await jane.api.requests.create({ target: 'prod-db', reason: 'before the lock' })
    const lock = await bob.api.locks.create({ person: 'jane@example.com', reason: 'laptop stolen' })
    expect(lock).toMatchObject({ what: 'jane@example.com', endedSessions: 2, state: 'active' })
    const why = 'you are locked out: laptop stolen (locked by bob@example.com)'
    for (const error of [await first.ended, await held])
      expect(error).toMatchObject({ code: '57P01', message: `pam: ${why}` })
    await expect(inDev()).rejects.toMatchObject({ message: `pam: ${why}` })
    const refused = { code: 'LOCKED', message: why }
    await expect(jane.api.whoami()).rejects.toMatchObject(refused)
    await expect(jane.api.requests.create({ target: 'prod-db', reason: 'x' })).rejects.toMatchObject(refused)
    await expect(jane.api.requests.withdraw(asked.id)).rejects.toMatchObject(refused)
    // A new sign-in of the same person changes nothing.
    await expect((await signIn(stack.gateway, 'jane')).api.targets()).rejects.toMatchObject(refused)
    // Nobody approves what would let them in, or the command that was held.
    await expect(bob.api.reviews.decide(asked.id, { verdict: 'approve', comment: '' })).rejects.toMatchObject({
      code: 'LOCKED',
      message: 'jane@example.com is locked: laptop stolen (locked by bob@example.com)',
    })
    await expect(
      bob.api.reviews.decide(waiting?.id ?? '', { verdict: 'approve', comment: '', digest: waiting?.digest ?? '' }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/LOCKED|ALREADY_DECIDED/) })
    await expect(alice.api.locks.lift(lock.id, '')).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await expect(jane.api.locks.lift(lock.id, '')).rejects.toMatchObject(refused)
    await bob.api.locks.lift(lock.id, 'found it')
    await (await inDev()).end()
    await jane.api.requests.withdraw(asked.id)
    expect(await audited(lock.id)).toEqual(['lock.created sub|bob', 'lock.lifted sub|bob'])
  })
})

describe('a lock of targets', () => {
  it('applies to everybody, also to administrators, who can lift it; other targets are not affected', async () => {
    const [first, second] = [await inDev(), await inProd()]
    const lock = await bob.api.locks.create({ label: { name: 'env', value: 'prod' }, reason: 'restore' })
    const why = 'every target with the label env=prod is locked: restore (locked by bob@example.com)'
    expect(await second.ended).toMatchObject({ code: '57P01', message: `pam: ${why}` })
    await expect(inProd()).rejects.toMatchObject({ message: `pam: ${why}` })
    await expect(jane.api.requests.create({ target: 'prod-db', reason: 'x' })).rejects.toMatchObject({ message: why })
    expect((await first.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await jane.api.locks.list(true)).map(({ id }) => id)).toEqual([lock.id])
    await bob.api.locks.lift(lock.id, '')
    await (await inProd()).end()
    const all = await bob.api.locks.create({ all: true, reason: 'drill', lengthMs: 1000 })
    expect(await first.ended).toMatchObject({ message: expect.stringContaining('every target is locked until') })
    await eventually(
      async () => ((await bob.api.locks.list(true)).length === 0 ? true : undefined),
      'the end of the lock',
    )
    await (await inDev()).end()
    await eventually(async () => ((await audited(all.id)).length > 1 ? true : undefined), 'its end in the audit chain')
    expect(await audited(all.id)).toEqual(['lock.created sub|bob', 'lock.ended gateway'])
  })

  it('is made by those whom the configuration names, about what there is, and never silently about oneself', async () => {
    const reason = 'x'
    for (const [who, asked, code] of [
      [jane, { target: 'dev-db', reason }, 'NOT_ALLOWED'],
      [alice, { all: true as const, reason }, 'NOT_ALLOWED'],
      [bob, { target: 'dev', reason }, 'TARGET_UNKNOWN'],
      [bob, { label: { name: 'env', value: 'test' }, reason }, 'NOT_FOUND'],
      [bob, { person: 'nobody@example.com', reason }, 'NOT_FOUND'],
      [bob, { person: 'bob@example.com', reason }, 'USAGE'],
      [bob, { target: 'dev-db', reason: ' ' }, 'USAGE'],
      [bob, { target: 'dev-db', all: true as const, reason }, 'USAGE'],
    ] as const)
      await expect(who.api.locks.create(asked)).rejects.toMatchObject({ code })
    expect(await bob.api.locks.list(true)).toEqual([])
  })
})

describe('more time, and access later', () => {
  it('is requested before the end, and the session continues', async () => {
    for (const { id, target } of (await jane.api.grants.list({ active: true })).items)
      if (target === 'prod-db') await jane.api.grants.revoke(id, 'shorter')
    const grant = await grantFor(jane, bob, 'prod-db', 8000)
    const db = await inProd()
    const asked = await jane.api.requests.create({
      target: 'prod-db',
      reason: 'more',
      lengthMs: 60_000,
      extends: grant,
    })
    expect(asked).toMatchObject({ extends: grant, state: 'pending' })
    // Others are not told how its id goes on.
    const beginning = grant.slice(0, 9)
    await expect(
      bob.api.requests.create({ target: 'prod-db', reason: 'x', lengthMs: 60_000, extends: beginning }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', message: `nothing with the id ${beginning} is visible to you` })
    await bob.api.reviews.decide(asked.id, { verdict: 'approve', comment: '' })
    const slept = await db.query("select pg_sleep(8.5), 'awake' as state")
    expect(slept.rows[0]).toMatchObject({ state: 'awake' })
    expect(await audited(grant)).toEqual(['grant.created sub|bob', 'grant.extended sub|bob'])
    await jane.api.grants.revoke(grant, 'enough')
    expect(await db.ended).toMatchObject({ code: '57P01' })
  })

  it('does not start before its start time', async () => {
    const startsAt = new Date(Date.now() + 3_600_000).toISOString()
    const asked = await jane.api.requests.create({ target: 'prod-db', reason: 'tonight', startsAt })
    const { grant } = await bob.api.reviews.decide(asked.id, { verdict: 'approve', comment: '' })
    expect(grant).toMatchObject({ state: 'scheduled', startsAt })
    await expect(inProd()).rejects.toMatchObject({ message: 'pam: you have no current grant for prod-db' })
    expect((await jane.api.grants.list({ active: true })).items.some(({ id }) => id === grant?.id)).toBe(false)
    expect(await jane.api.grants.revoke(grant?.id ?? '', 'not needed')).toMatchObject({ state: 'revoked' })
  })
})

describe('a request for several targets', () => {
  it('is one review that names them all, and gives access to each', async () => {
    const asked = { reason: 'INC-7', lengthMs: 60_000 }
    await expect(jane.api.requests.create({ ...asked, targets: ['prod-db', 'dev-db'] })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'nothing was requested: dev-db needs no request: you have standing access',
    })
    const made = await jane.api.requests.create({ ...asked, labels: { env: 'prod' }, skipUnavailable: true })
    expect(made).toMatchObject({ target: 'prod-db', targets: [{ name: 'prod-db' }] })
    expect(made.skipped).toBeUndefined()
    expect(await bob.api.reviews.get(made.id)).toMatchObject({
      target: 'prod-db',
      targets: made.targets,
      mayDecide: true,
    })
    const { grant, grants } = await bob.api.reviews.decide(made.id, { verdict: 'approve', comment: '' })
    expect(grants).toEqual([grant])
    const db = await inProd()
    expect((await db.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await jane.api.grants.revoke(grant?.id ?? '', 'enough')
    await db.ended
  })
})

describe('access in an emergency', () => {
  const reason = 'the orders are stuck and nobody of sre answers'
  const start = (given: object = {}) => jane.api.breakGlass.start({ target: 'prod-db', reason, ...given })

  it('is announced, lifts what its rule names and no more, ends with its grant, and is reviewed by somebody else', async () => {
    for (const { id, target } of (await jane.api.grants.list({ active: true })).items)
      if (target === 'prod-db') await jane.api.grants.revoke(id, 'an emergency is coming')
    const lock = await bob.api.locks.create({ target: 'prod-db', reason: 'restore' })
    await expect(start()).rejects.toMatchObject({ code: 'LOCKED' })
    await bob.api.locks.lift(lock.id, '')
    await expect(start({ reason: 'urgent' })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(alice.api.breakGlass.start({ target: 'prod-db', reason })).rejects.toMatchObject({ code: 'NO_ACCESS' })
    await expect(inProd()).rejects.toMatchObject({ message: 'pam: you have no current grant for prod-db' })

    const use = await start({ lengthMs: 600_000 })
    expect(use).toMatchObject({ state: 'active', announced: ['ops'], mayReview: false })
    // Whatever the receiver is configured to hear.
    expect(told.filter(({ data }) => data.id === use.id).map(({ type }) => type)).toContain('breakglass.begun')
    expect((await alice.api.breakGlass.list(true)).map(({ id }) => id)).toEqual([use.id])
    const db = await inProd()
    await db.query('truncate audit_tmp')
    await expect(db.query('delete from orders')).rejects.toMatchObject({
      message: expect.stringContaining('without WHERE are not allowed'),
    })
    await expect(start()).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })

    const comment = 'read the record: one truncate of a scratch table'
    await expect(alice.api.breakGlass.review(use.id, comment)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
    await bob.api.grants.revoke(use.grantId ?? '', 'over')
    expect(await db.ended).toMatchObject({ code: '57P01' })
    await expect(inProd()).rejects.toMatchObject({ message: 'pam: you have no current grant for prod-db' })
    await expect(jane.api.breakGlass.review(use.id, comment)).rejects.toMatchObject({ code: 'SELF_APPROVAL' })
    await expect(bob.api.breakGlass.review(use.id, comment)).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await eventually(
      () => alice.api.breakGlass.review(use.id, comment).catch(() => undefined),
      'the record of the session is complete, and the review closed',
    )
    expect(await alice.api.breakGlass.list(true)).toEqual([])
    expect((await audited(use.id)).filter((entry) => !entry.includes('ended'))).toEqual([
      'breakglass.begun sub|jane',
      'breakglass.granted sub|jane',
      'breakglass.reviewed sub|alice',
    ])
  })

  it('ends with a reload that removes its rule, and is limited within a day', async () => {
    await start()
    const db = await inProd()
    const file = join(stack.directory, 'pam.yaml')
    const yaml = readFileSync(file, 'utf8')
    writeFileSync(file, yaml.replace(EMERGENCY, ''))
    process.kill(stack.pid, 'SIGHUP')
    expect(await db.ended).toMatchObject({ message: expect.stringContaining('access rules changed') })
    await expect(inProd()).rejects.toMatchObject({ message: 'pam: you have no current grant for prod-db' })
    await expect(start()).rejects.toMatchObject({ code: 'NO_ACCESS' })
    writeFileSync(file, yaml)
    process.kill(stack.pid, 'SIGHUP')
    // It lasts still, and its rule is back.
    await (await eventually(() => inProd().catch(() => undefined), 'the rule is back')).end()
    const [use] = await bob.api.breakGlass.list(true)
    await bob.api.grants.revoke(use?.grantId ?? '', 'over')
    await expect(start()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await eventually(
      () => (told.some(({ type, data }) => type === 'breakglass.ended' && data.id === use?.id) ? true : undefined),
      'reviewers are told that it has ended',
    )
  })
})
