import { join } from 'node:path'
import { createStores, type CreatedStores } from '../credentials/create-stores.ts'
import { isSecretReference, resolveSecret } from '../credentials/secret-reference.ts'
import type { Secrets } from '../credentials/secrets.ts'
import { StoreSecrets } from '../credentials/store-secrets.ts'
import { noteChanges, type SealedHistory } from '../credentials/stores/sealed/sealed-store.ts'
import { StoreFailure } from '../credentials/stores/store.ts'
import type { LeaseLedger } from '../credentials/stores/vault/vault-database.ts'
import { certificateExpiry } from '../shared/certificate-expiry.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import { neededValues } from '../shared/needed-values.ts'
import { credentialLeasesIn } from '../storage/credential-leases.ts'
import type { Database } from '../storage/database.ts'
import { sealedHistoryIn } from '../storage/sealed-history.ts'
import { noteStoreChange } from '../storage/store-outages.ts'
import type { Config } from './config/config.ts'
import { kindOf } from './config/target-kind.ts'

/** The credentials of a running gateway, as it is configured now. */
export interface RunningSecrets {
  readonly secrets: Secrets
  /** What does not work now, a line each. */
  readonly problems: readonly string[]
  /** Follows a reload. Sessions keep what they have. */
  reconfigure(config: Config): Promise<void>
  stop(): void
}

/** Builds the stores, takes back what a crash left behind, and puts changes of sealed secrets on record. Waits for no store. */
export async function startSecrets(
  config: Config,
  { db, clock, logger }: { readonly db: Database; readonly clock: Clock; readonly logger: Logger },
): Promise<RunningSecrets> {
  const [ledger, history] = [credentialLeasesIn(db, clock), sealedHistoryIn(db, clock)]
  let left = 0
  const build = (now: Config) => {
    const stores = storesOf(now, ledger, history)
    const secrets = new StoreSecrets({
      baseDirectory: now.baseDirectory,
      stores,
      cacheFor: now.secrets.cacheFor,
      clock,
      onChange(change) {
        const { what, problem } = change
        if (problem === undefined) logger.info({ what }, 'credentials.available')
        else logger.error({ what, problem }, 'credentials.unavailable')
        noteStoreChange(db, clock.now(), change).catch((error: unknown) =>
          logger.error({ cause: error }, 'credentials.audit_failed'),
        )
      },
    })
    return { stores, secrets }
  }
  let live = config
  let current = build(config)
  const retired: CreatedStores[] = []
  const sweep = async (): Promise<void> => {
    try {
      left = await current.stores.sweep()
      const { sealed } = current.stores
      if (sealed !== undefined) await noteChanges(sealed.file, history)
    } catch (error) {
      // A damaged file is said where a secret of it is needed.
      if (!(error instanceof StoreFailure)) logger.error({ cause: error }, 'credentials.sweep_failed')
    }
  }
  void sweep()
  const sweeping = setInterval(() => void sweep(), SWEEP_EVERY_MS)
  return {
    get secrets() {
      return current.secrets
    },
    get problems() {
      return [
        ...[...current.secrets.problems].map(([what, problem]) => `${what} ${problem}`),
        ...expiring(live),
        ...(left === 0 ? [] : [`${left} database users of ended sessions could not be revoked`]),
      ]
    },
    async reconfigure(next) {
      // What sessions have leased from the stores before is renewed and given back there.
      retired.push(current.stores)
      live = next
      current = build(next)
      await sweep()
    },
    stop() {
      clearInterval(sweeping)
      for (const stores of [...retired, current.stores]) stores.close()
    },
  }
}

/** Certificates on this machine that the gateway shows to targets and that targets soon will not take. One that cannot be read is said where it is needed. */
function expiring(config: Config): string[] {
  const references = config.targets.flatMap((target) => neededValues(kindOf(target).schema, target))
  return [...new Set(references.flatMap(({ what, value }) => (what === 'credential' ? [value] : [])))].flatMap(
    (reference) => {
      try {
        const text = isSecretReference(reference) ? resolveSecret(reference, config.baseDirectory) : ''
        const expiry = certificateExpiry(text, systemClock.now())
        return expiry === undefined ? [] : [`${reference} ${expiry}`]
      } catch {
        return []
      }
    },
  )
}

/** The stores of a configuration. */
const storesOf = (config: Config, ledger: LeaseLedger, history: SealedHistory): CreatedStores =>
  createStores(config.secrets, {
    baseDirectory: config.baseDirectory,
    sealedFile: sealedFileOf(config),
    environment: process.env,
    // What is signed for them is dated by what they take for the time.
    clock: systemClock,
    ledger,
    history,
  })

/**
 * The same for a command beside the gateway, which puts nothing on record: the store is the gateway's. A user that is made for a trial is
 * taken back at its end; where that fails it ends with its lease.
 */
export const storesBeside = (config: Config): CreatedStores =>
  storesOf(
    config,
    {
      live: new Set(),
      made: new Set(),
      add: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      list: () => Promise.resolve([]),
    },
    { lastVersion: () => Promise.resolve(0), note: () => Promise.resolve() },
  )

export const sealedFileOf = ({ dataDirectory }: Pick<Config, 'dataDirectory'>): string =>
  join(dataDirectory, 'secrets.json')

/** Milliseconds. */
const SWEEP_EVERY_MS = 60_000
