import { WireError } from '../../../wire/wire-error.ts'
import {
  askForChanges,
  readMirror,
  withChanges,
  type Ask,
  type AskAll,
  type CatalogMirror,
  type MirrorReading,
} from './catalog-mirror.ts'
import { rowsOf, SYSTEM_QUERIES, type SystemRows } from './catalog-rows.ts'
import type { CatalogRows } from './rows.ts'
import type { KnownTexts } from '../masking/definitions.ts'
import { ReadingPace } from './reading-pace.ts'
import { askForRelations, readRelations, withRelations } from './relation-reading.ts'
import { joined, seenFirst, type Seen, type Touches } from './change-log.ts'
import { SharedDefinitions } from './shared-definitions.ts'

/**
 * The catalogs of each database, shared by its sessions: only changes are read, once, by the first session that needs them. Only committed
 * definitions are shared; a transaction that has changed some keeps its own reading.
 */
export class CatalogShelf {
  readonly #places = new Map<string, CatalogPlace>()
  readonly #definitions = new Map<string, SharedDefinitions>()

  /**
   * The catalogs of this connection's database. `target` is the same for connections that reach the same server as the same account:
   * another server that pretends to be it shares only the count of changes. `state` is queried in the same round trip.
   */
  async find(target: string, state: string, ask: AskAll): Promise<Found> {
    // Counted before anything is read: a change in between makes the reading old.
    const counts = new Map([...this.#definitions.values()].map((definitions) => [definitions, definitions.changes]))
    const [identity, snapshot, said] = await ask([IDENTITY, SNAPSHOT, state])
    const [started, database] = identity?.[0] ?? []
    if (started == null || database == null) throw new WireError('the catalogs: no state of theirs')
    const server = JSON.stringify([started, database])
    const key = JSON.stringify([target, server])
    const definitions = this.#definitions.get(server) ?? new SharedDefinitions()
    keep(this.#definitions, server, definitions)
    const place = this.#places.get(key) ?? new CatalogPlace(definitions)
    keep(this.#places, key, place)
    return {
      place,
      seenChanges: counts.get(definitions) ?? 0,
      snapshot: snapshot?.[0]?.[0] ?? undefined,
      state: said?.[0] ?? [],
    }
  }
}

export interface Found {
  readonly place: CatalogPlace
  /** The number of changes of definitions before the target was asked. */
  readonly seenChanges: number
  /** The transactions that were visible then. */
  readonly snapshot: string | undefined
  /** The row of the additional query. */
  readonly state: readonly (string | null)[]
}

/** Keeps the newest entries. A removed one is read again. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_PLACES && oldest !== undefined) map.delete(oldest)
}

/** The committed definitions, as they were last read. */
interface Shared {
  readonly mirror: CatalogMirror
  /** The changes of definitions that it has certainly seen. */
  readonly seen: Seen
  /** When all changes were last read, by `performance.now()`. */
  readonly since: number
}

/** A reading, and the time up to which it is complete: some relations in it may be newer. */
export interface CatalogReading {
  readonly rows: CatalogRows
  readonly since: number
}

/** The same for committed definitions, with the changes that it has certainly seen. */
export interface SharedReading extends CatalogReading {
  readonly seen: Seen
}

export class CatalogPlace {
  readonly definitions: SharedDefinitions
  readonly pace = new ReadingPace()
  /** Parsed definitions of views and generated columns. */
  readonly texts: KnownTexts = new Map()
  #system: SystemRows | undefined
  #shared: Shared | undefined
  #latest: SharedReading | undefined
  /** What the shared readings covered, the newest last; and the number of readings forgotten before these. */
  #merged: Touches[] = []
  #forgotten = 0
  /** What the sessions that wait for the next reading need of it. */
  #needed: Touches | undefined
  #next: Promise<CatalogReading> | undefined
  #running: Promise<CatalogReading> | undefined

  constructor(definitions: SharedDefinitions) {
    this.definitions = definitions
  }

  /**
   * The definitions that are committed now. A session that asks during a reading waits for the next one, because the current one may have
   * begun too early. `needed`: names of relations that were created, if nothing else is known to have changed: then only these are read,
   * and those that other sessions have created through the gateway meanwhile; nothing at all if other sessions have read these.
   */
  read(ask: AskAll, needed: Touches = 'anything'): Promise<CatalogReading> {
    this.#needed = joined(this.#needed, needed)
    // The session that reads for all may hang or end: then one of the waiting sessions reads.
    if (this.#next !== undefined) return inTime(this.#next).then((read) => read ?? this.read(ask, needed))
    const next = inTime(this.#running).then(() => {
      if (this.#next === next) this.#next = undefined
      const all = this.#needed ?? needed
      this.#needed = undefined
      this.#running = this.#read(ask, all)
      return this.#running
    })
    this.#next = next
    return next
  }

  /** The last reading of the committed definitions, by any session. */
  get latest(): SharedReading | undefined {
    return this.#latest
  }

  /**
   * At login nothing need be read if no transaction can have changed anything before `snapshot`, or if the reading would only serve the
   * record and is not due. `changes`: the number of changes of definitions before the snapshot was taken.
   */
  async readAtLogin(
    { snapshot, seenChanges }: Pick<Found, 'snapshot' | 'seenChanges'>,
    isForRecord: boolean,
    ask: AskAll,
  ): Promise<SharedReading> {
    const began = performance.now()
    const mirror = this.#shared?.mirror
    if (mirror !== undefined && this.#system !== undefined && snapshot === mirror.snapshot && isQuiet(mirror.snapshot))
      return { rows: await rowsOf(mirror, this.#system), since: began, seen: seenFirst(seenChanges) }
    if (isForRecord && !this.definitions.areReliedOn && this.#latest !== undefined && !this.pace.isDue)
      return this.#latest
    const { rows } = await this.pace.keep(() => this.read(ask))
    return { rows, since: began, seen: seenFirst(seenChanges) }
  }

  /**
   * The definitions in a transaction that has changed some; other sessions do not see them. `since`: its previous reading, if only
   * relations with names in `needed` are known to have changed.
   */
  async readOwn(
    ask: AskAll,
    { needed = 'anything', since }: { readonly needed?: Touches; readonly since?: CatalogReading } = {},
  ): Promise<CatalogReading> {
    if (this.#system === undefined || this.#shared === undefined) throw new WireError('the catalogs: not read before')
    const own = since && mirrors.get(since.rows)
    if (needed !== 'anything' && own !== undefined && isRecent(since?.since)) {
      const read = await readRelations(own, needed, ask)
      if (read !== undefined) return this.#meaning(read, own, since?.since ?? 0)
    }
    const now = performance.now()
    const before = this.#shared.mirror
    return this.#meaning(await readMirror(this.#system.version, before, oneOf(ask)), before, now)
  }

  /**
   * Reads all changes at once, even during another reading. Undefined if one query is not enough. `withKeys`: the catalogs from which rows
   * may have been removed; `seen`: the changes that are seen once it is answered.
   */
  async readAllAhead(
    withKeys: (name: string) => boolean,
    ask: AskAhead,
    seen: () => Seen,
  ): Promise<SharedReading | undefined> {
    const before = this.#shared
    if (before === undefined) return undefined
    const small = [...before.mirror.tables].filter(([name, rows]) => rows.size <= MAX_KEYS && withKeys(name))
    const query = askForChanges(
      before.mirror,
      small.map(([name]) => name),
    )
    if (query === undefined) return undefined
    const since = performance.now()
    const answers = await ask([query])
    const read = answers && withChanges(before.mirror, answers[0] ?? [])
    if (read === undefined || read === 'nothing to go by' || read.missing.size > 0) return undefined
    return this.#shareAll(read, before, { since, seen: seen() })
  }

  /**
   * Reads relations with these names at once, even during another reading. Undefined if that is not enough, or if another session has read
   * some of the same meanwhile: it is unknown which of the two readings is later. `seenWith`: the changes that are seen once it is
   * answered, given those seen before.
   */
  async readAhead(
    names: ReadonlySet<string>,
    ask: AskAhead,
    seenWith: (before: Seen) => Seen,
  ): Promise<SharedReading | undefined> {
    const queries = this.#shared && askForRelations(this.#shared.mirror.version, names)
    if (queries === undefined) return undefined
    const count = this.#forgotten + this.#merged.length
    const answers = await ask(queries)
    const before = this.#shared
    if (answers === undefined || before === undefined || this.#isMergedSince(count, names)) return undefined
    const read = withRelations(before.mirror, names, answers)
    if (read === undefined) return undefined
    const { mirror } = read
    const { since } = before
    const seen = seenWith(before.seen)
    this.#merge({ mirror, seen, since }, names)
    return this.#share(await this.#meaning(read, before.mirror, since), mirror, seen)
  }

  /** Whether a transaction sees exactly what is committed and was last read. */
  async isUnchanged(ask: AskAll): Promise<boolean> {
    const mirror = this.#shared?.mirror
    if (mirror === undefined) return false
    const { changed } = await readMirror(mirror.version, mirror, oneOf(ask))
    return changed?.size === 0
  }

  async #read(ask: AskAll, needed: Touches): Promise<CatalogReading> {
    this.#system ??= await readSystem(ask)
    const { changes } = this.definitions
    const before = this.#shared
    const names = before && joined(needed, this.definitions.renewedSince(before.seen))
    if (before !== undefined && names !== undefined && names !== 'anything' && isRecent(before.since)) {
      const { mirror, since } = before
      if (names.size === 0) return { rows: await rowsOf(mirror, this.#system), since }
      const read = await readRelations(mirror, names, ask)
      if (read !== undefined) {
        const seen = seenFirst(changes)
        // Another reading may have ended meanwhile, without the relations of this one.
        if (this.#shared === before) this.#merge({ mirror: read.mirror, seen, since }, names)
        return this.#share(await this.#meaning(read, mirror, since), read.mirror, seen)
      }
    }
    const since = performance.now()
    const read = await readMirror(this.#system.version, before?.mirror, oneOf(ask))
    return this.#shareAll(read, before, { since, seen: seenFirst(changes) })
  }

  /** A complete reading, which differs from what was read before. */
  async #shareAll(
    read: MirrorReading,
    before: Shared | undefined,
    { since, seen }: Pick<Shared, 'since' | 'seen'>,
  ): Promise<SharedReading> {
    const { mirror } = read
    const isLast = this.#shared === before || this.#shared === undefined || isLater(mirror, this.#shared.mirror)
    if (isLast) this.#merge({ mirror, seen, since }, 'anything')
    return this.#share(await this.#meaning(read, before?.mirror, since), mirror, seen)
  }

  #share(read: CatalogReading, mirror: CatalogMirror, seen: Seen): SharedReading {
    const reading = { ...read, seen }
    if (this.#shared?.mirror === mirror) this.#latest = reading
    return reading
  }

  #merge(shared: Shared, read: Touches): void {
    this.#shared = shared
    this.#merged.push(read)
    if (this.#merged.length <= 2 * MAX_MERGED) return
    this.#forgotten += this.#merged.length - MAX_MERGED
    this.#merged = this.#merged.slice(-MAX_MERGED)
  }

  /** Whether any of these has been read since there were `count` readings. */
  #isMergedSince(count: number, names: ReadonlySet<string>): boolean {
    if (count < this.#forgotten) return true
    return this.#merged
      .slice(count - this.#forgotten)
      .some((read) => read === 'anything' || [...read].some((name) => names.has(name)))
  }

  async #meaning(
    { mirror, changed }: MirrorReading,
    before: CatalogMirror | undefined,
    since: number,
  ): Promise<CatalogReading> {
    const rows = await rowsOf(mirror, this.#system as SystemRows, before && changed && { before, changed })
    mirrors.set(rows, mirror)
    return { rows, since }
  }
}

/** Asks in one round trip, after what was sent before; undefined: the answer is not one to these queries. */
type AskAhead = (...queries: Parameters<AskAll>) => Promise<Awaited<ReturnType<AskAll>> | undefined>

/** The mirror that rows were derived from. */
const mirrors = new WeakMap<CatalogRows, CatalogMirror>()

/** Whether changes since then that did not pass the gateway may be left to a later reading. */
const isRecent = (since: number | undefined): boolean =>
  since !== undefined && performance.now() - since < MAX_READING_AGE_MS

/** Undefined if the reading fails or takes too long. */
const inTime = <T>(reading: Promise<T> | undefined): Promise<T | undefined> =>
  Promise.race([
    Promise.resolve(reading).catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(resolve, SHARED_READING_WAIT_MS, undefined).unref()),
  ])

const oneOf =
  (ask: AskAll): Ask =>
  async (query) =>
    (await ask([query]))[0] ?? []

async function readSystem(ask: AskAll): Promise<SystemRows> {
  const [version, relations, functions, results] = await ask(Object.values(SYSTEM_QUERIES))
  const number = Number(version?.[0]?.[0])
  if (!Number.isInteger(number)) throw new WireError('the catalogs: of no version')
  return { version: number, relations: relations ?? [], functions: functions ?? [], results: results ?? [] }
}

/**
 * `xmin:xmax:xip`: no transaction before `xmax` was still running. Every later one, and every running one without a visible id, moves
 * `xmax` when it ends. Source: PostgreSQL manual, 9.27 System Information Functions, and GetSnapshotData in procarray.c.
 */
function isQuiet(snapshot: string): boolean {
  const [xmin, xmax] = snapshot.split(':')
  return xmin !== undefined && xmin === xmax
}

const isLater = (one: CatalogMirror, other: CatalogMirror): boolean => xmaxOf(one) >= xmaxOf(other)
const xmaxOf = ({ snapshot }: CatalogMirror): bigint => BigInt(snapshot.split(':')[1] ?? 0)

const IDENTITY = `select pg_catalog.pg_postmaster_start_time()::pg_catalog.text, d.oid::pg_catalog.text from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()`
const SNAPSHOT = `select pg_catalog.txid_current_snapshot()::pg_catalog.text`
const MAX_PLACES = 100
/** The number of rows of a catalog whose keys are given without being known to be needed. */
const MAX_KEYS = 2000
/** The number of readings whose coverage is remembered. */
const MAX_MERGED = 100
/**
 * Milliseconds for which decisions may rely on a reading, if nothing that they rest on was changed through the gateway but something else
 * was.
 */
export const MAX_READING_AGE_MS = 1000
/** Milliseconds for which a session waits for the reading of another. */
const SHARED_READING_WAIT_MS = 1000
