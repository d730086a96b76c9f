import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Table from 'cli-table3'
import { systemClock } from '../shared/clock.ts'
import { appendAudit } from '../storage/audit.ts'
import { openSqliteToRead } from '../storage/database.ts'
import { loadConfigWithoutSecrets } from './config/load-config.ts'
import { loadKeys, makeNextKey, useNextKey } from './keys.ts'
import { openStore } from './open-store.ts'
import { collect, openHome } from './start-evidence.ts'

/** `pam-gateway recordings gc`: what a running gateway does by itself every hour. */
export async function collectRecordings(file: string, dryRun: boolean): Promise<void> {
  const config = loadConfigWithoutSecrets(file)
  const store = join(config.dataDirectory, 'state.db')
  if (!existsSync(store)) {
    process.stdout.write(`there are no records: no gateway has been started with ${config.dataDirectory}\n`)
    return
  }
  const { db, clock } = dryRun
    ? { db: openSqliteToRead(store), clock: systemClock }
    : await openStore(config.dataDirectory)
  try {
    const found = await collect({ config: () => config, db, clock, home: openHome(config) }, { dryRun })
    const table = new Table({
      head: ['SESSION', 'TARGET', 'OPENED', 'BYTES', 'RULE', ''],
      style: { head: [], border: [] },
    })
    for (const { session, target, openedAt, bytes, rule, held, retained, problem } of found) {
      const what = held
        ? 'kept: legal hold'
        : retained !== undefined
          ? `kept ${retained}`
          : problem !== undefined
            ? `not deleted: ${problem}`
            : dryRun
              ? 'would be deleted'
              : 'deleted'
      table.push([session, target, new Date(openedAt).toISOString(), String(bytes), rule, what])
    }
    const count = found.filter(
      ({ held, retained, problem }) => !held && retained === undefined && problem === undefined,
    ).length
    if (found.length > 0) process.stdout.write(`${table.toString()}\n`)
    process.stdout.write(`${count} ${count === 1 ? 'record' : 'records'} ${dryRun ? 'would be deleted' : 'deleted'}\n`)
  } finally {
    await db.close()
  }
}

/** `pam-gateway rotate-key`: the new key is in the chain, signed with the old one, before it is used. */
export async function rotateKey(file: string): Promise<void> {
  const { dataDirectory } = loadConfigWithoutSecrets(file)
  const directory = join(dataDirectory, 'keys')
  const { keys, db, clock } = await openStore(dataDirectory)
  const { signer } = keys
  try {
    const next = makeNextKey(directory)
    await db.change((tx) =>
      appendAudit(tx, clock.now(), {
        type: 'key.rotated',
        actor: 'gateway',
        subject: next.keyId,
        data: { retired: signer.keyId, publicKey: next.publicKeyPem },
      }),
    )
    useNextKey(directory, next.keyId)
    loadKeys(directory, clock)
    process.stdout.write(`records are sealed with key ${next.keyId} from now on; ${signer.keyId} is retired\n`)
    process.stdout.write(`give auditors ${join(directory, 'gateway.pub')}, which has both\n`)
  } finally {
    await db.close()
  }
}
