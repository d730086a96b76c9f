import { WireError } from '../../../wire/wire-error.ts'
import { readMirror, type Ask, type CatalogMirror } from './catalog-mirror.ts'
import { rowsOf, SYSTEM_QUERIES, type SystemRows } from './catalog-rows.ts'
import type { CatalogRows } from './rows.ts'
import type { KnownTexts } from '../masking/definitions.ts'
import { SharedDefinitions } from './shared-definitions.ts'

/** Runs the gateway's own queries, all in one round trip and one transaction; the rows of each. */
export type AskAll = (texts: readonly string[]) => Promise<readonly (readonly (readonly (string | null)[])[])[]>

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

export class CatalogPlace {
  readonly definitions: SharedDefinitions
  /** Parsed definitions of views and generated columns. */
  readonly texts: KnownTexts = new Map()
  #system: SystemRows | undefined
  #mirror: CatalogMirror | undefined
  #next: Promise<CatalogRows> | undefined
  #running: Promise<CatalogRows> | undefined

  constructor(definitions: SharedDefinitions) {
    this.definitions = definitions
  }

  /** What is committed now. Whoever asks while somebody reads waits for the next reading: that one may have begun too early. */
  read(ask: AskAll): Promise<CatalogRows> {
    // Whoever reads for all may hang or leave: then it is the turn of those who wait for that.
    if (this.#next !== undefined) return inTime(this.#next).then((rows) => rows ?? this.read(ask))
    const next = inTime(this.#running).then(() => {
      if (this.#next === next) this.#next = undefined
      this.#running = this.#read(ask)
      return this.#running
    })
    this.#next = next
    return next
  }

  /** At login: nothing need be read where no transaction can have changed anything before `snapshot`. */
  readUnlessQuiet(snapshot: string | undefined, ask: AskAll): Promise<CatalogRows> {
    const mirror = this.#mirror
    const isRead = mirror !== undefined && snapshot === mirror.snapshot && isQuiet(mirror.snapshot)
    return isRead && this.#system !== undefined ? rowsOf(mirror, this.#system) : this.read(ask)
  }

  /** What a transaction sees that has changed something itself; nobody else sees it. */
  async readOwn(ask: AskAll): Promise<CatalogRows> {
    if (this.#system === undefined || this.#mirror === undefined) throw new WireError('the catalogs: not read before')
    const before = this.#mirror
    const { mirror, changed } = await readMirror(this.#system.version, before, oneOf(ask))
    return rowsOf(mirror, this.#system, changed && { before, changed })
  }

  /** Whether a transaction sees just what is committed, and was read last. */
  async isUnchanged(ask: AskAll): Promise<boolean> {
    const mirror = this.#mirror
    if (mirror === undefined) return false
    const { changed } = await readMirror(mirror.version, mirror, oneOf(ask))
    return changed?.size === 0
  }

  async #read(ask: AskAll): Promise<CatalogRows> {
    const system = (this.#system ??= await readSystem(ask))
    const before = this.#mirror
    const { mirror, changed } = await readMirror(system.version, before, oneOf(ask))
    // Another reading may have ended meanwhile.
    if (this.#mirror === before || this.#mirror === undefined || isLater(mirror, this.#mirror)) this.#mirror = mirror
    return rowsOf(mirror, system, before && changed && { before, changed })
  }
}

/** Undefined where it fails, or takes too long. */
const inTime = <T>(reading: Promise<T> | undefined): Promise<T | undefined> =>
  Promise.race([
    Promise.resolve(reading).catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE, undefined).unref()),
  ])

const oneOf =
  (ask: AskAll): Ask =>
  async (text) =>
    (await ask([text]))[0] ?? []

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
/** Milliseconds that a session waits for what another reads. */
const PATIENCE = 1000
