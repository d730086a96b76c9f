import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { resolveSecret, type SecretReference } from '../credentials/secret-reference.ts'
import { matchesTarget } from '../policy/match/target.ts'
import { detachedFileOf } from '../recording/detached.ts'
import { directoryHome } from '../recording/homes/directory.ts'
import { describeRetention, type Home } from '../recording/homes/home.ts'
import { s3Home } from '../recording/homes/s3.ts'
import { readRecording, type ReadEvent } from '../recording/read.ts'
import { recoverSpool, type KnownRecording, type Recovery } from '../recording/recover.ts'
import type { SegmentSeal } from '../recording/seal.ts'
import { Spool } from '../recording/spool.ts'
import { trustedKeys } from '../recording/verify.ts'
import { Transfer } from '../recording/transfer.ts'
import type { Clock } from '../shared/clock.ts'
import { PamError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { AuditedState } from '../storage/audited-state.ts'
import type { Database } from '../storage/database.ts'
import { evidenceState } from '../storage/evidence-state.ts'
import { listRecordings, type RecordingRow } from '../storage/recordings.ts'
import type { Config } from './config/config.ts'
import type { GatewayKeys } from './keys.ts'
import { StoredRecords, type DetachedText } from './stored-records.ts'

/** Everything that keeps records: the local spool, their home, retention. */
export interface Evidence {
  readonly spool: Spool
  readonly transfer: Transfer
  readonly home: Home
  /** A session's record as it stands now; an open one without its end. */
  read(row: RecordingRow): Promise<Readable>
  /** The same as events: only of segments whose signature holds. */
  events(
    row: RecordingRow,
    options?: { readonly from?: number; readonly onHidden?: (seal: SegmentSeal) => void },
  ): Promise<AsyncGenerator<ReadEvent, void, undefined>>
  /** The detached texts; none where they were erased. */
  readDetached(row: RecordingRow): Promise<readonly DetachedText[]>
  eraseDetached(row: RecordingRow): Promise<void>
  stop(): Promise<void>
}

export interface EvidenceParts {
  readonly config: () => Config
  readonly keys: GatewayKeys
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

/** Closes what a stop left open, then opens the spool. */
export async function startEvidence(
  { config, keys, db, clock, logger }: EvidenceParts,
  audited: AuditedState,
): Promise<Evidence> {
  const { dataDirectory } = config()
  const directory = join(dataDirectory, 'spool')
  const state = evidenceState(db, clock)
  await recoverRecords(directory, { keys, logger }, state, audited)

  const { recording } = config()
  let transfer: Transfer | undefined
  const writeDown = (work: Promise<void>): void =>
    void work.catch((error: unknown) => logger.error({ cause: error }, 'evidence.audit_failed'))
  const spool = new Spool({
    directory,
    macKey: keys.journal,
    detachedKey: keys.detached,
    signer: keys.signer,
    limit: recording.spoolLimit,
    writeTimeout: recording.writeTimeout,
    onJournalBegun: (begun) => writeDown(state.journalBegun(begun)),
    onJournalReleased: (journal) => state.journalReleased(journal),
    onHealth(health) {
      if (health.ok) logger.info({}, 'recording.back')
      else logger.error({ reason: health.reason }, 'recording.failed')
      writeDown(state.storageChanged(health.ok ? 'recording.back' : 'recording.failed', health.ok ? '' : health.reason))
    },
    onSealed(file, sealed) {
      const noted = transfer?.sealed(file, sealed) ?? Promise.reject(new Error('the transfer has not started'))
      writeDown(noted)
      return noted
    },
  })
  const home = openHome(config())
  transfer = new Transfer({
    directory,
    home,
    state: state.transfer,
    logger,
    onStored: (bytes) => spool.forget(bytes),
  })
  transfer.kick()
  const collecting = setInterval(
    () =>
      void collect({ config, db, clock, home, logger }, { dryRun: false }).catch((error: unknown) =>
        logger.error({ cause: error }, 'recordings.gc_failed'),
      ),
    COLLECT_EVERY,
  )
  collecting.unref()

  const records = new StoredRecords({ directory, spool, home, detachedKey: keys.detached, state })
  return {
    spool,
    transfer,
    home,
    read: (row) => records.read(row),
    async events(row, options = {}) {
      const trust = { keys: trustedKeys(keys.recordingKeys), isOpen: row.state === 'open' }
      return readRecording(await records.read(row), { ...options, trust })
    },
    readDetached: (row) => records.readDetached(row),
    eraseDetached: (row) => records.eraseDetached(row),
    async stop() {
      clearInterval(collecting)
      await transfer.stop()
      await spool.stop()
    },
  }
}

/** Closes what a stop left open, and says what of it was damaged or altered. */
async function recoverRecords(
  directory: string,
  { keys, logger }: Pick<EvidenceParts, 'keys' | 'logger'>,
  state: ReturnType<typeof evidenceState>,
  audited: AuditedState,
): Promise<void> {
  const recovery = await recoverSpool(directory, {
    macKey: keys.journal,
    signer: keys.signer,
    keys: trustedKeys(keys.recordingKeys),
    expected: [...audited.journals],
    known: knownRecordings(audited),
    isAltered: audited.altered !== undefined,
  }).catch((error: unknown) => {
    throw new PamError('RECORDING_FAILED', `cannot recover the spool in ${directory} after an unclean stop`, {
      side: 'gateway',
      cause: error,
      hint: `${(error as Error).message}; nothing was modified: fix the cause and restart`,
    })
  })
  await state.recovered(recovery, audited)
  recovery.finish()
  await removeDeleted(directory, recovery, audited)
  for (const { path, tail, reason } of recovery.journals)
    if (tail !== 'whole') logger.error({ journal: path, tail, reason }, 'journal.not_whole')
  for (const found of recovery.recordings) {
    const { file } = found
    if (found.type === 'damaged')
      logger.error({ session: found.session, file, problem: found.reason }, 'recording.damaged')
    else if (found.problem !== undefined)
      logger.error({ session: found.sealed.session, file, problem: found.problem }, 'recording.altered')
  }
}

/** Of those that the chain opened or has the digest of. */
const knownRecordings = ({ recordings }: AuditedState): ReadonlyMap<string, KnownRecording> =>
  new Map(
    [...recordings]
      .filter(([, { file, sealed }]) => file !== undefined || sealed !== undefined)
      .map(([session, { file, sealed, problem }]) => [session, { file, sha256: sealed?.sha256, problem }]),
  )

/** Retention deleted it, and the stop came before it was removed here. The file is the one whose digest the audit chain has. */
async function removeDeleted(directory: string, { recordings }: Recovery, audited: AuditedState): Promise<void> {
  for (const found of recordings) {
    if (found.type !== 'sealed') continue
    const said = audited.recordings.get(found.sealed.session)
    if (said?.state !== 'deleted' || said.sealed?.sha256 !== found.sealed.sha256) continue
    for (const file of [found.file, detachedFileOf(found.file)]) await rm(join(directory, file), { force: true })
  }
}

export function openHome(config: Config): Home {
  const { home } = config.recording
  if (home === undefined) return directoryHome(join(config.dataDirectory, 'recordings'))
  if (home.type === 'directory') return directoryHome(resolve(config.baseDirectory, home.path))
  const secret = (reference: string): string => resolveSecret(reference as SecretReference, config.baseDirectory)
  return s3Home({
    ...home,
    credentials: () => ({
      accessKeyId: secret(home.accessKeyId),
      secretAccessKey: secret(home.secretAccessKey),
    }),
    serverSideEncryption: home.serverSideEncryption,
    objectLock: home.objectLock,
  })
}

export interface Collected {
  readonly session: string
  readonly target: string
  readonly rule: string
  readonly openedAt: number
  readonly bytes: number
  /** Kept although its time is over. */
  readonly held: boolean
  /** The home keeps it for now, under object lock. */
  retained?: string
  /** Why the home did not delete it. */
  problem?: string
}

/** Deletes stored records whose time is over by the first rule that matches their target. */
export async function collect(
  {
    config,
    db,
    clock,
    home,
    logger,
  }: Pick<EvidenceParts, 'config' | 'db' | 'clock'> & { readonly home: Home; readonly logger?: Logger },
  { dryRun }: { readonly dryRun: boolean },
): Promise<Collected[]> {
  const { recording, targets } = config()
  const state = evidenceState(db, clock)
  const collected: Collected[] = []
  if (recording.retention.length === 0) return collected
  // The clock of the system, which is never later than the gateway's: what is deleted does not come back.
  const now = Date.now()
  const before = now - Math.min(...recording.retention.map(({ keep }) => keep))
  let after: { openedAt: number; sessionId: string } | undefined
  for (;;) {
    const rows = await listRecordings(db.read, { state: 'stored', before }, 500, after)
    for (const row of rows) {
      // Rules by label cannot match a recording whose target's labels are unknown: it is kept.
      const target = targets.find(({ name }) => name === row.target) ?? { name: row.target, type: '', labels: {} }
      const rule = recording.retention.find((candidate) => matchesTarget(candidate.targets, target))
      if (rule === undefined || row.openedAt > now - rule.keep) continue
      const held = row.legalHold !== undefined
      const item: Collected = {
        session: row.sessionId,
        target: row.target,
        rule: rule.name,
        openedAt: row.openedAt,
        bytes: row.sealed?.bytes ?? 0,
        held,
      }
      collected.push(item)
      if (held) continue
      try {
        // Under a lock nothing is tried: a delete marker alone would hide what is still there.
        const retention = (await home.retention(row.file)) ?? (await home.retention(detachedFileOf(row.file)))
        if (retention !== undefined) {
          item.retained = describeRetention(retention)
          if (!dryRun) await state.retained(row, rule.name, retention.until)
          continue
        }
      } catch (error) {
        item.problem = (error as Error).message
        logger?.warn({ session: row.sessionId, problem: item.problem }, 'recording.not_deleted')
        continue
      }
      if (dryRun) continue
      // Said before it is done: what is gone and not in the chain was not deleted by us.
      await state.deleted(row, rule.name)
      try {
        await home.remove(detachedFileOf(row.file))
        await home.remove(row.file)
      } catch (error) {
        item.problem = (error as Error).message
        await state.notDeleted(row, item.problem)
      }
    }
    const last = rows.at(-1)
    if (last === undefined) return collected
    after = last
  }
}

const COLLECT_EVERY = 3_600_000
