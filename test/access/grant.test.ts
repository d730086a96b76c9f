import { describe, expect, it } from 'vitest'
import {
  allowAgain,
  beginGrant,
  grantState,
  isDue,
  lapse,
  mintGrant,
  peopleDecide,
  revokeGrant,
  type Grant,
} from '../../src/access/grant.ts'

const NOW = 1_000_000_000
const grant = mintGrant({
  person: { id: 'jane', label: 'jane', kind: 'person' },
  target: 'prod-db',
  rule: 'prod',
  reason: '',
  requestId: 'req_1',
  now: NOW,
  length: 10_000,
  startsAt: NOW + 1000,
})

describe('a grant that a rule approved ahead of its start', () => {
  const ahead: Grant = { ...grant, unconfirmed: true }

  it('gives nothing at its start, but is due to be looked at by the rules again', () => {
    expect([NOW, NOW + 1000, NOW + 10_999, NOW + 11_000].map((now) => grantState(ahead, now))).toEqual([
      'scheduled',
      'scheduled',
      'scheduled',
      'over',
    ])
    expect([NOW, NOW + 999, NOW + 1000, NOW + 10_999, NOW + 11_000].map((now) => isDue(ahead, now))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ])
    expect(isDue(revokeGrant(ahead, 'bob', '', NOW), NOW + 1000)).toBe(false)
    expect(isDue(grant, NOW + 1000)).toBe(false)
  })

  it('gives access once they approve it, and none where they do not', () => {
    expect(grantState(beginGrant(ahead), NOW + 1000)).toBe('active')
    expect(grantState(lapse(ahead, 'why', NOW + 1000), NOW + 1000)).toBe('revoked')
  })
})

describe('people decide on a request, whatever else may', () => {
  const past: Grant = { ...grant, endsAt: NOW - 1 }
  const revoked = revokeGrant(grant, 'bob', '', NOW)
  const later = NOW + 60_000

  it.each<[string, readonly Grant[], number | undefined, boolean]>([
    ['there never was access', [], undefined, false],
    ['access has ended by itself', [past], undefined, false],
    ['there is access', [{ ...grant, startsAt: NOW, endsAt: later + 1 }], undefined, true],
    ['access is to begin later', [{ ...grant, startsAt: later + 1, endsAt: later + 2 }], undefined, true],
    ['access was taken in an emergency', [{ ...grant, endsAt: later + 1, breakGlass: 'brk_1' }], undefined, false],
    ['access was revoked', [revoked], undefined, true],
    ['access was given up by the person', [revokeGrant(grant, 'jane', '', NOW, true)], undefined, false],
    ['access has lapsed', [lapse(grant, '', NOW)], undefined, false],
    ['access was revoked, and is allowed again', [allowAgain(revoked, NOW + 1)], undefined, false],
    ['access was revoked, and people approved some since', [revoked], NOW + 1, false],
    ['access was revoked when people approved it', [revoked], NOW, true],
  ])('where %s', (_, grants, lastApproval, isSo) => {
    expect(peopleDecide(grants, lastApproval, later) !== undefined).toBe(isSo)
  })
})
