import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest'
import { createLock, type LockSubject } from '../../src/access/lock.ts'
import { createRequest } from '../../src/access/request.ts'
import { ChangeFeed } from '../../src/api/change-feed.ts'
import { decideReview } from '../../src/api/decide-review.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Login } from '../../src/identity/login.ts'
import { findApprovals, saveApproval } from '../../src/storage/approvals.ts'
import type { Database } from '../../src/storage/database.ts'
import { saveLock } from '../../src/storage/locks.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { findRequests, saveRequest } from '../../src/storage/requests.ts'
import { BOBS_LOGIN as bob, heldCommand, REQUEST_RULE as RULE, REVIEW_TIME as NOW } from '../helpers/review-fixtures.ts'
import { testStore } from '../helpers/test-store.ts'

const jane: Login = { ...bob, id: 'lgn_jane', thumbprint: 'u', person: { ...bob.person, id: 'jane', groups: [] } }
const held = heldCommand('apr_1', 'ses_1')
const RULES = { policy: { access: [RULE] }, targets: [{ name: 'db', type: 'postgres', labels: {} }] }

describe('a decision', () => {
  let directory: string
  let db: Database
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await testStore(join(directory, 'state.db'))
  })
  afterEach(async () => {
    await db.close()
    rmSync(directory, { recursive: true })
  })

  // The call was authenticated a moment before, from the command line or from a chat, with the login as it was then.
  it.each<[string, Partial<Login>, string | undefined, LockSubject?]>([
    ['of somebody who was locked out meanwhile', {}, 'LOCKED', { type: 'person', id: 'bob', label: 'bob' }],
    ['for somebody who was locked out meanwhile', {}, 'LOCKED', { type: 'person', id: 'jane', label: 'jane' }],
    ['on a target that was locked meanwhile', {}, 'LOCKED', { type: 'target', name: 'db' }],
    ['on another target than the one that was locked', {}, undefined, { type: 'target', name: 'db2' }],
    ['of somebody who is proven', {}, undefined],
    ['of somebody whose identity was lost meanwhile', { provenUntil: NOW }, 'IDENTITY_LOST'],
    ['of somebody who was signed out meanwhile', { endedAt: NOW }, 'NOT_SIGNED_IN'],
    ['of somebody who left the group meanwhile', { person: { ...bob.person, groups: ['dev'] } }, 'NOT_FOUND'],
    ['of somebody whose sign-in is another now', { authTime: undefined }, 'SIGN_IN_TOO_OLD'],
  ])('%s', async (_what, now, code, subject) => {
    const request = createRequest(
      {
        requester: { id: 'jane', label: 'jane', kind: 'person' },
        target: 'db',
        reason: '',
        length: undefined,
        rule: RULE,
      },
      { now: NOW, expire: 60_000 },
    )
    await db.change((tx) => saveRequest(tx, request))
    await db.change((tx) => saveLogin(tx, { ...bob, ...now }))
    await db.change((tx) => saveLogin(tx, jane))
    if (subject !== undefined) {
      const by = { id: 'alice', label: 'alice' }
      const lock = createLock({ subject, reason: 'x', by, length: undefined, includingSelf: false }, NOW)
      await db.change((tx) => saveLock(tx, lock, NOW))
    }
    const deps = {
      db,
      clock: { now: () => NOW, at: () => () => {} },
      settings: () => ({ recentSignIn: 60_000, roles: { audit: [], operate: [], lock: [] }, ...RULES }),
      changes: new ChangeFeed(),
      registry: new SessionRegistry(),
    }
    const deciding = decideReview(request.id, bob, { verdict: 'approve', comment: '' }, 'here', deps as never)
    if (code === undefined) await deciding
    else await expect(deciding).rejects.toMatchObject({ code })
    const [after] = await findRequests(db.read, request.id)
    expect(after?.state).toBe(code === undefined ? 'approved' : 'pending')
  })

  // Where the store cannot be written, a held command stays pending in it although its session has ended.
  describe('on a held command', () => {
    const registry = new SessionRegistry()
    let decided: MockInstance
    const deps = () => ({
      db,
      clock: { now: () => NOW, at: () => () => {} },
      settings: () => ({ recentSignIn: 60_000, roles: { audit: [], operate: [], lock: [] }, ...RULES }),
      changes: new ChangeFeed(),
      registry,
    })
    beforeEach(async () => {
      decided = vi.spyOn(registry, 'decided')
      await db.change(async (tx) => {
        await saveLogin(tx, bob)
        await saveApproval(tx, held)
      })
    })

    it.each(['approve', 'deny'] as const)('whose session has ended is not made: %s', async (verdict) => {
      const deciding = decideReview('apr_1', bob, { verdict, comment: '', digest: 'd' }, 'here', deps() as never)
      await expect(deciding).rejects.toMatchObject({
        code: 'ALREADY_DECIDED',
        message: 'the session that apr_1 was held in has ended',
      })
      expect((await findApprovals(db.read, 'apr_1'))[0]).toMatchObject({ state: 'pending', decisions: [] })
      expect(decided).not.toHaveBeenCalled()
    })

    it('whose session is there is made', async () => {
      const live = vi.spyOn(registry, 'has').mockImplementation((id) => id === 'ses_1')
      await decideReview('apr_1', bob, { verdict: 'approve', comment: '', digest: 'd' }, 'here', deps() as never)
      live.mockRestore()
      expect((await findApprovals(db.read, 'apr_1'))[0]?.state).toBe('approved')
      expect(decided).toHaveBeenCalledOnce()
    })
  })
})
