import { WireError } from '../../../wire/wire-error.ts'
import { readMirror, type Ask, type AskAll, type CatalogMirror, type MirrorReading } from './catalog-mirror.ts'
import { rowsOf, SYSTEM_QUERIES, type SystemRows } from './catalog-rows.ts'
import type { CatalogRows } from './rows.ts'
import type { KnownTexts } from '../masking/definitions.ts'
import { ReadingPace } from './reading-pace.ts'
import { askForRelations, readRelations, withRelations } from './relation-reading.ts'
import { joined, seenFirst, type Seen, type Touches } from './change-log.ts'
import { SharedDefinitions } from './shared-definitions.ts'

/**
 * What the catalogs of each database say, shared by its sessions: only what has changed is read, once, whoever needs it first. What
 * is shared is committed; a transaction that has changed something keeps its own reading.
 */
export class CatalogShelf {
  readonly #places = new Map<string, CatalogPlace>()
  readonly #definitions = new Map<string, SharedDefinitions>()

  /**
   * Where the catalogs of this connection's database stand. `target` is whatever makes two connections reach the same server as the
   * same account: another server that claims to be it shares nothing but the count of changes. `state` is asked in the same round trip.
   */
  async find(target: string, state: string, ask: AskAll): Promise<Found> {
    // Counted before anything is read: a change in between makes what is read old.
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
  /** How often definitions had changed before the target was asked. */
  readonly seenChanges: number
  /** Which transactions were visible then. */
  readonly snapshot: string | undefined
  /** The row of what was asked besides. */
  readonly state: readonly (string | null)[]
}

/** The newest stays longest. What is let go is read again. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_PLACES && oldest !== undefined) map.delete(oldest)
}

/** What is committed, as it was read last. */
interface Shared {
  readonly mirror: CatalogMirror
  /** Which changes of definitions it has surely seen. */
  readonly seen: Seen
  /** When everything that had changed was read last, by `performance.now()`. */
  readonly since: number
}

/** What was read, and since when it is all that there is: of some relations it may say what was made later. */
export interface CatalogReading {
  readonly rows: CatalogRows
  readonly since: number
}

/** The same of what is committed, with which changes of definitions it has surely seen. */
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
  /** What was read of what is shared, the newest last; how many readings were forgotten before these. */
  #merged: Touches[] = []
  #forgotten = 0
  /** What whoever waits for the next reading needs of it. */
  #needed: Touches | undefined
  #next: Promise<CatalogReading> | undefined
  #running: Promise<CatalogReading> | undefined

  constructor(definitions: SharedDefinitions) {
    this.definitions = definitions
  }

  /**
   * What is committed now. Whoever asks while somebody reads waits for the next reading: that one may have begun too early. `needed`: names
   * of relations that somebody has made, where nothing else is known to have changed: then these are read, and what others have made
   * through the gateway meanwhile.
   */
  read(ask: AskAll, needed: Touches = 'anything'): Promise<CatalogReading> {
    this.#needed = joined(this.#needed, needed)
    // Whoever reads for all may hang or leave: then it is the turn of those who wait for that.
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

  /** What was read last of what is committed, by whichever session. */
  get latest(): SharedReading | undefined {
    return this.#latest
  }

  /**
   * At login: nothing need be read where no transaction can have changed anything before `snapshot`, or where it would be for the record
   * alone, and is not due. `changes`: how often definitions had changed before that was taken.
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
   * What a transaction sees that has changed something itself; nobody else sees it. `since`: what it saw before, where nothing but
   * relations with names that are `needed` is known to have changed.
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
   * Relations with these names, asked for at once, whoever else reads meanwhile. Undefined where that is not enough, or where somebody has read
   * the same meanwhile: nobody can tell which of the two readings is the later one. `seenWith`: what is seen once it is answered, of what was seen before.
   */
  async readAhead(
    names: ReadonlySet<string>,
    ask: (...queries: Parameters<AskAll>) => Promise<Awaited<ReturnType<AskAll>> | undefined>,
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

  /** Whether a transaction sees just what is committed, and was read last. */
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
      const read = await readRelations(mirror, names, ask)
      if (read !== undefined) {
        const seen = seenFirst(changes)
        // Another reading may have ended meanwhile, which knows nothing of this one.
        if (this.#shared === before) this.#merge({ mirror: read.mirror, seen, since }, names)
        return this.#share(await this.#meaning(read, mirror, since), read.mirror, seen)
      }
    }
    const since = performance.now()
    const read = await readMirror(this.#system.version, before?.mirror, oneOf(ask))
    const { mirror } = read
    const isLast = this.#shared === before || this.#shared === undefined || isLater(mirror, this.#shared.mirror)
    const seen = seenFirst(changes)
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

  /** Whether any of these was read by somebody since there were so many readings. */
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

/** What rows were made of. */
const mirrors = new WeakMap<CatalogRows, CatalogMirror>()

/** Whether what was changed past the gateway since then may be left to a later reading. */
const isRecent = (since: number | undefined): boolean => since !== undefined && performance.now() - since < RESTS_FOR

/** Undefined where it fails, or takes too long. */
const inTime = <T>(reading: Promise<T> | undefined): Promise<T | undefined> =>
  Promise.race([
    Promise.resolve(reading).catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE, undefined).unref()),
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
 * `xmin:xmax:xip`: no transaction before `xmax` was still running. Every later one, and each that runs without having shown,
 * moves `xmax` when it ends. Source: PostgreSQL manual, 9.27 System Information Functions, and GetSnapshotData in procarray.c.
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
/** Readings that are remembered by what they read. */
const MAX_MERGED = 100
/** Milliseconds that decisions rest on what was read, where nothing that they rest on was changed through the gateway and something else was. */
export const RESTS_FOR = 1000
/** Milliseconds that a session waits for what another reads. */
const PATIENCE = 1000
