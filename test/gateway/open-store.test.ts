import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeNextKey } from '../../src/gateway/keys.ts'
import { openStore } from '../../src/gateway/open-store.ts'
import { AUDIT_GENESIS, auditHash } from '../../src/recording/audit-chain.ts'
import { trustedKeys } from '../../src/recording/verify.ts'
import { appendAudit, listAudit } from '../../src/storage/audit.ts'
import { verifyAudit } from '../helpers/audit.ts'

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))))
afterEach(() => rmSync(directory, { recursive: true }))

/** Opens the store as a start does, adds an entry, and closes it; what verification finds then. */
async function start(entry = { type: 'x', actor: 'a', subject: 's', data: {} }, at?: number) {
  const { keys, db, isAltered } = await openStore(directory)
  await db.change((tx) => appendAudit(tx, at ?? Date.now(), entry))
  const types = (await listAudit(db.read, {}, { after: 0, limit: 100 })).map(({ type }) => type)
  const result = await verifyAudit(db, trustedKeys(keys.recordingKeys))
  await db.close()
  return { keyId: keys.signer.keyId, isAltered, types, result }
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
    const entry = { type: 'key.rotated', actor: 'gateway', subject: next.keyId, data }
    await db.change((tx) => appendAudit(tx, Date.now(), entry))
    await db.close()
    const after = await start()
    expect([after.keyId, after.result.status, existsSync(nextKey())]).toEqual([next.keyId, 'valid', false])
    expect(readFileSync(join(directory, 'keys', 'gateway.pub'), 'utf8').match(/until/g)).toHaveLength(1)
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
  ])('%s: the next start says so, and the chain is not genuine from then on', async (_what, change) => {
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
