import { beforeEach, describe, expect, it } from 'vitest'
import type { Approval } from '../../src/access/approval.ts'
import type { Lock, LockSubject } from '../../src/access/lock.ts'
import { SessionRegistry, type LiveSession } from '../../src/gateway/session-registry.ts'
import { PamError } from '../../src/shared/errors.ts'
import { jane, policyOf, store } from '../helpers/session-parts.ts'

let registry: SessionRegistry
let ended: string[]
let told: string[]

const live = (id: string, given: Partial<LiveSession> = {}): LiveSession => ({
  id,
  person: jane,
  loginId: 'log_1',
  grantId: 'grt_1',
  target: 'store',
  account: 'app',
  tally: () => ({ commands: 0, denied: 0, held: 0 }),
  activity: () => undefined,
  recent: () => [],
  isAsBegun: () => true,
  end: ({ code }) => void ended.push(`${id} ${code}`),
  extend: (endsAt) => void ended.push(`${id} until ${endsAt}`),
  decided: (approval) => void told.push(`${id} ${approval.id}`),
  held: (approvalId) => ({ text: `${id} ${approvalId}`, parameters: [] }),
  ...given,
})
const RULES = `access: [{ name: devs, who: { groups: [dev] }, grant: standing }]
commands: [{ name: careful, who: { groups: [ops] }, match: { kinds: [delete] }, allow: true }]`
const THEIRS = new Set(['log_1'])
const approval = (sessionId: string): Approval => ({ id: 'apr_1', sessionId }) as Approval

beforeEach(() => {
  registry = new SessionRegistry()
  ended = []
  told = []
  registry.add(live('ses_1'))
  registry.add(live('ses_2', { person: { ...jane, id: 'bob' }, grantId: 'grt_2' }))
  registry.add(live('ses_3'))
})

describe('live sessions', () => {
  it('are found by id and counted by person', () => {
    expect([registry.size, registry.has('ses_2'), registry.find('ses_2')?.person.id]).toEqual([3, true, 'bob'])
    expect(['jane', 'bob', 'alice'].map((person) => registry.countOf(person).live)).toEqual([2, 1, 0])
  })

  it('that have ended are not counted, but found until they are removed', () => {
    registry.over('ses_1')
    registry.over('ses_1')
    registry.over('ses_9')
    expect(registry.countOf('jane')).toEqual({ live: 1, ending: 1 })
    expect([registry.has('ses_1'), registry.size, registry.ending]).toEqual([true, 3, 1])
    registry.remove('ses_1')
    registry.add(live('ses_1'))
    expect(registry.countOf('jane')).toEqual({ live: 2, ending: 0 })
    expect(registry.ending).toBe(0)
  })

  it('count while they are opened, once each', () => {
    const [one, other] = [registry.begin('bob'), registry.begin('bob')]
    expect(registry.countOf('bob')).toEqual({ live: 3, ending: 0 })
    one()
    one()
    expect(registry.countOf('bob').live).toBe(2)
    other()
    expect(registry.countOf('bob').live).toBe(1)
    const only = registry.begin('alice')
    expect(registry.countOf('alice').live).toBe(1)
    only()
    expect(registry.countOf('alice').live).toBe(0)
  })

  it('live on where their grant was extended', () => {
    registry.extended('grt_1', 7)
    expect(ended).toEqual(['ses_1 until 7', 'ses_3 until 7'])
  })

  it('end where a lock keeps them out: of a person, or of a target with the labels that it has now', () => {
    const lock = (subject: LockSubject): Lock => ({ subject, reason: 'x', by: { id: 'b', label: 'b' } }) as Lock
    expect(registry.locked([lock({ type: 'person', id: 'bob', label: 'bob' })], [store])).toBe(1)
    expect(registry.locked([lock({ type: 'label', name: 'env', value: 'dev' })], [store])).toBe(0)
    registry.locked([lock({ type: 'label', name: 'env', value: 'dev' })], [{ ...store, labels: { env: 'dev' } }])
    expect(ended).toEqual(['ses_2 LOCKED', 'ses_1 LOCKED', 'ses_2 LOCKED', 'ses_3 LOCKED'])
    // A target that is no longer configured is one of all.
    expect(registry.locked([lock({ type: 'all' })], [])).toBe(3)
  })

  it('end with the access of their person, or where other rules apply to them', () => {
    const rules = { policy: policyOf(RULES), targets: [store] }
    registry.add(live('ses_4', { person: { ...jane, groups: ['dev', 'ops'] } }))
    registry.personChanged({ ...jane, groups: ['dev', 'chess'] }, rules, THEIRS)
    expect(ended).toEqual(['ses_4 IDENTITY_LOST'])
    registry.remove('ses_4')
    registry.personChanged({ ...jane, groups: [] }, rules, THEIRS)
    expect(ended.slice(1, 3)).toEqual(['ses_1 IDENTITY_LOST', 'ses_3 IDENTITY_LOST'])
    expect(ended).not.toContain('ses_2 IDENTITY_LOST')
  })

  it('keep what another login of the person has from another issuer', () => {
    const rules = { policy: policyOf(RULES), targets: [store] }
    registry.add(live('ses_4', { loginId: 'log_2' }))
    registry.personChanged({ ...jane, groups: [] }, rules, new Set(['log_2']))
    expect(ended).toEqual(['ses_4 IDENTITY_LOST', 'ses_4 IDENTITY_LOST'])
  })

  it('end with the rule that gives them, whoever has them', () => {
    registry.rulesChanged({ policy: policyOf(RULES), targets: [store] })
    expect(ended).toEqual([])
    registry.rulesChanged({ policy: policyOf(RULES.replace('[dev]', '[ops]')), targets: [store] })
    expect(ended).toEqual(['ses_1 NO_ACCESS', 'ses_2 NO_ACCESS', 'ses_3 NO_ACCESS'])
  })

  it('end with new rules that say otherwise what is fixed for as long as they last', () => {
    registry.add(live('ses_4', { isAsBegun: () => false }))
    registry.rulesChanged({ policy: policyOf(RULES), targets: [store] })
    expect(ended).toEqual(['ses_4 NO_ACCESS'])
  })

  it('end with new rules about a group that their person has left or joined since, whoever proved it', () => {
    const dev = { policy: policyOf(RULES.replace('[ops]', '[dev]')), targets: [store] }
    registry.add(live('ses_4', { person: { ...jane, groups: ['dev', 'ops'] } }))
    registry.personChanged(jane, dev, THEIRS)
    registry.rulesChanged(dev)
    expect(ended).toEqual([])
    registry.proven('ses_2', { ...jane, id: 'bob', groups: ['dev', 'ops'] })
    registry.proven('ses_9', { ...jane, groups: ['ops'] })
    registry.rulesChanged({ policy: policyOf(RULES), targets: [store] })
    expect(ended).toEqual(['ses_2 IDENTITY_LOST', 'ses_4 IDENTITY_LOST'])
  })

  it('end with new rules that give access to a group that their person has left since', () => {
    registry.add(live('ses_4', { person: { ...jane, groups: ['dev', 'ops'] } }))
    registry.personChanged(jane, { policy: policyOf(RULES.replaceAll('[ops]', '[dev]')), targets: [store] }, THEIRS)
    registry.rulesChanged({ policy: policyOf(RULES.replace('[dev]', '[ops]')), targets: [store] })
    expect(ended).toContain('ses_4 NO_ACCESS')
  })

  it('are listed until they are removed', () => {
    registry.remove('ses_1')
    registry.remove('ses_1')
    expect([registry.size, registry.has('ses_1'), registry.countOf('jane').live]).toEqual([2, false, 1])
    expect(registry.find('ses_1')).toBeUndefined()
  })

  it('end where they match, with the reason, and only those', () => {
    const reason = new PamError('GRANT_REVOKED', 'revoked')
    expect(registry.endWhere(({ grantId }) => grantId === 'grt_1', reason)).toBe(2)
    expect(ended).toEqual(['ses_1 GRANT_REVOKED', 'ses_3 GRANT_REVOKED'])
    expect(registry.endWhere(({ grantId }) => grantId === 'grt_9', reason)).toBe(0)
    // Each leaves the registry when its connection has ended.
    expect(registry.size).toBe(3)
  })

  it('that remove themselves as they end do not keep others from ending', () => {
    registry.add(live('ses_0', { end: () => registry.remove('ses_1') }))
    expect(registry.endWhere(() => true, new PamError('SHUTTING_DOWN', 'stop'))).toBe(4)
    expect(ended).toHaveLength(3)
  })

  it('are told of decisions on their own approvals', () => {
    registry.decided(approval('ses_3'))
    registry.decided(approval('ses_9'))
    expect(told).toEqual(['ses_3 apr_1'])
    expect(registry.held(approval('ses_2'))).toEqual({ text: 'ses_2 apr_1', parameters: [] })
    expect(registry.held(approval('ses_9'))).toBeUndefined()
  })
})
