import { PamError } from '../../../../shared/errors.ts'
import { missingColumns } from '../../../../sql/masking/masked-relations.ts'
import type { DefinitionTrees } from '../../../../sql/masking/masking-scope.ts'
import type { Session } from '../../../../gateway/engine.ts'
import { buildCatalog, isPrepared, prepareCatalog } from '../../catalog/build-catalog.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import {
  MAX_READING_AGE_MS,
  type CatalogPlace,
  type CatalogReading,
  type SharedReading,
} from '../../catalog/catalog-shelf.ts'
import type { AskAll } from '../../catalog/catalog-mirror.ts'
import type { CatalogRows } from '../../catalog/rows.ts'
import { joined, seenFirst, strongest, type ChangedBy, type Seen, type Touches } from '../../catalog/change-log.ts'
import type { Participant } from '../../catalog/shared-definitions.ts'
import type { SqlParser } from '../../dialect/sql-parser.ts'
import { readDefinitions } from '../../masking/definitions.ts'
import { maskingScope, type MaskingScope } from '../../masking/scope.ts'
import type { PostgresTarget } from '../../target.ts'
import { OwnQueryFailed, ownQueries, shieldedQueries, type ShieldedPort } from './gateway-query.ts'
import type { OwnRows } from './pending.ts'
import { SettingsViews } from './settings-views.ts'

/** What a session knew of definitions at login, and where it reads more of them. */
export interface KnownParts {
  readonly parser: SqlParser
  readonly catalog: CatalogRows
  readonly searchPath: readonly string[]
  readonly trees: DefinitionTrees
  readonly place: CatalogPlace
  readonly seen: Seen
  /** When all changes in the catalogs were last read, by `performance.now()`. */
  readonly readAt: number
}

/** The connection that the catalogs are read on, as other sessions see it. */
export interface ReadingPort extends ShieldedPort, Participant {
  readonly session: Session<PostgresTarget>
  /** Whether the open transaction may have changed definitions. */
  readonly hasUncommitted: boolean
}

/** Reads on a separate connection, for a transaction that does not see what is committed. */
export type OnSeparateConnection = <T>(read: (ask: AskAll) => Promise<T>) => Promise<T>

/** One session's knowledge of the target's definitions: its last reading of the catalogs, and what must be read again since. */
export class KnownDefinitions {
  catalog: Catalog
  masking: MaskingScope
  /** The number of times they were read again. */
  generation = 0
  /** Why the catalogs cannot be relied on: they could not be read, or the transaction sees an earlier state. */
  uncertain: string | undefined
  /** Whether this transaction changed a setting that names depend on: its end may restore the setting. */
  namesMoved = false
  readonly settingsViews: SettingsViews

  readonly #port: ReadingPort
  readonly #parser: SqlParser
  readonly #place: CatalogPlace
  readonly #aside: OnSeparateConnection
  #rows: CatalogRows
  /** What this session knows to be old, in addition to what all sessions know. */
  #stale: Touches | undefined
  #staleBy: ChangedBy | undefined
  /** The number of changes of definitions when that was noted. */
  #staleAt = 0
  #readAt: number
  #pathMoved = false
  /** The number of changes that only this session has noted. */
  #ownChanges = 0
  /** Whether some definitions could not be read because they were being changed. */
  #lacks: boolean
  #seen: Seen
  /** The number of changes, and the reading, from before any message was sent that may have begun the transaction. */
  #changesBefore: number
  #rowsBefore: CatalogRows

  constructor(port: ReadingPort, parts: KnownParts, aside: OnSeparateConnection) {
    this.#port = port
    this.#parser = parts.parser
    this.#place = parts.place
    this.#aside = aside
    this.#seen = parts.seen
    this.#readAt = parts.readAt
    this.#rows = parts.catalog
    this.settingsViews = new SettingsViews(port, parts.place.definitions)
    this.#changesBefore = parts.seen.changes
    this.#rowsBefore = parts.catalog
    const { masking, config, logger } = port.session
    this.catalog = buildCatalog(parts.catalog, config.safeFunctions, parts.searchPath)
    this.masking = maskingScope(masking, this.catalog, parts.trees)
    this.#lacks = lacksAny(parts.trees)
    // A rule with a typing error would mask nothing: the administrator must see it.
    for (const column of missingColumns(masking, this.catalog)) logger.warn({ column }, 'masking.column_missing')
  }

  /** Whether definitions may have changed since the catalogs were read, by this session or another one through this gateway. */
  get isStale(): boolean {
    return this.renewed !== undefined
  }

  /** What a decision must not rest on before the catalogs are read again; undefined: it may rest on anything. */
  get renewed(): Touches | undefined {
    return this.#place.definitions.mayChangeNow(this.#port) ? 'anything' : this.noted
  }

  /** The same, for changes that were noted. */
  get noted(): Touches | undefined {
    if (this.#pathMoved) return 'anything'
    const renewed = joined(this.#stale, this.#place.definitions.renewedSince(this.#seen))
    if (renewed === undefined) return undefined
    // Changes that do not pass the gateway are noticed sooner or later, along with those that do.
    return this.#lacks || performance.now() - this.#readAt > MAX_READING_AGE_MS ? 'anything' : renewed
  }

  /** What has changed since the last reading by defining statements. */
  get redefined(): Touches | undefined {
    if (this.#pathMoved) return 'anything'
    const own = this.#staleBy === 'definition' ? this.#stale : undefined
    return joined(own, this.#place.definitions.definedSince(this.#seen))
  }

  /** The other cause by which something may have changed since. */
  get mayHaveChanged(): ChangedBy | undefined {
    const { definitions } = this.#place
    if (definitions.mayChangeNow(this.#port)) return 'code'
    const elsewhere = definitions.mayHaveChangedSince(this.#seen)
    return this.#staleBy === undefined ? elsewhere : strongest(this.#staleBy, elsewhere ?? 'unread')
  }

  /** Whether the last reading is less than a second old, and names are looked up in the current search path. */
  get isReadLately(): boolean {
    return !this.#pathMoved && performance.now() - this.#readAt <= MAX_READING_AGE_MS
  }

  /** Whether it is time for the next reading, if only the record rests on it. */
  get isDueForRecord(): boolean {
    return !this.isReadLately && this.#place.pace.isDue
  }

  /** Whether names are looked up differently from when the catalogs were read. */
  get isPathMoved(): boolean {
    return this.#pathMoved
  }

  /** A number that grows with every change that is noted here or in another session, and with every reading. */
  get changes(): number {
    return this.#place.definitions.changes + this.#ownChanges + this.generation
  }

  /** Notes what this session must read again, whatever the others do. */
  noteStale(renews: Touches, by: ChangedBy = 'definition'): void {
    this.#ownChanges++
    this.#stale = joined(this.#stale, renews)
    this.#staleAt = this.#place.definitions.changes
    this.#staleBy = strongest(by, this.#staleBy ?? by)
  }

  /** Notes that a setting that names depend on changes, in this session only; and again when the transaction ends. */
  notePathChange(): void {
    this.#ownChanges++
    this.#pathMoved = true
    this.namesMoved = true
  }

  /** Notes that a message may end the transaction, or roll it back to a savepoint: a setting that it has changed changes again. */
  noteEnd(): void {
    if (!this.namesMoved) return
    this.#ownChanges++
    this.#pathMoved = true
  }

  /** Notes that a message may begin a transaction. */
  noteBeginning(): void {
    this.#changesBefore = this.#place.definitions.changes
    this.#rowsBefore = this.#rows
  }

  /** For the record only: takes over a later reading of another session, unless it lacks a change of this session. */
  adopt(): void {
    const { latest } = this.#place
    const { status, batchOpen, session } = this.#port
    if (latest === undefined || status !== 'I' || batchOpen) return
    if (latest.seen.changes <= Math.max(this.#seen.changes, this.#stale === undefined ? 0 : this.#staleAt)) return
    if (!isPrepared(latest.rows, session.config.safeFunctions)) return
    this.#stale = undefined
    this.#staleBy = undefined
    this.#seen = latest.seen
    this.#use(latest, this.catalog.searchPath, NO_TREES)
  }

  /** For the record only: reads the current search path, in which names are looked up in the last reading. */
  async readPath(): Promise<void> {
    try {
      const [state] = await ownQueries(this.#port, [STATE])
      this.#pathMoved = false
      this.#use({ rows: this.#rows, since: this.#readAt }, namesOf(state?.[0]?.[0]), NO_TREES)
    } catch (error) {
      if (!(error instanceof OwnQueryFailed)) throw error
      await this.refresh(false)
    }
  }

  #use({ rows, since }: CatalogReading, searchPath: readonly string[], trees: DefinitionTrees): void {
    const { masking, config } = this.#port.session
    this.#rows = rows
    this.#readAt = since
    this.catalog = buildCatalog(rows, config.safeFunctions, searchPath)
    this.masking = maskingScope(masking, this.catalog, trees)
    this.#lacks = lacksAny(trees)
    this.generation++
  }

  /**
   * Reads the catalogs again, between the client's statements; with `all`, all changes, even if only relations are known to have been
   * created. Where reading fails, everything that rests on it is uncertain; the session continues.
   */
  async refresh(all: boolean): Promise<void> {
    const { definitions } = this.#place
    const changes = definitions.changes
    const isKnown = !all && !this.#pathMoved && !this.#lacks && !definitions.mayChangeNow(this.#port)
    const renewed = isKnown ? joined(this.#stale, definitions.renewedSince(this.#seen)) : undefined
    const old: Old =
      renewed === undefined ? EVERYTHING : { here: renewed, inShared: this.#stale ?? NOTHING_BUT_WHAT_IS_NOTED }
    this.#stale = undefined
    this.#staleBy = undefined
    this.#pathMoved = false
    this.uncertain = undefined
    const { config, logger } = this.#port.session
    try {
      const read = await this.#place.pace.keep(async () => {
        const found = await this.#read(changes, old)
        await prepareCatalog(found.rows, config.safeFunctions)
        return found
      })
      this.#seen = seenFirst(changes)
      this.#use(read, read.searchPath, read.trees)
    } catch (error) {
      if (!(error instanceof OwnQueryFailed)) throw error
      logger.warn({ cause: error }, 'catalogs.not_read')
      this.noteStale('anything')
      this.#readAt = performance.now()
      this.uncertain = `the definitions could not be read (${error.sqlstate})`
      this.generation++
    }
  }

  /**
   * Whether what a statement changes can be read directly after it, outside a transaction: nothing is uncertain, or may be changing. Relations
   * can be read by their names only if nothing else is known to be old.
   */
  canReadAfter(renews: Touches): boolean {
    const { definitions } = this.#place
    if (this.#stale !== undefined || this.uncertain !== undefined || this.#pathMoved || this.#lacks) return false
    if (definitions.mayChangeNow(this.#port)) return false
    return renews === 'anything' || (this.isReadLately && definitions.renewedSince(this.#seen) !== 'anything')
  }

  /** Takes over what was read ahead, unless something else was read since its `generation`, or not all of it is known. */
  async take(read: SharedReading, searchPath: readonly string[], generation: number): Promise<void> {
    const { masking, config } = this.#port.session
    await prepareCatalog(read.rows, config.safeFunctions)
    // Other statements of the client may be in flight by now: no query can be sent.
    const trees = await readDefinitions(read.rows, masking, this.#parser, this.#place.texts, () => Promise.resolve([]))
    if (lacksAny(trees) || this.generation !== generation) return
    this.#seen = read.seen
    this.#use(read, searchPath, trees)
  }

  async #read(changes: number, { here, inShared }: Old): Promise<Read & { searchPath: readonly string[] }> {
    const port = this.#port
    if (port.status === 'I' && !port.batchOpen) return this.#readOutside(inShared)
    if (!port.batchOpen && port.hasUncommitted) {
      const own = await this.#readWithin(here)
      if (own !== undefined) return own
    }
    const [state] = await ownQueries(port, [STATE])
    const [path, transaction, isolation] = state?.[0] ?? []
    const searchPath = namesOf(path)
    const ask: AskAll = (texts) => shieldedQueries(port, texts)
    // A transaction that takes a snapshot for each statement sees what is committed now.
    const isCurrent = isolation === READ_COMMITTED
    const committed = async (by: AskAll): Promise<Read> => this.#withTrees(await this.#place.read(by, inShared), by)
    if (transaction == null) return { searchPath, ...(await (isCurrent ? committed(ask) : this.#aside(committed))) }
    const own = await this.#withTrees(await this.#place.readOwn(ask, isCurrent ? this.#toRead(here) : {}), ask)
    // The transaction's own changes are visible only in its snapshot, and what others have committed since only outside it, as long as it
    // lasts.
    const rowsBefore = this.#rowsBefore
    if (!isCurrent && this.#changesBefore !== changes && rowsBefore !== (await this.#aside(committed)).rows)
      this.uncertain = 'definitions have changed since the transaction began'
    return { searchPath, ...own }
  }

  /** What is to be read again since this session's last reading. */
  #toRead(needed: Touches): { needed: Touches; since: CatalogReading } {
    return { needed, since: { rows: this.#rows, since: this.#readAt } }
  }

  /** Outside a transaction, a reading sees what is committed now. The state is part of the first answer. */
  async #readOutside(needed: Touches): Promise<Read & { searchPath: readonly string[] }> {
    const { ask, state } = this.#askWithState()
    const read = await this.#withTrees(await this.#place.read(ask, needed), ask)
    const [path] = await state()
    return { searchPath: namesOf(path), ...read }
  }

  /**
   * The same in a transaction that may have changed definitions: its own reading. Undefined if it sees an earlier state than the one in which
   * the server looks up names, which the first answer shows as well.
   */
  async #readWithin(needed: Touches): Promise<(Read & { searchPath: readonly string[] }) | undefined> {
    const { ask, state } = this.#askWithState()
    const read = await this.#withTrees(await this.#place.readOwn(ask, this.#toRead(needed)), ask)
    const [path, , isolation] = await state()
    return isolation === READ_COMMITTED ? { searchPath: namesOf(path), ...read } : undefined
  }

  /** Asks for the session's state along with the first queries; on its own if there were none, as another session may have read everything. */
  #askWithState(): { ask: AskAll; state: () => Promise<OwnRows[number]> } {
    const port = this.#port
    let state: OwnRows | undefined
    return {
      async ask(texts) {
        if (state !== undefined) return shieldedQueries(port, texts)
        const [first, ...answers] = await shieldedQueries(port, texts, STATE_VALUES)
        state = first
        return answers
      },
      async state() {
        state ??= (await ownQueries(port, [STATE]))[0]
        return state?.[0] ?? []
      },
    }
  }

  async #withTrees({ rows, since }: CatalogReading, ask: AskAll): Promise<Read> {
    const one = async (sql: string) => (await ask([sql]))[0] ?? []
    return {
      rows,
      since,
      trees: await readDefinitions(rows, this.#port.session.masking, this.#parser, this.#place.texts, one),
    }
  }
}

const NO_TREES: DefinitionTrees = new Map()
/** Of the isolation levels, the one that takes a snapshot for each statement; READ UNCOMMITTED is shown under its own name. */
const READ_COMMITTED = 'read committed'

/** What a reading must cover. */
interface Old {
  /** What is known to have changed since the session's last reading. */
  readonly here: Touches
  /** What is known to have changed since the last reading that sessions share, besides the changes that all of them know. */
  readonly inShared: Touches
}
const EVERYTHING: Old = { here: 'anything', inShared: 'anything' }
const NOTHING_BUT_WHAT_IS_NOTED: Touches = new Set()
const lacksAny = (trees: DefinitionTrees): boolean => [...trees.values()].includes(undefined)

interface Read extends CatalogReading {
  readonly trees: DefinitionTrees
}

/** Values under the client's own settings: its search path, the id of the transaction if it has written, and its isolation level. */
export const STATE_VALUES = `pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text, pg_catalog.txid_current_if_assigned()::pg_catalog.text, pg_catalog.current_setting('transaction_isolation')`
export const STATE = `select ${STATE_VALUES}`

/** The names of a search path, as JSON. */
export function namesOf(text: string | null | undefined): string[] {
  const names: unknown = text == null ? undefined : JSON.parse(text)
  if (!Array.isArray(names))
    throw new PamError('PROTOCOL_VIOLATION', 'the target has no search path', { side: 'upstream' })
  return names.map(String)
}
