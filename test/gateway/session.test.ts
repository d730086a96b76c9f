import { beforeEach, describe, expect, it } from 'vitest'
import type { Hold } from '../../src/gateway/engine.ts'
import { createSession, type RunningSession } from '../../src/gateway/session.ts'
import { PamError } from '../../src/shared/errors.ts'
import { decided, draftOf, grantOf, policyOf, SessionBench, store } from '../helpers/session-parts.ts'

let bench: SessionBench

beforeEach(() => {
  bench = new SessionBench(`commands:
  - { name: reading, match: { kinds: [select] }, allow: true }
  - { name: risky, match: { kinds: [truncate] }, hold: { approvers: { groups: [sre] } } }
  - { name: once, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] }, covers: statement } }
  - { name: alone, match: { kinds: [update] }, hold: { approvers: { groups: [sre] }, inTransaction: refuse } }
masking:
  - { name: addresses, columns: [people.email], style: redact, maxComparisons: 2, sideChannels: equality }
`)
})

describe('a session', () => {
  it('records every command before it returns the decision', () => {
    const session = createSession(bench.parts())
    expect(session.decide(draftOf({}))).toMatchObject({ type: 'forward' })
    expect(session.decide(draftOf({ kinds: ['drop-table'] }))).toMatchObject({
      type: 'refuse',
      error: { code: 'COMMAND_NOT_ALLOWED' },
    })
    expect(session.decide(draftOf({ kinds: ['truncate'] })).type).toBe('hold')
    expect(bench.recorded).toEqual([
      ['command', 'allow', 'SELECT'],
      ['command', 'deny', 'DROP-TABLE'],
      ['command', 'hold', 'TRUNCATE'],
    ])
    expect(session.tally().commands).toBe(3)
  })

  it('returns the id that is on record', () => {
    const { id } = createSession(bench.parts()).decide(draftOf({}))
    expect(bench.events[0]).toMatchObject({ type: 'command', id })
  })

  it('neither decides nor records after its end', () => {
    const session = createSession(bench.parts())
    const reason = new PamError('GRANT_REVOKED', 'revoked')
    session.end(reason)
    expect(session.ended.reason).toBe(reason)
    expect(session.decide(draftOf({}))).toEqual({ type: 'refuse', id: '', error: reason })
    expect(bench.events).toEqual([])
  })

  it('fails where recording fails, before anything is forwarded', () => {
    const failed = new PamError('RECORDING_FAILED', 'full')
    const recorder = {
      intent: () => {
        throw failed
      },
    } as never
    expect(() => createSession(bench.parts({ recorder })).decide(draftOf({}))).toThrow(failed)
  })

  it('follows the current rules', () => {
    const session = createSession(bench.parts())
    const draft = draftOf({})
    expect(session.decide(draft).type).toBe('forward')
    bench.policy = policyOf('')
    expect(session.decide(draft).type).toBe('refuse')
  })

  it('previews what no parameters could make allowed, and records nothing else', () => {
    const session = createSession(bench.parts())
    expect(session.preview(draftOf({}))).toBeUndefined()
    expect(session.preview(draftOf({ kinds: ['truncate'] }))).toBeUndefined()
    expect(bench.events).toEqual([])
    expect(session.preview(draftOf({ kinds: ['drop-table'] }))?.code).toBe('COMMAND_NOT_ALLOWED')
    expect(bench.recorded).toEqual([['command', 'deny', 'DROP-TABLE']])
  })

  it('reports what policy denies, without a record', () => {
    const session = createSession(bench.parts())
    expect(['select', 'truncate', 'drop-table'].map((kind) => session.denies(draftOf({ kinds: [kind] })))).toEqual([
      false,
      false,
      true,
    ])
    expect(bench.events).toEqual([])
  })

  it('counts comparisons with masked columns, over all sessions of a grant, and only of what runs', () => {
    const parts = bench.parts()
    const [one, other] = [createSession(parts), createSession(parts)]
    const compares = { comparisons: [{ column: 'public.people.email', count: 1, budget: 2 }] }
    expect(one.decide(draftOf({}, compares)).type).toBe('forward')
    expect(one.decide(draftOf({ kinds: ['drop-table'] }, compares)).type).toBe('refuse')
    expect(other.decide(draftOf({}, compares)).type).toBe('forward')
    expect(other.decide(draftOf({}, compares))).toMatchObject({
      type: 'refuse',
      error: {
        code: 'COMMAND_REFUSED',
        message: "public.people.email is masked, and this grant's limit of 2 comparisons with it is used up",
      },
    })
  })

  it('shows approvers exactly what is held, and what came before it', async () => {
    const session = createSession(bench.parts())
    session.decide(draftOf({}))
    const draft = draftOf({ kinds: ['truncate'] })
    const hold = session.decide(draft) as Hold
    session.decide(draftOf({}, { text: 'SELECT 2' }))
    while (bench.state.filed.length === 0) await Promise.resolve()
    const [approval] = bench.state.filed
    if (approval === undefined) throw new Error('nothing was filed')
    expect(session.held(approval.id)).toBe(draft)
    expect(session.recent(approval.id).map(({ text }) => text)).toEqual(['SELECT'])
    session.decided(decided(approval, 'approved'))
    expect(await hold.verdict).toMatchObject({ type: 'forward', id: hold.id })
    expect(session.held(approval.id)).toBeUndefined()
  })

  it('forwards what an earlier approval covers', async () => {
    const session = createSession(bench.parts())
    const hold = session.decide(draftOf({ kinds: ['delete'] })) as Hold
    while (bench.state.filed.length === 0) await Promise.resolve()
    for (const approval of bench.state.filed) session.decided(decided(approval, 'approved'))
    await hold.verdict
    expect(session.decide(draftOf({ kinds: ['delete'] })).type).toBe('forward')
    expect(session.decide(draftOf({ kinds: ['truncate'] })).type).toBe('hold')
  })

  it('does not hold within a transaction what a rule refuses to', () => {
    const session = createSession(bench.parts())
    const decide = (inTransaction: boolean) => session.decide(draftOf({ kinds: ['update'] }, { inTransaction }))
    expect(decide(true)).toMatchObject({ type: 'refuse', error: { code: 'COMMAND_REFUSED' } })
    expect(decide(false).type).toBe('hold')
  })

  it('decides anew on each command that is not simply allowed, counts comparisons, or has a detached text', () => {
    const session = createSession(bench.parts())
    expect(session.repeated(draftOf({}))).toBeDefined()
    expect(session.repeated(draftOf({ kinds: ['truncate'] }))).toBeUndefined()
    expect(session.repeated(draftOf({ kinds: ['drop-table'] }))).toBeUndefined()
    const comparisons = [{ column: 'public.people.email', count: 1, budget: 2 }]
    expect(session.repeated(draftOf({}, { comparisons }))).toBeUndefined()
    const recorded = { text: 'SELECT', parameters: [], detached: 'SELECT $1' }
    expect(session.repeated(draftOf({}, { recorded }))).toBeUndefined()
  })

  it('passes nothing after the end of its grant, even where the timer of that is late', async () => {
    const grant = grantOf(bench.clock)
    const session = createSession(bench.parts({ grant: () => grant }))
    const repeated = session.repeated(draftOf({}))
    const hold = session.decide(draftOf({ kinds: ['delete'] })) as Hold
    while (bench.state.filed.length === 0) await Promise.resolve()
    // As after a machine has slept: no timer has called back.
    bench.clock.time = grant.endsAt
    for (const approval of bench.state.filed) session.decided(decided(approval, 'approved'))
    const over = { code: 'GRANT_OVER', message: 'your access to store has ended' }
    expect(await hold.verdict).toMatchObject({ type: 'refuse', error: over })
    expect(session.ended.reason).toMatchObject(over)
    expect(repeated?.isAllowed).toBe(false)
  })

  it.each<[string, (session: RunningSession) => unknown, object | undefined]>([
    ['decided on', (session) => session.decide(draftOf({})), { type: 'refuse', error: { code: 'GRANT_OVER' } }],
    ['prepared', (session) => session.preview(draftOf({})), { code: 'GRANT_OVER' }],
    ['repeated', (session) => session.repeated(draftOf({}))?.isAllowed, undefined],
  ])('a command that is %s at the end of the grant ends the session', (_, run, answer) => {
    const grant = grantOf(bench.clock)
    const session = createSession(bench.parts({ grant: () => grant }))
    bench.clock.time = grant.endsAt - 1
    run(session)
    expect(session.ended.aborted).toBe(false)
    bench.clock.time = grant.endsAt
    if (answer === undefined) expect(run(session)).toBeUndefined()
    else expect(run(session)).toMatchObject(answer)
    expect(session.ended.reason).toMatchObject({ code: 'GRANT_OVER' })
  })

  it('is read-only where a rule of the ready-made set is about it', () => {
    expect(createSession(bench.parts()).readOnly).toBe(false)
    bench.policy = policyOf('commands: [{ use: read-only }]')
    expect(createSession(bench.parts()).readOnly).toBe(true)
    const { commands, ...rest } = bench.policy
    bench.policy = { ...rest, commands: commands.map((one) => ({ ...one, set: 'another' })) }
    expect(createSession(bench.parts()).readOnly).toBe(false)
    bench.policy = {
      ...rest,
      commands: commands.map((one) => ({ ...one, when: { source: 'true', groups: [], holds: () => true } })),
    }
    expect(createSession(bench.parts()).readOnly).toBe(false)
    bench.policy = policyOf('commands: [{ use: read-only, who: { groups: [others] } }]')
    expect(createSession(bench.parts()).readOnly).toBe(false)
  })

  it('is as it was begun until rules say otherwise what it masks, that it is read-only, or what its target is', () => {
    const masking = '{ name: addresses, columns: [people.email], style: redact }'
    const isAsBegun = (before: string, now: string, labels?: Record<string, string>): boolean => {
      bench.policy = policyOf(before)
      const config = { ...store, host: 'db', port: 5432 }
      const session = createSession(bench.parts({ configNow: () => ({ ...config, labels: labels ?? store.labels }) }))
      bench.policy = policyOf(now)
      return session.isAsBegun()
    }
    const rules = `masking: [${masking}]`
    expect(isAsBegun(rules, `${rules}\ncommands: [{ name: all, match: {}, allow: true }]`)).toBe(true)
    expect(isAsBegun(rules, rules.replace('addresses', 'renamed'))).toBe(true)
    expect(isAsBegun(rules, rules, { env: 'dev' })).toBe(false)
    expect(isAsBegun('masking: []', rules)).toBe(false)
    expect(isAsBegun(rules, rules.replace('email', 'phone'))).toBe(false)
    expect(isAsBegun(rules, rules.replace('redact', 'hash'))).toBe(false)
    expect(isAsBegun(rules, rules.replace('name:', 'except: { groups: [dev] }, name:'))).toBe(false)
    expect(isAsBegun(rules, `${rules}\ncommands: [{ use: read-only }]`)).toBe(false)
    // What is found by a pattern is not the pattern's own function.
    const patterns = 'masking: [{ name: p, patterns: [{ name: ticket, pattern: "T-[0-9]+" }], style: redact }]'
    expect(isAsBegun(patterns, patterns)).toBe(true)
    expect(isAsBegun(patterns, patterns.replace('T-', 'U-'))).toBe(false)
  })

  it('has keys and commitments of its own', () => {
    const [one, other] = [createSession(bench.parts()), createSession(bench.parts({ id: 'ses_2' }))]
    expect(one.commitment('x')).toMatch(/^[0-9a-f]{12}$/)
    expect(one.commitment('x')).not.toBe(other.commitment('x'))
    expect(one.hashKeys.session).not.toEqual(other.hashKeys.session)
    expect(one.hashKeys.target).toEqual(other.hashKeys.target)
    const elsewhere = createSession(bench.parts({ target: { ...store, name: 'other' } }))
    expect(elsewhere.hashKeys.target).not.toEqual(one.hashKeys.target)
    const keys = [one.hashKeys.session, one.hashKeys.target].map(String)
    expect(new Set([...keys, String(one.commitmentKey)]).size).toBe(3)
  })

  it('masks by the rules from its beginning', () => {
    expect(createSession(bench.parts()).masking.columns).toEqual([
      expect.objectContaining({ schema: 'public', table: 'people', column: 'email', maxComparisons: 2 }),
    ])
    expect(createSession(bench.parts({ defaultSchema: undefined })).masking.columns).toEqual([])
  })
})
