import { sql } from 'kysely'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Approval } from '../../src/access/approval.ts'
import { createRequest } from '../../src/access/request.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { mintGrant, revokeGrant } from '../../src/access/grant.ts'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import { signAudit, type AuditHead } from '../../src/recording/audit-chain.ts'
import { verifyAudit } from '../helpers/audit.ts'
import { keys, signer } from '../helpers/recordings.ts'
import { appendAudit, listAudit } from '../../src/storage/audit.ts'
import { findApprovals, saveApproval } from '../../src/storage/approvals.ts'
import { pastUse } from '../../src/storage/past-use.ts'
import { openPostgres, openSqlite, type Database, type Tx } from '../../src/storage/database.ts'
import { evidenceState } from '../../src/storage/evidence-state.ts'
import { gatewayState } from '../../src/storage/gateway-state.ts'
import { activeGrant, listGrants, saveGrant, standingBlock, standingBlocks } from '../../src/storage/grants.ts'
import {
  boundLogins,
  findLogin,
  findTokenUse,
  lastEndedAt,
  openLogin,
  saveLogin,
  saveSignOutEverywhere,
  saveTokenUse,
  signedOutEverywhereAt,
} from '../../src/storage/logins.ts'
import {
  addMembers,
  groupsOfUser,
  leaveGroups,
  listDirectoryGroups,
  membersOf,
  removeMembers,
  saveDirectoryGroup,
} from '../../src/storage/directory-groups.ts'
import {
  directoryUsersById,
  findDeletedUser,
  findDirectoryUser,
  listDirectoryUsers,
  saveDirectoryUser,
  type DirectoryUser,
} from '../../src/storage/directory-users.ts'
import { onlyOne } from '../../src/storage/page.ts'
import {
  hasSessionLoggedOut,
  noteSessionLogout,
  noteSubjectLogout,
  subjectLoggedOutAt,
  useLogoutToken,
} from '../../src/storage/provider-logouts.ts'
import { closeAbandoned, expireRequests, recoverSessions } from '../../src/storage/recover.ts'
import { findRequests, listRequests, saveRequest } from '../../src/storage/requests.ts'
import {
  countSearched,
  findSessions,
  insertSession,
  searchSessions,
  type SessionRow,
  endSession,
  listSessions,
} from '../../src/storage/sessions.ts'
import { listWaiting } from '../../src/storage/reviews.ts'
import { weeklyDecisions } from '../../src/storage/weekly-decisions.ts'
import { boundWebSessions, findWebSession, saveWebSession } from '../../src/storage/web-sessions.ts'

const NOW = 1_800_000_000_000
const jane = { id: 'jane', label: 'jane@example.com', kind: 'person' as const }
const person = { ...jane, groups: ['engineering'] }
const rule: AccessRule = {
  name: 'r',
  who: {},
  targets: {},
  grant: 'request',
  maxDuration: 3_600_000,
  approvers: { groups: ['sre'], count: 1 },
  reason: 'required',
}
const target = { name: 'prod', type: 'postgres', labels: {} }
const approval: Approval = {
  id: 'apr_1',
  requester: jane,
  approvers: { groups: ['sre'], count: 1 },
  state: 'pending',
  decisions: [],
  expiresAt: NOW + 1000,
  sessionId: 'ses_1',
  target: 'prod',
  rule: 'r',
  text: 'truncate x',
  parameters: [],
  effect: '',
  digest: 'd1',
  createdAt: NOW,
}

let postgres: LocalPostgres
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-store-'))
beforeAll(async () => {
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')) })
})
afterAll(async () => {
  await postgres?.stop()
  rmSync(directory, { recursive: true, force: true })
})

let count = 0
const sign = (head: AuditHead) => signAudit(head, signer)
const stores: Record<string, () => Promise<Database>> = {
  SQLite: () => openSqlite(join(directory, `${count++}.db`), sign),
  PostgreSQL: async () => {
    const name = `store${count++}`
    const admin = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database: 'postgres' })
    await admin.connect()
    await admin.query(`create database ${name}`)
    await admin.end()
    return openPostgres(`postgresql://postgres:${postgres.superuser.password}@127.0.0.1:${postgres.port}/${name}`, sign)
  },
}

describe.each(Object.entries(stores))('%s', (_name, open) => {
  async function withStore(work: (db: Database) => Promise<void>): Promise<void> {
    const db = await open()
    try {
      await work(db)
    } finally {
      await db.close()
    }
  }

  const inDirectory = (id: string, given: Partial<DirectoryUser> = {}): DirectoryUser => ({
    id,
    source: 'okta',
    userName: `${id}@example.com`,
    externalId: id,
    active: true,
    attributes: { displayName: id },
    personId: undefined,
    createdAt: NOW,
    changedAt: NOW,
    deletedAt: undefined,
    ...given,
  })

  it('keeps the users of each directory apart, by names that are unique among those who are there', () =>
    withStore(async (db) => {
      const save = (user: DirectoryUser) => db.change((tx) => saveDirectoryUser(tx, user))
      await save(inDirectory('a'))
      await save(inDirectory('b', { externalId: undefined, createdAt: NOW + 1 }))
      await save(inDirectory('c', { externalId: undefined, createdAt: NOW + 2 }))
      await save(inDirectory('x', { source: 'entra', userName: 'A@example.com', externalId: 'a' }))
      for (const twice of [{ userName: 'A@EXAMPLE.com' }, { externalId: 'a' }])
        await expect(save(inDirectory('d', twice))).rejects.toThrow(/unique/i)
      const page = await listDirectoryUsers(db.read, 'okta', {}, { offset: 1, limit: 1 })
      expect([page.total, page.users.map(({ id }) => id)]).toEqual([3, ['b']])
      expect(await findDirectoryUser(db.read, 'okta', { userName: 'A@Example.COM' })).toEqual(inDirectory('a'))
      await save(inDirectory('a', { active: false, deletedAt: NOW + 5 }))
      expect(await findDirectoryUser(db.read, 'okta', { externalId: 'a' })).toBeUndefined()
      expect(await findDeletedUser(db.read, 'okta', { externalId: 'a' })).toMatchObject({ id: 'a', active: false })
      await save(inDirectory('d', { userName: 'a@example.com', externalId: 'a' }))
      expect((await directoryUsersById(db.read, 'okta', ['a', 'd', 'x'])).map(({ id }) => id)).toEqual(['d'])
    }))

  it('keeps groups and their members', () =>
    withStore(async (db) => {
      const group = { source: 'okta', externalId: undefined, createdAt: NOW, changedAt: NOW }
      await db.change(async (tx) => {
        for (const id of ['a', 'b']) await saveDirectoryUser(tx, inDirectory(id))
        for (const id of ['dev', 'ops']) await saveDirectoryGroup(tx, { ...group, id, displayName: id })
        await addMembers(tx, 'dev', ['a', 'b'])
        await addMembers(tx, 'dev', ['a'])
        await addMembers(tx, 'ops', ['a'])
      })
      const taken = db.change((tx) => saveDirectoryGroup(tx, { ...group, id: 'other', displayName: 'DEV' }))
      await expect(taken).rejects.toThrow(/unique/i)
      expect((await membersOf(db.read, 'dev')).map(({ id }) => id)).toEqual(['a', 'b'])
      expect((await groupsOfUser(db.read, 'a')).map(({ id }) => id)).toEqual(['dev', 'ops'])
      const found = await listDirectoryGroups(db.read, 'okta', { member: 'b' }, { offset: 0, limit: 10 })
      expect([found.total, found.groups.map(({ id }) => id)]).toEqual([1, ['dev']])
      await db.change(async (tx) => {
        await removeMembers(tx, 'dev', ['b', 'nobody'])
        await leaveGroups(tx, 'a')
      })
      expect(await membersOf(db.read, 'dev')).toEqual([])
    }))

  it('takes a logout token once while it lives, and remembers sessions that ended at a provider', () =>
    withStore(async (db) => {
      const take = (at: number) =>
        db.change((tx) => useLogoutToken(tx, { issuer: 'i', jti: 'j', expiresAt: NOW + 1000 }, at))
      expect([await take(NOW), await take(NOW + 1000), await take(NOW + 1001)]).toEqual([true, false, true])
      await db.change(async (tx) => {
        await noteSessionLogout(tx, 'i', 's', NOW)
        await noteSessionLogout(tx, 'i', 's', NOW)
        for (const at of [NOW, NOW + 5]) await noteSubjectLogout(tx, 'i', 'jane', at)
      })
      expect(await hasSessionLoggedOut(db.read, 'i', 's')).toBe(true)
      expect(await hasSessionLoggedOut(db.read, 'other', 's')).toBe(false)
      expect(await subjectLoggedOutAt(db.read, 'i', 'jane')).toBe(NOW + 5)
      expect(await subjectLoggedOutAt(db.read, 'i', 's')).toBeUndefined()
    }))

  it('keeps requests, finds them by a unique beginning, pages them newest first', () =>
    withStore(async (db) => {
      const made = Array.from({ length: 5 }, (_, i) =>
        createRequest(
          { requester: jane, target: 'prod', reason: `r${i}`, length: 60_000, rule },
          { now: NOW + Math.floor(i / 2), expire: 1000 },
        ),
      )
      await db.change(async (tx) => {
        for (const request of made) await saveRequest(tx, request)
      })
      const first = made[0]
      if (first === undefined) throw new Error()
      expect(await findRequests(db.read, first.id)).toEqual([first])
      expect(onlyOne(await findRequests(db.read, first.id.slice(0, 10)), first.id.slice(0, 10))).toEqual(first)
      expect(onlyOne(await findRequests(db.read, first.id.slice(0, 8)), first.id.slice(0, 8))).toEqual(first)
      for (const short of ['req_', first.id.slice(0, 7), 'req_%', '____%', '%%%%%', 'req_____%'])
        expect(await findRequests(db.read, short), short).toEqual([])
      expect(() => onlyOne(made, 'req_')).toThrow(expect.objectContaining({ code: 'AMBIGUOUS' }))
      const seen = []
      for (let after: { at: number; id: string } | undefined, more = true; more;) {
        const page = await listRequests(db.read, { personId: 'jane' }, { limit: 2, after })
        seen.push(...page)
        more = page.length === 2
        const last = page.at(-1)
        after = last && { at: last.createdAt, id: last.id }
      }
      expect(seen.map(({ id }) => id)).toEqual(
        made.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).map(({ id }) => id),
      )
      expect(await listRequests(db.read, { personId: 'bob' }, { limit: 10 })).toEqual([])
      expect((await expireRequests(db, NOW + 1001)).length).toBe(4)
      expect((await expireRequests(db, NOW + 1001)).length).toBe(0)
    }))

  it('a change that fails leaves neither the change nor its audit entry', () =>
    withStore(async (db) => {
      const grant = mintGrant({
        person: jane,
        target: 'prod',
        rule: 'r',
        reason: '',
        requestId: undefined,
        now: NOW,
        length: 1000,
      })
      const failing = db.change(async (tx) => {
        await saveGrant(tx, grant)
        await appendAudit(tx, NOW, { type: 'grant.created', actor: 'jane', subject: grant.id, data: {} })
        throw new Error('disk full')
      })
      await expect(failing).rejects.toThrow('disk full')
      expect(await listGrants(db.read, {}, { limit: 10 })).toEqual([])
      expect(await db.read.selectFrom('audit').selectAll().execute()).toEqual([])
    }))

  it('the audit chain has one order however many change at once, and shows every alteration', () =>
    withStore(async (db) => {
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          db.change((tx) =>
            // Half of a character comes back from no store, and not every store has NUL.
            appendAudit(tx, NOW, {
              type: 'audit.viewed',
              actor: 'a\ud800\0',
              subject: `${i}\udc00`,
              data: { i, half: '\ud800' },
            }),
          ),
        ),
      )
      expect(await verifyAudit(db, keys)).toMatchObject({ status: 'valid', entries: 30 })
      await db.read.updateTable('audit').set({ actor: 'somebody else' }).where('seq', '=', 12).execute()
      expect(await verifyAudit(db, keys)).toMatchObject({ seq: 12, reason: 'was changed' })
      await db.read.updateTable('audit').set({ actor: 'a\ufffd\ufffd' }).where('seq', '=', 12).execute()
      await db.read.deleteFrom('audit').where('seq', '=', 20).execute()
      expect(await verifyAudit(db, keys)).toMatchObject({ seq: 21, reason: 'stands where entry 20 should be' })
    }))

  it('changes that wait at the same time are committed together, and one that fails takes only itself back', () =>
    withStore(async (db) => {
      let commits = 0
      db.onCommitted(() => commits++)
      const entry = (subject: string, fails: boolean): Promise<void> =>
        db.change(async (tx) => {
          await appendAudit(tx, NOW, { type: 'audit.viewed', actor: 'a', subject, data: {} })
          if (fails) await sql`insert into no_such_table values (1)`.execute(tx)
        })
      const done = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => entry(String(i), i % 4 === 2)))
      expect(done.map(({ status }) => status === 'rejected')).toEqual(done.map((_, i) => i % 4 === 2))
      expect(commits).toBe(1)
      expect(await verifyAudit(db, keys)).toMatchObject({ status: 'valid', entries: 7 })
      await expect(entry('alone', true)).rejects.toThrow()
      await entry('after', false)
      expect(await verifyAudit(db, keys)).toMatchObject({ status: 'valid', entries: 8 })
    }))

  it('a search goes through the audit chain in parts, finds all that there is, and lets others be served', () =>
    withStore(async (db) => {
      const count = 45_000
      await sql`insert into audit (seq, id, at, type, actor, subject, data, previous, hash)
        with recursive n(i) as (select 1 union all select i + 1 from n where i < ${sql.lit(count)})
        select i, 'aud_' || i, i, case when i in (1, 19999, 20000, 20001, 40000, 44999) then 'rare' else 'often' end,
          'a', 's' || i, '{}', 'p' || i, 'h' || i from n`.execute(db.read)
      const list = async (...asked: Parameters<typeof listAudit> extends [unknown, ...infer Rest] ? Rest : never) =>
        (await listAudit(db.read, ...asked)).map(({ seq }) => seq)
      let turns = 0
      let counting = setImmediate(function count() {
        turns++
        counting = setImmediate(count)
      })
      const rare = [1, 19_999, 20_000, 20_001, 40_000, 44_999]
      expect(await list({ type: 'rare' }, { after: 0, limit: 10 })).toEqual(rare)
      clearImmediate(counting)
      expect(turns).toBeGreaterThan(1)
      expect(await list({ type: 'rare' }, { before: undefined, limit: 10 })).toEqual(rare.toReversed())
      expect(await list({ text: 'RARE' }, { before: 40_000, limit: 3 })).toEqual([20_001, 20_000, 19_999])
      expect(await list({ actors: ['a'] }, { after: 19_990, limit: 30 })).toHaveLength(30)
      expect(await list({ type: 'none' }, { before: undefined, limit: 10 })).toEqual([])
      // What somebody laid there is found as well, wherever it stands.
      await sql`update audit set seq = -5 where seq = 20000`.execute(db.read)
      await sql`update audit set seq = ${sql.lit(Number.MAX_SAFE_INTEGER - 1)} where seq = 20001`.execute(db.read)
      expect(await list({ type: 'rare' }, { before: undefined, limit: 10 })).toEqual([
        Number.MAX_SAFE_INTEGER - 1,
        44_999,
        40_000,
        19_999,
        1,
        -5,
      ])
    }))

  it('sessions to be looked into come a few at a time, newest first, each once', () =>
    withStore(async (db) => {
      const row = (n: number): SessionRow => ({
        id: `ses_${String(n).padStart(5, '0')}`,
        person: jane,
        target: n % 3 === 0 ? 'other' : 'prod',
        protocol: 'postgres',
        grantId: 'grt_1',
        loginId: 'log_1',
        recording: 'x',
        commands: 0,
        denied: 0,
        held: 0,
        // Many are opened in one millisecond.
        openedAt: NOW + Math.floor(n / 700),
        ended: { at: NOW, code: 'CLIENT_LEFT', message: '' },
      })
      await db.change(async (tx) => {
        for (let n = 0; n < 1300; n++) await insertSession(tx, row(n))
      })
      const found = async (filter: Parameters<typeof searchSessions>[1]): Promise<string[]> => {
        const ids = []
        for await (const { id } of searchSessions(db.read, filter)) ids.push(id)
        return ids
      }
      const all = Array.from({ length: 1300 }, (_, n) => row(n).id).toReversed()
      expect(await found({})).toEqual(all)
      expect(await countSearched(db.read, {})).toBe(1300)
      const others = all.filter((_, index) => (1299 - index) % 3 === 0)
      expect(await found({ target: 'other', person: 'jane' })).toEqual(others)
      expect(await countSearched(db.read, { target: 'other', person: 'jane' })).toBe(others.length)
      expect(await found({ until: NOW + 1 })).toHaveLength(700)
      expect(await found({ since: NOW + 1 })).toHaveLength(600)
      // What is deleted meanwhile is looked into no more, if it was not among the first.
      const search = searchSessions(db.read, {})
      await search.next()
      await db.read.deleteFrom('sessions').where('id', '<', row(100).id).execute()
      const rest = []
      for await (const { id } of search) rest.push(id)
      expect(rest).toEqual(all.slice(1, 1200))
      // Whose they are, and whether they had ended by then.
      const before = { ...row(0), openedAt: NOW - 10, ended: undefined }
      const bob = { id: 'bob', label: 'bob@example.com', kind: 'person' as const }
      const endedAt = (at: number) => ({ at, code: 'CLIENT_LEFT', message: '' })
      await db.change(async (tx) => {
        await insertSession(tx, { ...before, id: 'ses_bob', person: bob })
        await insertSession(tx, { ...before, id: 'ses_later', ended: endedAt(NOW + 5000) })
        await insertSession(tx, { ...before, id: 'ses_over', ended: endedAt(NOW - 5) })
      })
      for (const filter of [{ personId: 'bob' }, { person: 'bob' }, { person: bob.label }])
        expect(await found(filter)).toEqual(['ses_bob'])
      expect(await found({ since: NOW + 1000, until: NOW })).toEqual(['ses_later', 'ses_bob'])
      // For whoever decides on what bob asks for next.
      await db.change((tx) => endSession(tx, 'ses_bob', { ...endedAt(NOW), commands: 5, denied: 2, held: 1 }))
      const past = { sessions: 1, commands: 5, denied: 2, approved: 0, refused: 0, lastAt: NOW - 10 }
      expect(await pastUse(db.read, 'bob', before.target, NOW - 1000)).toEqual(past)
      const none = { sessions: 0, commands: 0, denied: 0, approved: 0, refused: 0, lastAt: undefined }
      expect(await pastUse(db.read, 'bob', before.target, NOW)).toEqual(none)
      expect((await listSessions(db.read, { denied: true, held: true }, { limit: 5 })).map(({ id }) => id)).toEqual([
        'ses_bob',
      ])
    }))

  it('what nobody waits for shares the next commit, in order; alone it has one of its own, and closing does not forget it', async () => {
    const done: string[] = []
    await withStore(async (db) => {
      let commits = 0
      db.onCommitted(() => commits++)
      const entry = (subject: string) => (tx: Tx) =>
        appendAudit(tx, NOW, { type: 'audit.viewed', actor: 'a', subject, data: {} })
      const order = async (): Promise<string[]> =>
        (await listAudit(db.read, {}, { after: 0, limit: 100 })).map(({ subject }) => subject)
      await Promise.all([db.changeSoon(entry('1')), db.changeSoon(entry('2')), db.change(entry('3'))])
      expect(commits).toBe(1)
      await db.changeSoon(entry('4'))
      expect(commits).toBe(2)
      expect(await order()).toEqual(['1', '2', '3', '4'])
      await Promise.all([db.change(entry('5')), db.changeSoon(entry('6')).then(() => db.changeSoon(entry('7')))])
      await Promise.all(['8', '9'].map((subject) => db.changeSoon(entry(subject))))
      expect(await order()).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
      expect(await verifyAudit(db, keys)).toMatchObject({ status: 'valid', entries: 9 })
      // A wait that runs out when others have done everything is the end of nothing.
      await Promise.all([db.changeSoon(entry('10')), db.change(entry('11'))])
      await new Promise((resolve) => setTimeout(resolve, 60))
      await db.change(entry('12'))
      expect(await verifyAudit(db, keys)).toMatchObject({ status: 'valid', entries: 12 })
      // The store is closed with these two still to be done.
      void db
        .changeSoon(entry('13'))
        .then(() => (done.push('13'), db.changeSoon(entry('14'))))
        .then(() => done.push('14'))
    })
    expect(done).toEqual(['13', '14'])
  })

  it('what comes after the end of a session waits for others: for somebody who cannot, or for its own time', () =>
    withStore(async (db) => {
      let commits = 0
      db.onCommitted(() => commits++)
      const turns = async (): Promise<void> => {
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
      const evidence = evidenceState(db, systemClock)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const ends = [
          gatewayState(db).sessionEnded('ses_1', {
            at: NOW,
            code: 'CLIENT_LEFT',
            message: '',
            commands: 0,
            denied: 0,
            held: 0,
          }),
          evidence.transfer.sealed([]),
          evidence.transfer.stored('ses_1', 'home'),
          evidence.journalReleased('jrn_1'),
        ]
        await turns()
        expect(commits).toBe(0)
        vi.advanceTimersByTime(1000)
        await Promise.all(ends)
        expect(commits).toBe(1)
        // While another change is made it does not count as somebody who waits.
        let goOn = (): void => {}
        let work: Promise<void> = Promise.resolve()
        await new Promise<void>((begun) => {
          work = db.change(() => new Promise((resolve) => (begun(), (goOn = resolve))))
        })
        const later = evidence.journalReleased('jrn_2')
        goOn()
        await work
        await turns()
        expect(commits).toBe(2)
        await Promise.all([evidence.journalBegun({ journal: 'jrn_3', commitment: '' }), later])
        expect(commits).toBe(3)
      } finally {
        vi.useRealTimers()
      }
    }))

  it('standing access mints a grant, once, and a revoked one blocks', () =>
    withStore(async (db) => {
      const state = gatewayState(db)
      const standing = { ...rule, grant: 'standing' as const }
      const first = await state.grantFor(person, target, standing, NOW)
      expect(first.endsAt).toBe(NOW + rule.maxDuration)
      expect((await state.grantFor(person, target, standing, NOW + 1)).id).toBe(first.id)
      expect(await activeGrant(db.read, 'jane', 'prod', NOW + rule.maxDuration)).toBeUndefined()
      await db.change((tx) => saveGrant(tx, revokeGrant(first, 'bob', 'why', NOW + 2)))
      expect((await standingBlock(db.read, 'jane', 'prod'))?.id).toBe(first.id)
      await expect(state.grantFor(person, target, standing, NOW + 3)).rejects.toMatchObject({ code: 'GRANT_REVOKED' })
      const blocked = async (now: number): Promise<string[]> =>
        (await standingBlocks(db.read, 'jane', now)).map(({ id }) => id)
      expect(await blocked(NOW + 3)).toEqual([first.id])
      const other = { ...first, id: 'grt_other', requestId: 'req_1', startsAt: NOW + 4, endsAt: NOW + 5 }
      await db.change((tx) => saveGrant(tx, other))
      expect([await blocked(NOW + 4), await blocked(NOW + 5)]).toEqual([[], [first.id]])
      await db.change((tx) => saveGrant(tx, revokeGrant(other, 'bob', 'why', NOW + 4)))
      expect(await blocked(NOW + 4)).toEqual([first.id])
      expect(await standingBlocks(db.read, 'bob', NOW + 3)).toEqual([])
      await expect(state.grantFor(person, { ...target, name: 'other' }, rule, NOW)).rejects.toMatchObject({
        code: 'NO_GRANT',
      })
      expect(await state.isGrantActive(first.id, NOW + 3)).toBe(false)
    }))

  it('an approval is used once, only when approved, only for its digest', () =>
    withStore(async (db) => {
      const state = gatewayState(db)
      await state.fileApproval(approval, NOW)
      await expect(state.useApproval('apr_1', 'd1', NOW)).rejects.toMatchObject({ code: 'APPROVAL_VOID' })
      await db.change((tx) => saveApproval(tx, { ...approval, state: 'approved' }))
      await expect(state.useApproval('apr_1', 'd2', NOW)).rejects.toMatchObject({ code: 'APPROVAL_VOID' })
      const both = await Promise.allSettled([
        state.useApproval('apr_1', 'd1', NOW),
        state.useApproval('apr_1', 'd1', NOW),
      ])
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      await state.closeApproval('apr_1', 'withdrawn', NOW)
      expect((await findApprovals(db.read, 'apr_1'))[0]?.state).toBe('used')
      await db.change((tx) => saveApproval(tx, { ...approval, id: 'apr_2' }))
      await state.closeApproval('apr_2', 'withdrawn', NOW, 'its client')
      expect((await findApprovals(db.read, 'apr_2'))[0]).toMatchObject({
        state: 'withdrawn',
        withdrawn: { by: 'its client', at: NOW },
      })
    }))

  it('sums decisions by week, with the median time to them', () =>
    withStore(async (db) => {
      const DAY = 86_400_000
      const review = (n: number, daysAgo: number, state: Approval['state'], minutes?: number): Approval => ({
        id: `apr_${n}`,
        requester: jane,
        approvers: { groups: ['sre'], count: 1 },
        state,
        decisions:
          minutes === undefined
            ? []
            : [
                {
                  by: 'bob',
                  label: 'bob',
                  verdict: 'approve',
                  comment: '',
                  at: NOW - daysAgo * DAY + minutes * 60_000,
                },
              ],
        expiresAt: NOW,
        sessionId: 'ses_1',
        target: 'prod',
        rule: 'r',
        text: '',
        parameters: [],
        effect: '',
        digest: '',
        createdAt: NOW - daysAgo * DAY,
      })
      const reviews = [
        review(1, 20, 'used', 1),
        review(2, 10, 'used', 9),
        review(3, 10, 'approved', 3),
        review(4, 10, 'denied', 5),
        review(5, 9, 'expired'),
        review(6, 0, 'pending'),
      ]
      await db.change(async (tx) => {
        for (const one of reviews) await saveApproval(tx, one)
      })
      expect(await weeklyDecisions(db.read, 'approvals', { weeks: 2, now: NOW })).toEqual([
        { startsAt: NOW - 14 * DAY, approved: 2, denied: 1, undecided: 1, waiting: 0, medianMs: 5 * 60_000 },
        { startsAt: NOW - 7 * DAY, approved: 0, denied: 0, undecided: 0, waiting: 1, medianMs: undefined },
      ])
      expect(await weeklyDecisions(db.read, 'requests', { weeks: 1, now: NOW })).toMatchObject([{ waiting: 0 }])
    }))

  it('remembers which key and login an identity token was used for first, until it has expired', () =>
    withStore(async (db) => {
      const use = { digest: 't', thumbprint: 'key1', loginId: 'lgn_1', expiresAt: NOW + 1000 }
      const find = (now: number) => db.change((tx) => findTokenUse(tx, 't', now))
      expect(await find(NOW)).toBeUndefined()
      await db.change((tx) => saveTokenUse(tx, use))
      expect(await find(NOW)).toEqual(use)
      await expect(db.change((tx) => saveTokenUse(tx, { ...use, loginId: 'lgn_2' }))).rejects.toThrow()
      expect(await find(NOW + 60_000)).toEqual(use)
      expect(await find(NOW + 62_000)).toBeUndefined()
    }))

  it('cuts proofs and browsers that outlast what is allowed, and knows who signed out everywhere', () =>
    withStore(async (db) => {
      const lease = 360_000
      const login = (id: string, provenUntil: number, authTime: number | undefined, endedAt?: number) => ({
        id,
        person,
        thumbprint: id,
        email: undefined,
        authTime,
        provenUntil,
        createdAt: NOW,
        endedAt,
      })
      const made = [
        login('right', NOW + lease, NOW),
        login('late', NOW + lease + 1, NOW + 30_000),
        login('future', NOW, NOW + 30_001),
        login('ended', NOW + 2 * lease, NOW, NOW),
      ]
      const web = (id: string, seenAt: number, endsAt: number) => ({
        id,
        loginId: 'right',
        createdAt: NOW,
        seenAt,
        endsAt,
        refresh: undefined,
        provider: undefined,
      })
      await db.change(async (tx) => {
        for (const one of made) await saveLogin(tx, one)
        for (const one of [web('a', NOW, NOW + lease), web('b', NOW + 1, NOW + lease + 1)])
          await saveWebSession(tx, one)
      })
      expect(await db.change((tx) => boundLogins(tx, NOW, lease))).toBe(2)
      expect(await db.change((tx) => boundLogins(tx, NOW, lease))).toBe(0)
      expect(await db.change((tx) => boundWebSessions(tx, NOW, lease))).toBe(2)
      const found = await Promise.all(made.map(({ id }) => findLogin(db.read, id)))
      expect(found.map((one) => [one?.provenUntil, one?.authTime])).toEqual([
        [NOW + lease, NOW],
        [NOW + lease, NOW + 30_000],
        [NOW, undefined],
        [NOW + 2 * lease, NOW],
      ])
      expect(await findWebSession(db.read, 'b')).toEqual(web('b', NOW, NOW + lease))
      expect(await signedOutEverywhereAt(db.read, 'jane')).toBeUndefined()
      for (const at of [NOW, NOW + 1]) await db.change((tx) => saveSignOutEverywhere(tx, 'jane', at))
      expect(await signedOutEverywhereAt(db.read, 'jane')).toBe(NOW + 1)
    }))

  it('logins and sessions come back as they were; a restart ends what was open', () =>
    withStore(async (db) => {
      const login = {
        id: 'lgn_1',
        person,
        thumbprint: 'k',
        email: 'jane@example.com',
        authTime: undefined,
        provenUntil: NOW + 5,
        createdAt: NOW,
        endedAt: undefined,
      }
      await db.change((tx) => saveLogin(tx, login))
      expect(await findLogin(db.read, 'lgn_1')).toEqual(login)
      expect((await openLogin(db.read, 'jane', 'k'))?.id).toBe('lgn_1')
      expect(await lastEndedAt(db.read, 'jane', 'k')).toBeUndefined()
      await db.change((tx) => saveLogin(tx, { ...login, endedAt: NOW }))
      expect(await openLogin(db.read, 'jane', 'k')).toBeUndefined()
      expect(await lastEndedAt(db.read, 'jane', 'k')).toBe(NOW)
      expect(await lastEndedAt(db.read, 'bob', 'k')).toBeUndefined()
      const state = gatewayState(db)
      await state.sessionOpened({
        id: 'ses_1',
        person: jane,
        target: 'prod',
        protocol: 'postgres',
        grantId: 'g',
        loginId: 'lgn_1',
        openedAt: NOW,
        recording: 'a/b',
        from: '127.0.0.1',
      })
      await recoverSessions(db, new Set(['ses_1', 'ses_2']), NOW + 1)
      expect((await findSessions(db.read, 'ses_1'))[0]?.ended).toMatchObject({ code: 'GATEWAY_STOPPED' })
      // Of the sessions that the chain says are open, whatever the table says.
      const recovered = await listAudit(db.read, { type: 'session.recovered' }, { after: 0, limit: 10 })
      expect(recovered.map(({ subject }) => subject)).toEqual(['ses_1', 'ses_2'])
    }))

  it('sessions that ended while it could not be written, and what they held, are closed once it can', () =>
    withStore(async (db) => {
      const state = gatewayState(db)
      for (const id of ['ses_live', 'ses_known', 'ses_lost'])
        await state.sessionOpened({
          id,
          person: jane,
          target: 'prod',
          protocol: 'postgres',
          grantId: 'g',
          loginId: 'lgn_1',
          openedAt: NOW,
          recording: 'a/b',
          from: '127.0.0.1',
        })
      await db.change(async (tx) => {
        await saveApproval(tx, { ...approval, id: 'apr_live', sessionId: 'ses_live' })
        await saveApproval(tx, { ...approval, id: 'apr_pending', sessionId: 'ses_lost' })
        await saveApproval(tx, { ...approval, id: 'apr_approved', sessionId: 'ses_gone', state: 'approved' })
      })
      const noted: string[] = []
      const live = {
        has: (id: string) => id === 'ses_live',
        endOf: (id: string) =>
          id === 'ses_known'
            ? { at: NOW + 1, code: 'CLIENT_LEFT', message: 'left', commands: 3, denied: 1, held: 1 }
            : undefined,
        noted: (id: string) => void noted.push(id),
      }
      expect((await closeAbandoned(db, live, NOW + 5)).toSorted()).toEqual(['apr_approved', 'apr_pending'])
      expect(noted.toSorted()).toEqual(['ses_known', 'ses_lost'])
      expect((await findSessions(db.read, 'ses_known'))[0]).toMatchObject({
        ended: { at: NOW + 1, code: 'CLIENT_LEFT' },
        commands: 3,
      })
      expect((await findSessions(db.read, 'ses_lost'))[0]?.ended).toMatchObject({
        at: NOW + 5,
        code: 'STORE_UNAVAILABLE',
      })
      expect((await findSessions(db.read, 'ses_live'))[0]?.ended).toBeUndefined()
      expect((await listWaiting(db.read, NOW, { limit: 10 })).map(({ id }) => id)).toEqual(['apr_live'])
      const types = async () => (await listAudit(db.read, {}, { after: 0, limit: 100 })).map(({ type }) => type)
      const before = await types()
      expect(before.slice(-4).toSorted()).toEqual([
        'approval.withdrawn',
        'approval.withdrawn',
        'session.ended',
        'session.ended',
      ])
      expect(await closeAbandoned(db, live, NOW + 6)).toEqual([])
      expect(await types()).toEqual(before)
    }))
})

describe('a store that cannot be opened', () => {
  const at = (rest: string): string => `postgresql://${rest}`
  it('reports what is in the way', async () => {
    const closed = await freePort()
    const silent = createServer().listen(0, '127.0.0.1')
    const rude = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    for (const server of [silent, rude]) if (!server.listening) await once(server, 'listening')
    const portOf = (server: Server): number => (server.address() as AddressInfo).port
    const { port, superuser } = postgres
    const admin = new pg.Client({ host: '127.0.0.1', port, ...superuser, database: 'postgres' })
    await admin.connect()
    await admin.query("create role poor login password 'poor'")
    await admin.query('create database theirs')
    await admin.query('create database newer')
    await admin.end()
    const own = at(`postgres:${superuser.password}@127.0.0.1:${port}`)
    const newer = await openPostgres(`${own}/newer`)
    await sql`insert into kysely_migration values ('20990101-later', '2099-01-01')`.execute(newer.read)
    await newer.close()
    const cases: [string, string, RegExp][] = [
      [
        'nobody listens',
        at(`u:secret@127.0.0.1:${closed}/x`),
        /^cannot connect to the store at 127\.0\.0\.1:\d+: ECONNREFUSED$/,
      ],
      [
        'two addresses, nobody listens',
        at(`u:secret@localhost:${closed}/x`),
        /^cannot connect to the store at localhost:\d+: ECONNREFUSED$/,
      ],
      [
        'no such host',
        at('u:secret@store.invalid:5432/x'),
        /^cannot connect to the store at store\.invalid:5432: (ENOTFOUND|EAI_AGAIN)$/,
      ],
      ['no such socket', at('u:secret@%2Fnowhere/x'), /^cannot connect to the store at \/nowhere: ENOENT$/],
      [
        'nobody answers',
        at(`u:secret@127.0.0.1:${portOf(silent)}/x`),
        /^cannot connect to the store at .*: no answer in time$/,
      ],
      [
        'it hangs up',
        at(`u:secret@127.0.0.1:${portOf(rude)}/x`),
        /^(the store at .* closed the connection|cannot connect to the store at .*: ECONNRESET)$/,
      ],
      [
        'no TLS there',
        at(`u:secret@127.0.0.1:${port}/x?sslmode=require`),
        /^cannot connect to the store at .* over TLS: .*SSL/,
      ],
      [
        'a wrong password',
        at(`postgres:wrong-secret@127.0.0.1:${port}/postgres`),
        /^the store at .* does not let "postgres" log in: password authentication failed/,
      ],
      ['no such database', `${own}/missing`, /^the store at .* has no database "missing"$/],
      [
        'no permission',
        at(`poor:poor@127.0.0.1:${port}/theirs`),
        /^"poor" may not use database "theirs" of the store at .*: permission denied for schema public$/,
      ],
      [
        'a newer gateway',
        `${own}/newer`,
        /^the store at .* was written by another version of the gateway: .*20990101-later/,
      ],
    ]
    for (const [what, url, message] of cases) {
      const error = (await openPostgres(url).catch((cause: unknown) => cause)) as Error & { code?: string }
      expect([what, error.code, error.message]).toEqual([what, 'STORE_UNAVAILABLE', expect.stringMatching(message)])
      expect(error.message).not.toMatch(/secret|newer gateway\?/)
    }
    for (const server of [silent, rude]) server.close()
  })

  it('a full disk is named where something is changed, and nothing of the change is left', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-store-'))
    const db = await openSqlite(join(directory, 'state.db'), sign)
    const append = (bytes: number): Promise<void> =>
      db.change((tx) =>
        appendAudit(tx, NOW, { type: 'audit.viewed', actor: 'a', subject: 's', data: { x: 'x'.repeat(bytes) } }),
      )
    await append(1)
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db.read)
    await sql.raw(`pragma max_page_count = ${rows[0]?.page_count}`).execute(db.read)
    const full = {
      code: 'STORE_UNAVAILABLE',
      message: 'the store of the gateway cannot be written: database or disk is full',
    }
    await expect(append(1_000_000)).rejects.toMatchObject(full)
    const [one, other] = await Promise.allSettled([append(1_000_000), append(1_000_000)])
    expect([one, other]).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
    await sql`pragma max_page_count = 1000000`.execute(db.read)
    await append(1_000_000)
    expect(await verifyAudit(db, keys)).toMatchObject({ status: 'valid', entries: 2 })
    await db.close()
    rmSync(directory, { recursive: true })
  })

  it('a file that is not a database is named', async () => {
    const file = join(directory, 'no-database.db')
    writeFileSync(file, 'x'.repeat(5000))
    await expect(openSqlite(file)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`the store at ${file} is damaged: `),
    })
  })
})
