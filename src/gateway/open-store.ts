import { join } from 'node:path'
import { isSignedHead, signAudit } from '../recording/audit-chain.ts'
import { trustedKeys } from '../recording/verify.ts'
import { appendAudit } from '../storage/audit.ts'
import { openSqlite, type Database } from '../storage/database.ts'
import { loadKeys, useNextKey, type GatewayKeys } from './keys.ts'

/**
 * The store of this gateway and its keys. Finishes a rotation of the key that was stopped half-way, and says in the audit chain where
 * its end is not signed: the next change would sign what somebody else wrote.
 */
export async function openStore(
  dataDirectory: string,
): Promise<{ keys: GatewayKeys; db: Database; isAltered: boolean }> {
  const directory = join(dataDirectory, 'keys')
  let keys: GatewayKeys | undefined
  const db = await openSqlite(join(dataDirectory, 'state.db'), (head) => {
    if (keys === undefined) throw new Error('the store is changed before the signing key is known')
    return signAudit(head, keys.signer)
  })
  try {
    const rotated = await db.read
      .selectFrom('audit')
      .select('subject')
      .where('type', '=', 'key.rotated')
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()
    useNextKey(directory, rotated?.subject)
    keys = loadKeys(directory)
    const last = await db.read.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(1).executeTakeFirst()
    const isAltered = last !== undefined && !isSignedHead(last, trustedKeys(keys.recordingKeys))
    if (isAltered) {
      const entry = { type: 'audit.altered', actor: 'gateway', subject: 'audit', data: { last: last.seq } }
      await db.change((tx) => appendAudit(tx, Date.now(), entry))
    }
    return { keys, db, isAltered }
  } catch (error) {
    await db.close()
    throw error
  }
}
