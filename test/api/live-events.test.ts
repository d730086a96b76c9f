import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRequest, type AccessRequest } from '../../src/access/request.ts'
import { LiveEvents } from '../../src/api/live-events.ts'
import type { Login } from '../../src/identity/login.ts'
import { createLogger } from '../../src/shared/logger.ts'
import { appendAudit } from '../../src/storage/audit.ts'
import type { Database } from '../../src/storage/database.ts'
import { saveRequest } from '../../src/storage/requests.ts'
import { testStore } from '../helpers/test-store.ts'

let directory: string
let db: Database
let request: AccessRequest
const login = (id: string, groups: readonly string[] = []): Login => ({
  id: `lgn_${id}`,
  person: { id, kind: 'person', label: id, groups },
  thumbprint: id,
  email: undefined,
  authTime: undefined,
  provenUntil: 2e12,
  createdAt: 0,
  endedAt: undefined,
})

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-events-'))
  db = await testStore(join(directory, 'state.db'))
  request = createRequest(
    {
      requester: { id: 'jane', label: 'jane', kind: 'person' },
      target: 't',
      reason: '',
      length: undefined,
      rule: {
        name: 'r',
        who: {},
        targets: {},
        grant: 'request',
        maxDuration: 3_600_000,
        approvers: { groups: ['sre'], count: 1 },
        reason: 'optional',
      },
    },
    { now: 0, expire: 1000 },
  )
  await db.change((tx) => saveRequest(tx, request))
})
afterAll(async () => {
  await db.close()
  rmSync(directory, { recursive: true })
})

const change = (): Promise<void> =>
  db.change((tx) => appendAudit(tx, 1, { type: 'request.created', actor: 'x', subject: request.id, data: {} }))

describe('the event stream', () => {
  it('delivers everything once and in order to every listener, whenever they join or resume', async () => {
    const events = new LiveEvents(db, () => false, createLogger('silent'))
    const heard: { after: number; seqs: number[] }[] = []
    const joining: Promise<void>[] = []
    const join_ = async (after: number | undefined): Promise<void> => {
      const seqs: number[] = []
      const listening = await events.listen(
        login('bob', ['sre']),
        after,
        ({ seq }) => seqs.push(seq),
        () => {},
      )
      const entry = { after: after ?? listening.seq, seqs }
      seqs.push(...listening.past.map(({ seq }) => seq))
      // Somebody slow: what happens meanwhile comes later.
      await new Promise((resolve) => setTimeout(resolve, 3))
      listening.start()
      heard.push(entry)
    }
    for (let made = 1; made <= 150; made++) {
      const changing = change()
      if (made % 5 === 0) joining.push(join_(made % 2 === 0 ? undefined : Math.max(0, made - 20)))
      await changing
    }
    await Promise.all(joining)
    await change()
    expect(heard.length).toBe(30)
    const last = 151
    for (const { after, seqs } of heard)
      await expect.poll(() => seqs).toEqual(Array.from({ length: last - after }, (_, index) => after + 1 + index))
  })

  it('does not reach others, and tells the listeners of a login that it has ended', async () => {
    const events = new LiveEvents(db, () => false, createLogger('silent'))
    const seen: string[] = []
    for (const [who, groups] of [
      ['jane', []],
      ['eve', ['dev']],
      ['bob', ['sre']],
    ] as const) {
      const { start } = await events.listen(
        login(who, groups),
        undefined,
        () => seen.push(who),
        () => seen.push(`${who} ended`),
      )
      start()
    }
    await change()
    await db.change((tx) => appendAudit(tx, 1, { type: 'login.ended', actor: 'eve', subject: 'lgn_eve', data: {} }))
    await expect.poll(() => seen).toEqual(['jane', 'bob', 'eve ended'])
    // Of other groups, too: they may hear of other things from then on.
    await db.change((tx) => appendAudit(tx, 1, { type: 'login.changed', actor: 'bob', subject: 'lgn_bob', data: {} }))
    await expect.poll(() => seen).toEqual(['jane', 'bob', 'eve ended', 'bob ended'])
  })
})
