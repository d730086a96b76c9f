import { beforeEach, describe, expect, it } from 'vitest'
import type { Approval } from '../../src/access/approval.ts'
import { CommandDigest } from '../../src/gateway/command-digest.ts'
import { CommandJudge } from '../../src/gateway/command-judge.ts'
import type { CommandDraft, Hold } from '../../src/gateway/engine.ts'
import { HeldCommands, type HoldJudgement } from '../../src/gateway/held-commands.ts'
import { PamError } from '../../src/shared/errors.ts'
import { HmacKey } from '../../src/shared/hmac.ts'
import { decided, draftOf, grantOf, jane, policyOf, SessionBench, store } from '../helpers/session-parts.ts'

const RULES = `commands:
  - { name: risky, match: { kinds: [truncate] }, hold: { approvers: { groups: [sre] }, expires: 10m } }
  - { name: once, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] }, covers: statement } }
  - { name: together, match: { kinds: [drop-table] }, hold: { approvers: { groups: [sre] }, per: command } }
  - { name: also together, match: { kinds: [drop-index] }, hold: { approvers: { groups: [sre] }, per: command } }
  - { name: long, match: { kinds: [vacuum] }, hold: { approvers: { groups: [sre] }, expires: 2h } }
  - { name: alone, match: { kinds: [drop-view] }, hold: { approvers: { groups: [sre] } } }
`
let bench: SessionBench
let held: HeldCommands
let judge: CommandJudge

beforeEach(() => {
  bench = new SessionBench(RULES)
  judge = new CommandJudge(jane, store)
  held = new HeldCommands({
    id: 'ses_1',
    person: jane,
    target: store,
    endsAt: () => grantOf(bench.clock).endsAt,
    recorder: bench.recorder,
    clock: bench.clock,
    state: bench.state,
    judge,
    digest: new CommandDigest(new HmacKey(Buffer.alloc(32, 1)), {
      session: 'ses_1',
      person: 'jane',
      target: 'store',
      account: 'app',
    }),
    policy: () => bench.policy,
    ended: bench.ended.signal,
    isOver: () => bench.ended.signal.aborted,
  })
})

const truncate = (given: Partial<CommandDraft> = {}): CommandDraft => draftOf({ kinds: ['truncate'] }, given)
const hold = (draft: CommandDraft): Hold =>
  held.hold(draft, judge.judge(draft, bench.policy) as HoldJudgement, 'dec_1', bench.policy)
/** Once what the command touches was estimated and the approval is in the store. */
async function filed(): Promise<Approval> {
  for (;;) {
    const [approval] = bench.state.filed
    if (approval !== undefined) return approval
    await Promise.resolve()
  }
}

describe('a held command', () => {
  it('is filed for approval with what it does, and says so to the client', async () => {
    const draft = truncate({ notes: () => ['a note'], estimate: () => Promise.resolve('about 5 rows') })
    const { notice, waitsFor, id, approval: awaited } = hold(draft)
    const approval = await filed()
    expect(id).toBe('dec_1')
    expect(awaited).toBe(approval.id)
    expect(waitsFor).toBe(`TRUNCATE needs approval by sre; request ${approval.id} sent, waiting up to 10m`)
    expect(notice).toBe(`${waitsFor} (Ctrl-C cancels)`)
    expect(approval).toMatchObject({
      state: 'pending',
      rule: 'risky',
      text: 'TRUNCATE',
      effect: 'TRUNCATE; a note; about 5 rows',
      expiresAt: bench.clock.now() + 600_000,
    })
    expect(held.find(approval.id)).toMatchObject({ draft, decision: 'dec_1' })
  })

  it('is filed without the values that its text may not have, in all that is said of it', async () => {
    const keep = (said: string): string => said.replaceAll('hunter2', '…')
    hold(
      draftOf(
        { kinds: ['truncate'], writes: ['/hunter2'], unknown: [] },
        { recorded: { text: 'TRUNCATE', parameters: [], keep }, notes: () => ['of hunter2'] },
      ),
    )
    expect((await filed()).effect).toBe('TRUNCATE, writes /…; of …')
  })

  it('is filed under the name of what is held, wherever that is in the text', async () => {
    const [first, second] = [draftOf({ kinds: ['select'] }), truncate()]
    const judgement = judge.judge(second, bench.policy) as HoldJudgement
    const statements = [...first.facts.statements, ...second.facts.statements]
    const draft = { ...first, facts: { ...first.facts, statements } }
    held.hold(draft, judgement, 'dec_1', bench.policy)
    const approval = await filed()
    expect(approval.effect).toBe('SELECT; TRUNCATE')
    expect(approval.statement).toBe('TRUNCATE')
  })

  it('is filed under a name without the values that its text may not have', async () => {
    const keep = (said: string): string => said.replaceAll('hunter2', '…')
    const draft = truncate({ recorded: { text: 'TRUNCATE', parameters: [], keep } })
    const judgement = { ...(judge.judge(draft, bench.policy) as HoldJudgement), statement: 'PUT /hunter2' }
    held.hold(draft, judgement, 'dec_1', bench.policy)
    expect((await filed()).statement).toBe('PUT /…')
  })

  it('waits no longer than the grant lasts', async () => {
    hold(draftOf({ kinds: ['vacuum'] }))
    expect((await filed()).expiresAt).toBe(grantOf(bench.clock).endsAt)
  })

  it('says so where an approval is for more than this once', async () => {
    const judgement = judge.judge(truncate(), bench.policy) as HoldJudgement
    const wider = { ...judgement, effect: { ...judgement.effect, covers: 'statement' as const } }
    held.hold(truncate(), wider, 'dec_1', bench.policy)
    expect((await filed()).effect).toBe('TRUNCATE; once approved, it may run again in this session with any parameters')
  })

  it('tells of each part of a batch once: no name in it looks like the number of another', async () => {
    const [first, second] = [draftOf({ writes: ['public.a; 2 of 2: SELECT', 'b'] }), draftOf({ kinds: ['truncate'] })]
    const statements = [...first.facts.statements, ...second.facts.statements]
    const judgement = judge.judge(second, bench.policy) as HoldJudgement
    const together = { ...judgement, effect: { ...judgement.effect, batch: true } }
    held.hold({ ...first, facts: { ...first.facts, statements } }, together, 'dec_1', bench.policy)
    expect((await filed()).effect.match(/(^|; )\d of 2: /g)).toEqual(['1 of 2: ', '; 2 of 2: '])
  })

  it('runs once it is approved, exactly as it was shown', async () => {
    const { verdict } = hold(truncate())
    const approval = await filed()
    held.decided({ ...approval, state: 'pending' })
    held.decided(decided(approval, 'approved', 'go on'))
    expect(await verdict).toEqual({ type: 'forward', id: 'dec_1' })
    expect(bench.state.used).toEqual([[approval.id, approval.digest]])
    expect(bench.events).toEqual([
      {
        type: 'approval',
        id: approval.id,
        command: 'dec_1',
        state: 'approved',
        by: 'bob@example.com',
        comment: 'go on',
      },
      { type: 'forwarded', command: 'dec_1' },
    ])
    expect(held.find(approval.id)).toBeUndefined()
    expect(bench.clock.isIdle).toBe(true)
  })

  it('is refused once it is denied', async () => {
    const { verdict } = hold(truncate())
    const approval = await filed()
    held.decided(decided(approval, 'denied'))
    held.decided(decided(approval, 'approved'))
    expect(await verdict).toMatchObject({
      type: 'refuse',
      error: { code: 'HOLD_DENIED', hint: `rule "risky"; approval ${approval.id}; decision dec_1` },
    })
    expect(bench.recorded).toEqual([['approval', 'denied']])
    expect(bench.state.used).toEqual([])
  })

  it.each([
    ['expired', 'HOLD_EXPIRED', () => void bench.clock.next()],
    ['withdrawn', 'HOLD_WITHDRAWN', (it: Hold) => it.withdraw()],
  ] as const)('is refused once it is %s', async (state, code, act) => {
    const it = hold(truncate())
    const approval = await filed()
    act(it)
    expect(await it.verdict).toMatchObject({ type: 'refuse', error: { code } })
    expect(bench.state.closed).toEqual([[approval.id, state]])
    expect(bench.recorded).toEqual([['approval', state]])
  })

  it('is refused once whoever sent it has taken it back', async () => {
    const { verdict } = hold(truncate())
    const approval = await filed()
    held.decided({ ...approval, state: 'withdrawn' })
    held.decided(decided(approval, 'approved'))
    expect(await verdict).toMatchObject({ type: 'refuse', error: { code: 'HOLD_WITHDRAWN' } })
    expect(bench.state.used).toEqual([])
    expect(bench.recorded).toEqual([['approval', 'withdrawn']])
  })

  it('is refused with the reason for which the session ended', async () => {
    const { verdict } = hold(truncate())
    const approval = await filed()
    const reason = new PamError('SESSION_KILLED', 'killed')
    bench.ended.abort(reason)
    expect(await verdict).toEqual({ type: 'refuse', id: 'dec_1', error: reason })
    expect(bench.state.closed).toEqual([[approval.id, 'withdrawn']])
    expect(bench.clock.isIdle).toBe(true)
  })

  it.each([
    ['the rules deny it now', () => (bench.policy = policyOf('')), /current policy denies it/],
    ['the store says that it was used', () => (bench.state.useFails = new PamError('APPROVAL_VOID', 'used')), /^used$/],
  ])('does not run on an approval where %s', async (_what, act, message) => {
    const { verdict } = hold(truncate())
    const approval = await filed()
    act()
    held.decided(decided(approval, 'approved'))
    expect(await verdict).toMatchObject({
      type: 'refuse',
      error: { code: 'APPROVAL_VOID', message: expect.stringMatching(message) as string },
    })
    expect(bench.state.closed).toEqual([[approval.id, 'void']])
    expect(bench.recorded).toEqual([['approval', 'void']])
  })

  it('is analysed again before it runs, and must have the same digest', async () => {
    const { verdict } = hold(truncate({ again: () => Promise.resolve(truncate({ context: { role: 'other' } })) }))
    const approval = await filed()
    held.decided(decided(approval, 'approved'))
    await verdict
    expect(bench.state.used).toHaveLength(1)
    expect(bench.state.used[0]?.[1]).not.toBe(approval.digest)
  })

  it('is evaluated by the rules in force after that analysis', async () => {
    const { verdict } = hold(
      truncate({ again: async () => (await Promise.resolve(), (bench.policy = policyOf('')), truncate()) }),
    )
    held.decided(decided(await filed(), 'approved'))
    expect(await verdict).toMatchObject({ type: 'refuse', error: { code: 'APPROVAL_VOID' } })
    expect(bench.state.used).toEqual([])
  })

  it('does not run where the session ended while the approval was being used', async () => {
    const { verdict } = hold(
      truncate({ again: () => (bench.ended.abort(new PamError('GRANT_OVER', '')), Promise.resolve(truncate())) }),
    )
    held.decided(decided(await filed(), 'approved'))
    expect(await verdict).toMatchObject({ type: 'refuse', error: { code: 'GRANT_OVER' } })
    expect(bench.recorded).toEqual([['approval', 'approved']])
  })
})

describe('what comes before the approval', () => {
  it('is filed without an estimate where the target does not answer', async () => {
    hold(truncate({ estimate: () => new Promise(() => {}) }))
    expect(bench.state.filed).toEqual([])
    bench.clock.next()
    expect((await filed()).effect).toBe('TRUNCATE')
  })

  it('asks nobody where it is withdrawn meanwhile, and answers the client', async () => {
    const it = hold(truncate({ estimate: () => new Promise(() => {}) }))
    it.withdraw()
    expect(await it.verdict).toMatchObject({ type: 'refuse', error: { code: 'HOLD_WITHDRAWN' } })
    expect(bench.state.filed).toEqual([])
    expect(bench.recorded).toEqual([['approval', 'withdrawn']])
    expect(bench.clock.isIdle).toBe(true)
  })

  it('asks nobody where the session ends meanwhile', async () => {
    const { verdict } = hold(truncate({ estimate: () => new Promise(() => {}) }))
    bench.ended.abort(new PamError('SESSION_KILLED', 'killed'))
    expect(await verdict).toMatchObject({ type: 'refuse', error: { code: 'SESSION_KILLED' } })
    expect(bench.state.filed).toEqual([])
    expect(bench.clock.isIdle).toBe(true)
  })

  it('refuses where the estimate fails, or the store', async () => {
    const failing = truncate({ estimate: () => Promise.reject(new PamError('TARGET_UNREACHABLE', 'lost')) })
    expect(await hold(failing).verdict).toMatchObject({ type: 'refuse', error: { code: 'TARGET_UNREACHABLE' } })
    bench.state.fileFails = new PamError('STORE_UNAVAILABLE', 'down')
    expect(await hold(truncate()).verdict).toMatchObject({ type: 'refuse', error: { code: 'STORE_UNAVAILABLE' } })
    expect(bench.clock.isIdle).toBe(true)
  })
})

describe('an approval for a statement', () => {
  const remove = (parameters: string[]) => draftOf({ kinds: ['delete'] }, { parameters })
  const isCovered = (draft: CommandDraft): boolean =>
    held.isCovered(draft, judge.judge(draft, bench.policy) as HoldJudgement, 'dec_2', bench.policy)

  it('covers it with any parameters, once it ran', async () => {
    expect(isCovered(remove(['1']))).toBe(false)
    const { verdict } = hold(remove(['1']))
    held.decided(decided(await filed(), 'approved'))
    await verdict
    expect(isCovered(remove(['2']))).toBe(true)
    expect(isCovered(draftOf({ kinds: ['delete'] }, { text: 'DELETE other' }))).toBe(false)
    bench.policy = policyOf(`${RULES}  - { name: another, allow: true }\n`)
    expect(isCovered(remove(['2']))).toBe(false)
  })

  it('does not cover it where it was denied, or a rule that covers parameters holds it', async () => {
    const denied = hold(remove(['1'])).verdict
    held.decided(decided(await filed(), 'denied'))
    await denied
    expect(isCovered(remove(['1']))).toBe(false)
    bench.state.filed.length = 0
    const { verdict } = hold(truncate())
    held.decided(decided(await filed(), 'approved'))
    await verdict
    expect(isCovered(truncate())).toBe(false)
  })

  it('does not cover it where another rule holds it by now, which covers parameters', async () => {
    const { verdict } = hold(remove(['1']))
    held.decided(decided(await filed(), 'approved'))
    await verdict
    const judgement = judge.judge(remove(['1']), bench.policy) as HoldJudgement
    const narrower = { ...judgement, effect: { ...judgement.effect, covers: 'parameters' as const } }
    expect(held.isCovered(remove(['1']), narrower, 'dec_2', bench.policy)).toBe(false)
  })

  it('covers nothing more where it was for one use, even if a rule that covers more holds the statement by now', async () => {
    const { verdict } = hold(truncate())
    held.decided(decided(await filed(), 'approved'))
    await verdict
    const judgement = judge.judge(truncate(), bench.policy) as HoldJudgement
    const wider = { ...judgement, effect: { ...judgement.effect, covers: 'statement' as const } }
    expect(held.isCovered(truncate(), wider, 'dec_2', bench.policy)).toBe(false)
  })
})

describe('an approval for a client command of several requests', () => {
  const batch = (item: string, covers = [item], limit = 3) => ({
    item,
    covers,
    limit,
    shown: [`and ${limit} like ${item}`],
  })
  const part = (item = 'a', kind = 'drop-table', covers?: string[]) =>
    draftOf({ kinds: [kind] }, { text: `DROP ${item}`, batch: batch(item, covers) })
  const isCovered = (draft: CommandDraft): boolean =>
    held.isCovered(draft, judge.judge(draft, bench.policy) as HoldJudgement, 'dec_2', bench.policy)
  const approved = async (draft: CommandDraft): Promise<Approval> => {
    bench.state.filed.length = 0
    const { verdict } = hold(draft)
    const approval = await filed()
    held.decided(decided(approval, 'approved'))
    await verdict
    return approval
  }

  const later = (milliseconds: number): void => {
    bench.clock.at(bench.clock.now() + milliseconds, () => {})
    bench.clock.next()
  }

  it('covers what was shown with it, so many and no more, each on record', async () => {
    expect(isCovered(part())).toBe(false)
    const approval = await approved(part())
    expect(approval.effect).toMatch(/; and 3 like a$/)
    bench.events.length = 0
    expect(isCovered(part('b'))).toBe(false)
    expect([1, 2, 3, 4].map(() => isCovered(part()))).toEqual([true, true, true, false])
    expect(bench.events.slice(0, 2)).toEqual([
      { type: 'approval', id: approval.id, command: 'dec_2', state: 'approved', by: 'bob@example.com' },
      { type: 'forwarded', command: 'dec_2' },
    ])
    expect(bench.events).toHaveLength(6)
    expect(bench.state.used).toHaveLength(1)
  })

  it('counts all requests that it covers together', async () => {
    await approved(part('a', 'drop-table', ['b', 'c']))
    expect(isCovered(part('a'))).toBe(false)
    expect(['b', 'c', 'b', 'c'].map((item) => isCovered(part(item)))).toEqual([true, true, true, false])
  })

  it('covers nothing later, or after a pause', async () => {
    await approved(part())
    later(59_000)
    expect(isCovered(part())).toBe(true)
    later(60_000)
    expect(isCovered(part())).toBe(false)
    await approved(part('c', 'drop-table', ['c']))
    for (let count = 0; count < 2; count++) {
      later(50_000)
      expect(isCovered(part('c'))).toBe(true)
    }
    later(250_000)
    expect(isCovered(part('c'))).toBe(false)
  })

  it('covers nothing from five minutes on, however closely the requests follow one another', async () => {
    const one = draftOf({ kinds: ['drop-table'] }, { text: 'DROP a', batch: batch('a', ['a'], 100) })
    await approved(one)
    for (let minute = 0; minute < 5; minute++) {
      later(59_999)
      expect(isCovered(one)).toBe(true)
    }
    later(4)
    expect(isCovered(one)).toBe(true)
    later(1)
    expect(isCovered(one)).toBe(false)
  })

  it('covers nothing that another rule holds, or the same one request by request', async () => {
    await approved(part('a'))
    expect(isCovered(part('a', 'drop-index'))).toBe(false)
    const judgement = judge.judge(part('a'), bench.policy) as HoldJudgement
    const single = { ...judgement, effect: { ...judgement.effect, per: 'request' as const } }
    expect(held.isCovered(part('a'), single, 'dec_2', bench.policy)).toBe(false)
    expect(isCovered(part('a'))).toBe(true)
  })

  it('covers no other request where it was given for one', async () => {
    await approved(part('a', 'drop-view'))
    const judgement = judge.judge(part('a', 'drop-view'), bench.policy) as HoldJudgement
    const joint = { ...judgement, effect: { ...judgement.effect, per: 'command' as const } }
    expect(held.isCovered(part('a', 'drop-view'), joint, 'dec_2', bench.policy)).toBe(false)
  })

  it('covers nothing where the rule asks about each request, the rules have changed, or it was denied', async () => {
    await approved(part('a', 'drop-view'))
    expect(isCovered(part('a', 'drop-view'))).toBe(false)
    bench.state.filed.length = 0
    const { verdict } = hold(part('d'))
    held.decided(decided(await filed(), 'denied'))
    await verdict
    expect(isCovered(part('d'))).toBe(false)
    await approved(part('e'))
    bench.policy = policyOf(`${RULES}  - { name: another, allow: true }\n`)
    expect(isCovered(part('e'))).toBe(false)
  })
})
