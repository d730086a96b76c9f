import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeNextKey } from '../../src/server/keys.ts'
import { openStore } from '../../src/server/open-store.ts'
import { AUDIT_GENESIS, auditHash, signAudit, type AuditHead } from '../../src/recording/audit-chain.ts'
import { trustedKeys } from '../../src/recording/verify.ts'
import { appendAudit, listAudit, type AuditEntry } from '../../src/storage/audit.ts'
import { evidenceState } from '../../src/storage/evidence-state.ts'
import { gatewayState } from '../../src/storage/gateway-state.ts'
import {
  findRecording,
  listRecordings,
  saveRecording,
  type LegalHold,
  type RecordingRow,
} from '../../src/storage/recordings.ts'
import { verifyAudit } from '../helpers/audit.ts'
import { writeNewStore } from '../helpers/test-store.ts'

let directory: string
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  await writeNewStore(join(directory, 'state.db'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Opens the store as a start does, adds an entry, and closes it; what verification finds then. */
async function start(entry: AuditEntry = { type: 'audit.viewed', actor: 'a', subject: 's', data: {} }, at?: number) {
  const { keys, db, audited, restored } = await openStore(directory)
  await db.change((tx) => appendAudit(tx, at ?? Date.now(), entry))
  const types = (await listAudit(db.read, {}, { after: 0, limit: 100 })).map(({ type }) => type)
  const result = await verifyAudit(db, trustedKeys(keys.recordingKeys))
  await db.close()
  return { keyId: keys.signer.keyId, isAltered: audited.altered !== undefined, audited, restored, types, result }
}
const nextKey = (): string => join(directory, 'keys', 'recording.key.next')

describe('a rotation of the key that is stopped', () => {
  it('before it is in the chain: the new key is forgotten', async () => {
    const { keyId } = await start()
    makeNextKey(join(directory, 'keys'))
    const after = await start()
    expect([after.keyId, after.result.status, existsSync(nextKey())]).toEqual([keyId, 'valid', false])
  })

  it('after it: the next start uses the new key', async () => {
    await start()
    const { keys, db } = await openStore(directory)
    const next = makeNextKey(join(directory, 'keys'))
    const data = { retired: keys.signer.keyId, publicKey: next.publicKeyPem }
    const entry = { type: 'key.rotated' as const, actor: 'gateway', subject: next.keyId, data }
    await db.change((tx) => appendAudit(tx, Date.now(), entry))
    await db.close()
    const after = await start()
    expect([after.keyId, after.result.status, existsSync(nextKey())]).toEqual([next.keyId, 'valid', false])
    expect(readFileSync(join(directory, 'keys', 'gateway.pub'), 'utf8').match(/until/g)).toHaveLength(1)
  })
})

describe('a reader of the chain that is said to be further than the chain', () => {
  it.each([['17'], ['1000000'], ['-1'], ['1.5'], ["'x'"], ['9e99']])('at %s: the store is not opened', async (seq) => {
    await start()
    const edit = (text: string): void => {
      const store = new Libsql(join(directory, 'state.db'))
      store.exec(text)
      store.close()
    }
    edit(`insert into audit_cursors (name, seq) values ('to the archive', ${seq})`)
    await expect(openStore(directory)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/"to the archive" has read the audit chain up to \S+, but its last entry is 1$/),
    })
    edit('update audit_cursors set seq = 1')
    expect((await start()).isAltered).toBe(false)
  })
})

describe('a chain whose end somebody else wrote while the gateway was stopped', () => {
  const sqlite = (change: (store: Libsql.Database) => void): void => {
    const store = new Libsql(join(directory, 'state.db'))
    change(store)
    store.close()
  }
  const last = (store: Libsql.Database) =>
    store.prepare('select * from audit order by seq desc limit 1').get() as { seq: number; hash: string } | undefined
  /** An entry that follows from the one before it, as anybody can make it. */
  function forge(store: Libsql.Database, signature: string | null = null): void {
    const before = last(store)
    const row = {
      seq: (before?.seq ?? 0) + 1,
      id: 'aud_forged',
      at: Date.now(),
      type: 'request.approved',
      actor: 'bob',
      subject: 'req_1',
      data: '{}',
      previous: before?.hash ?? AUDIT_GENESIS,
    }
    store
      .prepare(
        'insert into audit (seq, id, at, type, actor, subject, data, previous, hash, key, signature) values (?,?,?,?,?,?,?,?,?,?,?)',
      )
      .run(...Object.values(row), auditHash(row), signature === null ? null : '0'.repeat(16), signature)
  }

  it.each<[string, (store: Libsql.Database) => void]>([
    ['an entry added', (store) => forge(store)],
    ['an entry added with a signature of anything', (store) => forge(store, 'x'.repeat(86))],
    ['the last signature taken away', (store) => store.exec('update audit set key = null, signature = null')],
    [
      'the last entry written anew',
      (store) => {
        store.exec('delete from audit where seq = (select max(seq) from audit)')
        forge(store)
      },
    ],
    [
      'the last entry changed',
      (store) => store.exec("update audit set actor = 'mallory' where seq = (select max(seq) from audit)"),
    ],
  ])('%s: the next start reports it, and the chain is not genuine from then on', async (_what, change) => {
    await start()
    await start()
    sqlite(change)
    const found = await start()
    expect(found.isAltered).toBe(true)
    expect(found.types).toContain('audit.altered')
    expect(found.result).toMatchObject({ status: 'invalid', kind: 'chain' })
    // Once: what follows is signed again.
    const again = await start()
    expect([again.isAltered, again.result.status]).toEqual([false, 'invalid'])
  })
})

describe('a chain in whose middle somebody else wrote while the gateway was stopped', () => {
  const columns = '(seq, id, at, type, actor, subject, data, previous, hash)'
  const hidden = (seq: string) => `insert into audit ${columns} values
    (${seq}, 'aud_hidden', 1, 'recording.sealed', 'gateway', 'ses_cut', '{"sha256":"0"}', 'hidden', 'hidden')`
  it.each<[string, string]>([
    ['a negative number', hidden('-1')],
    ['number 0', hidden('0')],
    ['no number', hidden('null')],
    [
      'a row that comes before what the gateway writes next',
      `insert into audit ${columns} select -1, 'aud_hidden', 1, 'x', 'x', 'x', '{}', hash, 'x' from audit order by seq desc limit 1`,
    ],
    ['a fraction', hidden('1.5')],
    ['a text as its number', hidden("'x'")],
    ['a blob as its number', hidden("x'00'")],
    ['an entry without its row', 'delete from audit where seq = 2'],
    ['the first without its row', 'delete from audit where seq = 1'],
    ['an entry changed in place', "update audit set subject = 'ses_other' where seq = 2"],
    ['an entry whose data is no JSON', "update audit set data = '{' where seq = 2"],
    ['an entry whose data is a blob', "update audit set data = x'7b7d' where seq = 2"],
    ['an entry of another time', 'update audit set at = at + 1 where seq = 2'],
    [
      'two entries that changed places',
      'update audit set seq = 90 where seq = 2; update audit set seq = 2 where seq = 3; update audit set seq = 3 where seq = 90',
    ],
    [
      'an audit.altered that the gateway did not write',
      "update audit set type = 'audit.altered', hash = 'x' where seq = 2",
    ],
  ])('%s: the next start reports it, believes nothing of it, and continues from there', async (_what, change) => {
    for (let entry = 0; entry < 4; entry++)
      await start({ type: 'session.opened', actor: 'a', subject: `ses_${entry}`, data: {} })
    const store = new Libsql(join(directory, 'state.db'))
    store.exec(change)
    store.close()
    const found = await start({ type: 'session.opened', actor: 'a', subject: 'ses_later', data: {} })
    expect(found.isAltered).toBe(true)
    expect([found.audited.recordings.size, found.audited.openSessions.size]).toEqual([0, 0])
    expect(found.result.status).toBe('invalid')
    const again = await start()
    expect([again.isAltered, [...again.audited.openSessions]]).toEqual([false, ['ses_later']])
  })

  it('an audit.altered made by others, with the rest of the chain written anew, has no signature', async () => {
    for (let entry = 0; entry < 3; entry++) await start()
    const store = new Libsql(join(directory, 'state.db'))
    const rows = store.prepare('select * from audit order by seq').all() as Parameters<typeof auditHash>[0][]
    let previous = 'anything'
    for (const { seq, ...row } of rows) {
      const { id, at, actor, subject, data } = row
      const type = seq === 2 ? 'audit.altered' : row.type
      const hash = auditHash({ seq, id, at, type, actor, subject, data, previous })
      store.prepare('update audit set type = ?, previous = ?, hash = ? where seq = ?').run(type, previous, hash, seq)
      previous = hash
    }
    store.close()
    expect((await start()).isAltered).toBe(true)
  })

  it('a signature of a key that is retired is not the end of a chain', async () => {
    const { keyId } = await start()
    const { keys, db } = await openStore(directory)
    const old = keys.signer
    const next = makeNextKey(join(directory, 'keys'))
    const data = { retired: keyId, publicKey: next.publicKeyPem }
    await db.change((tx) =>
      appendAudit(tx, Date.now(), { type: 'key.rotated', actor: 'gateway', subject: next.keyId, data }),
    )
    await db.close()
    expect((await start()).isAltered).toBe(false)
    const store = new Libsql(join(directory, 'state.db'))
    const head = store.prepare('select seq, hash from audit order by seq desc limit 1').get() as AuditHead
    const { key, signature } = signAudit(head, old)
    store.prepare('update audit set key = ?, signature = ? where seq = ?').run(key, signature, head.seq)
    store.close()
    expect((await start()).isAltered).toBe(true)
  })
})

describe('the table of recordings, changed while the gateway was stopped', () => {
  const sealed = { status: 'sealed', events: 3, bytes: 100, sha256: 'd', hash: 'h', segments: 1 } as const
  const one = 'ses_1111111111111'
  const two = 'ses_2222222222222'
  async function records(): Promise<void> {
    const { db, clock } = await openStore(directory)
    const state = gatewayState(db)
    for (const id of [one, two])
      await state.sessionOpened({
        id,
        person: { id: 'jane', label: 'jane', kind: 'person' },
        target: 'prod',
        protocol: 'postgres',
        grantId: 'g',
        loginId: 'l',
        openedAt: 1_790_000_000_000,
        recording: `2026-11/${id}.pamrec`,
        from: '127.0.0.1',
      })
    const evidence = evidenceState(db, clock)
    const record = { file: `2026-11/${two}.pamrec`, sealed: { session: two, ...sealed } }
    await evidence.transfer.sealed([{ ...record, home: undefined }])
    await evidence.transfer.stored(two, 'home')
    await db.change((tx) =>
      appendAudit(tx, 5, { type: 'recording.held', actor: 'jane', subject: two, data: { reason: 'case 12' } }),
    )
    await db.change(async (tx) => {
      const row = (await findRecording(tx, two)) as RecordingRow
      await saveRecording(tx, { ...row, legalHold: { by: 'jane', reason: 'case 12', at: 5 } })
    })
    await db.close()
  }
  const table = async (): Promise<RecordingRow[]> => {
    const { db } = await openStore(directory)
    const rows = await listRecordings(db.read, {}, 10)
    await db.close()
    return rows.map((row) => ({ ...row, changedAt: 0 })).toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1))
  }

  it.each([
    ['an open one said to be deleted', `update recordings set state = 'deleted' where session_id = '${one}'`],
    ['an open one said to be stored', `update recordings set state = 'stored' where session_id = '${one}'`],
    [
      'an open one said to be sealed',
      `update recordings set state = 'sealed', status = 'sealed', sha256 = 'e' where session_id = '${one}'`,
    ],
    ['a stored one said to be old', `update recordings set opened_at = 0 where session_id = '${two}'`],
    ['one of a target with another retention', `update recordings set target = 'dev' where session_id = '${two}'`],
    ['one that points to a file of another', `update recordings set file = '../keys/x' where session_id = '${two}'`],
    ['a legal hold taken away', `update recordings set legal_hold = null where session_id = '${two}'`],
    ['another digest', `update recordings set sha256 = 'e' where session_id = '${two}'`],
    ['a row taken away', `delete from recordings where session_id = '${two}'`],
  ])('%s: the start restores and reports it', async (_what, change) => {
    await records()
    const before = await table()
    const store = new Libsql(join(directory, 'state.db'))
    store.exec(change)
    store.close()
    const found = await start()
    expect([found.restored.length, found.types.includes('recordings.altered')]).toEqual([1, true])
    expect(await table()).toEqual(
      before.map((row) => (row.legalHold === undefined ? row : { ...row, legalHold: expect.anything() as LegalHold })),
    )
    expect((await start()).restored).toEqual([])
  })

  it('a row that the chain does not know is neither moved nor deleted by rule; a path elsewhere is not kept', async () => {
    await records()
    const store = new Libsql(join(directory, 'state.db'))
    const insert = store.prepare(
      "insert into recordings (session_id, target, file, opened_at, state, changed_at) values (?, 'prod', ?, 0, ?, 0)",
    )
    insert.run('ses_3333333333333', '2026-11/ses_3333333333333.pamrec', 'stored')
    insert.run('ses_4444444444444', '../keys/recording.key', 'sealed')
    insert.run('ses_5555555555555', `2026-11/${two}.pamrec`, 'stored')
    store.close()
    expect((await start()).restored).toHaveLength(3)
    expect((await table()).map(({ sessionId, state }) => [sessionId, state])).toEqual([
      [one, 'open'],
      [two, 'stored'],
      ['ses_3333333333333', 'damaged'],
    ])
  })

  it('where the chain does not verify no record is moved to the home or deleted by rule', async () => {
    await records()
    const store = new Libsql(join(directory, 'state.db'))
    store.exec("update audit set actor = 'mallory' where seq = 2")
    store.close()
    expect((await start()).isAltered).toBe(true)
    expect((await table()).map(({ state }) => state)).toEqual(['damaged', 'damaged'])
    expect((await start()).restored).toEqual([])
  })
})

describe('a store whose schema somebody else changed while the gateway was stopped', () => {
  it.each<[string, string, RegExp]>([
    [
      'a trigger that changes entries as they are written',
      "create trigger quiet after insert on audit begin update audit set actor = 'nobody' where seq = new.seq; end",
      /has a trigger "quiet"/,
    ],
    [
      'a trigger on the table of recordings',
      'create trigger gone after update on recordings begin delete from recordings; end',
      /has a trigger "gone"/,
    ],
    ['a view', 'create view other as select * from audit', /has a view "other"/],
    [
      'an index that hides a row',
      "pragma writable_schema = on; update sqlite_master set sql = sql || ' where seq > 1' where name = 'audit_type'",
      /is damaged/,
    ],
  ])('%s: the gateway does not start', async (_what, change, message) => {
    for (let entry = 0; entry < 3; entry++) await start()
    const store = new Libsql(join(directory, 'state.db'))
    store.exec(change)
    store.close()
    await expect(openStore(directory)).rejects.toThrow(message)
    await expect(openStore(directory)).rejects.toThrow(message)
  })
})
