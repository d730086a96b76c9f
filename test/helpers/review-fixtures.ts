import type { Approval } from '../../src/access/approval.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import type { Login } from '../../src/identity/login.ts'

/** When what reviews are about happens, in milliseconds since the epoch. */
export const REVIEW_TIME = 1_700_000_000_000

/** Bob, who approves: signed in, and proven for a minute. */
export const BOBS_LOGIN: Login = {
  id: 'lgn_bob',
  person: { id: 'bob', kind: 'person', label: 'bob', groups: ['sre'] },
  thumbprint: 't',
  email: undefined,
  authTime: REVIEW_TIME,
  provenUntil: REVIEW_TIME + 60_000,
  createdAt: REVIEW_TIME,
  endedAt: undefined,
}

/** Access on request for an hour, which one person approves. */
export const REQUEST_RULE: AccessRule = {
  name: 'r',
  who: {},
  targets: {},
  grant: 'request',
  maxDuration: 3_600_000,
  reason: 'optional',
  approvers: { groups: ['sre'], count: 1 },
}

/** A command of Jane's that is held, in a session; one of Bob's group decides on it within a minute. */
export const heldCommand = (id: string, sessionId: string): Approval => ({
  id,
  requester: { id: 'jane', kind: 'person', label: 'jane' },
  approvers: { groups: ['sre'], count: 1 },
  state: 'pending',
  decisions: [],
  expiresAt: REVIEW_TIME + 60_000,
  sessionId,
  target: 'db',
  rule: 'r',
  text: 'truncate t',
  parameters: [],
  effect: 'truncate',
  digest: 'd',
  createdAt: REVIEW_TIME,
})
