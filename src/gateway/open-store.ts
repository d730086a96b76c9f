import { join } from 'node:path'
import { signAudit } from '../recording/audit-chain.ts'
import { openSqlite, type Database } from '../storage/database.ts'
import { loadKeys, useNextKey, type GatewayKeys } from './keys.ts'

/** The store of this gateway and its keys. Finishes a rotation of the key that was stopped half-way. */
export async function openStore(dataDirectory: string): Promise<{ keys: GatewayKeys; db: Database }> {
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
    return { keys, db }
  } catch (error) {
    await db.close()
    throw error
  }
}
