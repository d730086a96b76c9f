import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Approval } from '../../../src/access/approval.ts'
import { mintGrant } from '../../../src/access/grant.ts'
import { createRequest } from '../../../src/access/request.ts'
import { ReviewView } from '../../../src/api/routes/review-view.ts'
import type { LiveSession } from '../../../src/gateway/session-registry.ts'
import type { Login } from '../../../src/identity/login.ts'
import type { Database } from '../../../src/storage/database.ts'
import { saveGrant } from '../../../src/storage/grants.ts'
import { insertSession, type SessionRow } from '../../../src/storage/sessions.ts'
import { BOBS_LOGIN as bob, REQUEST_RULE as RULE, REVIEW_TIME as NOW } from '../../helpers/review-fixtures.ts'
import { testStore } from '../../helpers/test-store.ts'

const DAY = 86_400_000
const jane = { id: 'jane', kind: 'person', label: 'jane' } as const
const janesLogin: Login = { ...bob, id: 'lgn_jane', person: { ...jane, groups: [] } }
const held: Approval = {
  id: 'apr_1',
  requester: jane,
  approvers: { groups: ['sre'], count: 1 },
  state: 'pending',
  decisions: [],
  expiresAt: NOW + 60_000,
  sessionId: 'ses_live',
  target: 'db',
  rule: 'r',
  text: "update t set password = '…'",
  parameters: [],
  effect: 'update',
  digest: 'd',
  createdAt: NOW,
}

const session: SessionRow = {
  id: '',
  person: jane,
  target: 'db',
  protocol: 'postgres',
  grantId: 'grt_1',
  loginId: 'lgn_jane',
  openedAt: NOW,
  ended: undefined,
  commands: 0,
  denied: 0,
  held: 0,
  recording: 'x',
}

describe('a review, as one caller sees it', () => {
  let directory: string
  let db: Database
  let live: Partial<LiveSession> | undefined
  /** Readings that were noted. */
  let noted: unknown[]
  const viewOf = (login: Login): ReviewView =>
    new ReviewView(login, NOW, {
      db,
      registry: { find: () => live, held: ({ id }: Approval) => live?.held?.(id) },
      readings: { noteOften: async (...reading: unknown[]) => void noted.push(reading) },
      settings: () => ({
        targets: [
          { name: 'db', type: 'postgres', labels: { env: 'prod', team: 'a' } },
          { name: 'web', type: 'ssh', labels: { env: 'prod', team: 'b' } },
          { name: 'other', type: 'mysql', labels: {} },
        ],
      }),
    } as never)
  const used = (id: string, target: string, openedAt: number, commands: number): Promise<void> =>
    db.change((tx) => insertSession(tx, { ...session, id, target, openedAt, commands }))
  const request = (...targets: readonly string[]) => {
    const [target = '', ...also] = targets
    const more = also.map((one) => ({ target: one, rule: RULE }))
    return createRequest(
      { requester: jane, target, reason: 'deploy', length: undefined, rule: RULE, also: more },
      { now: NOW, expire: 60_000 },
    )
  }

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await testStore(join(directory, 'state.db'))
    ;[live, noted] = [undefined, []]
  })
  afterEach(async () => {
    await db.close()
    rmSync(directory, { recursive: true })
  })

  it('says what its requester did on the target in the last 30 days', async () => {
    await used('ses_1', 'db', NOW - DAY, 3)
    await used('ses_2', 'db', NOW - 30 * DAY, 4)
    await used('ses_older', 'db', NOW - 30 * DAY - 1, 100)
    await used('ses_elsewhere', 'web', NOW - DAY, 100)
    const { lately, labels, protocol } = await viewOf(bob).toJson(request('db'))
    expect(lately).toMatchObject({ sessions: 2, commands: 7, lastAt: new Date(NOW - DAY).toISOString() })
    expect([labels, protocol]).toEqual([{ env: 'prod', team: 'a' }, 'postgres'])
  })

  it('adds up what was done on several targets, and shows the labels that all of them have', async () => {
    await used('ses_1', 'db', NOW - 2 * DAY, 3)
    await used('ses_2', 'web', NOW - DAY, 4)
    await used('ses_3', 'other', NOW - DAY, 100)
    const { lately, labels, protocol } = await viewOf(bob).toJson(request('db', 'web'))
    expect(lately).toMatchObject({ sessions: 2, commands: 7, lastAt: new Date(NOW - DAY).toISOString() })
    expect([labels, protocol]).toEqual([{ env: 'prod' }, 'postgres, ssh'])
  })

  it('asks once what a person did on a target, however many reviews are about it', async () => {
    const reading = vi.spyOn(db.read, 'selectFrom')
    const asked = (): number => reading.mock.calls.filter(([table]) => String(table) === 'sessions').length
    const view = viewOf(bob)
    await Promise.all([view.toJson(request('db')), view.toJson(request('db')), view.toJson(request('db', 'web'))])
    expect(asked()).toBe(2)
    await view.toJson({ ...request('db'), requester: { ...jane, id: 'mallory' } })
    expect(asked()).toBe(3)
  })

  it('is no reading of a record where no session is concerned', async () => {
    await viewOf(bob).toJson(request('db'))
    expect(noted).toEqual([])
  })

  it('of a held command is a reading of another person’s session, and not of one’s own', async () => {
    await viewOf(janesLogin).toJson(held)
    expect(noted).toEqual([])
    await viewOf(bob).toJson(held)
    expect(noted).toEqual([[bob, 'recording.viewed', 'ses_live', { approval: 'apr_1' }]])
  })

  it('shows what would run, what ran before and the grant while the session is live', async () => {
    const made = { person: jane, target: 'db', rule: 'r', reason: 'deploy', requestId: undefined }
    const grant = mintGrant({ ...made, now: NOW, length: 60_000 })
    await db.change((tx) => saveGrant(tx, grant))
    live = {
      grantId: grant.id,
      held: (id) => (id === 'apr_1' ? { text: "update t set password = 'x'", parameters: ['1'] } : undefined),
      recent: () => [{ id: 'dec_1', at: NOW, text: 'select 1', verdict: 'allow' }],
    }
    expect(await viewOf(bob).toJson(held)).toMatchObject({
      text: "update t set password = 'x'",
      parameters: ['1'],
      grant: { id: grant.id, reason: 'deploy' },
      recent: [{ at: new Date(NOW).toISOString(), text: 'select 1', verdict: 'allow' }],
    })
  })

  it('shows what is on record once the session has ended', async () => {
    const shown = await viewOf(bob).toJson(held)
    expect(shown).toMatchObject({ text: "update t set password = '…'", parameters: [] })
    expect(shown).not.toHaveProperty('grant')
    expect(shown).not.toHaveProperty('recent')
  })
})
