import type { SqlStatement } from '../statement.ts'
import type { Sources } from '../lineage/report.ts'
import { PLAIN, repeated } from '../lineage/origin.ts'
import type { Name } from '../query.ts'
import { keyOf } from './findings.ts'
import type { ParsedStatement } from './parsed-statement.ts'

/** The kinds of statements of a dialect that change what names refer to. */
export interface DefinitionKinds {
  /** Kinds that change the meaning of no name. */
  readonly keep: ReadonlySet<string>
  /** Kinds that neither return nor write rows, and change the meaning only of the names that they create or drop. */
  readonly plain: ReadonlySet<string>
  /** Those of them that drop what they write to. */
  readonly drop: ReadonlySet<string>
  /** The schema of the system's own tables of definitions. */
  readonly catalogs: string
}

/** What earlier statements of a text have done to the names that later ones use. */
export class Redefinitions {
  readonly #kinds: DefinitionKinds
  #anything = false
  #definitions = false
  readonly #made = new Set<string>()
  /** Unqualified names of dropped objects: another object of that name may be found in their place. */
  readonly #gone = new Set<string>()

  constructor(kinds: DefinitionKinds) {
    this.#kinds = kinds
  }

  note(statement: ParsedStatement, resolved: SqlStatement): void {
    if (!this.#mayRedefine(resolved)) return
    if (resolved.unknown.length > 0 || this.#writesCatalogs(resolved) || !this.#isPlain(statement)) {
      this.#anything = true
      return
    }
    this.#definitions = true
    if (statement.kinds.some((kind) => this.#kinds.drop.has(kind)))
      for (const named of statement.writes) {
        this.#gone.add(named.name)
        this.#made.delete(keyOf(named))
      }
    for (const named of statement.makes) this.#made.add(keyOf(named))
  }

  /** Whether a statement may mean something else than by the catalogs, which were read before the text ran. */
  maySay(statement: ParsedStatement): boolean {
    if (this.#anything) return true
    if (!this.#definitions) return false
    const makes = new Set(statement.makes.map(keyOf))
    const isGone = (named: Name): boolean => this.#gone.has(named.name) && !this.made(named) && !makes.has(keyOf(named))
    return !this.#isPlain(statement) || [...statement.reads, ...statement.writes].some(isGone)
  }

  /** Whether this is a table that the text itself created from known parts. */
  made(named: Name): boolean {
    return !this.#anything && this.#made.has(keyOf(named))
  }

  #isPlain({ kinds }: ParsedStatement): boolean {
    return kinds.every((kind) => this.#kinds.plain.has(kind))
  }

  /** Whether names may refer to something else once the statement has run. */
  #mayRedefine({ kinds, writes, unknown }: SqlStatement): boolean {
    return unknown.length > 0 || !kinds.every((kind) => this.#kinds.keep.has(kind)) || this.#writesCatalogs({ writes })
  }

  #writesCatalogs({ writes }: Pick<SqlStatement, 'writes'>): boolean {
    return writes.some((name) => name.startsWith(`${this.#kinds.catalogs}.`))
  }
}

/** A table that the text created holds no masked values yet. One that the catalogs know may be what IF NOT EXISTS found. */
export function sourcesBeside(
  redefined: Redefinitions,
  isKnown: (named: Name) => boolean,
  sources: Omit<Sources, 'prepared'>,
): Omit<Sources, 'prepared'> {
  const isNew = (named: Name): boolean => redefined.made(named) && !isKnown(named)
  return {
    ...sources,
    place: (named) => (isNew(named) ? PLAIN : sources.place(named)),
    answers: (named) => (isNew(named) ? PLAIN : sources.answers(named)),
    part: (named) => (isNew(named) ? PLAIN : sources.part(named)),
    relation: (named) => (isNew(named) ? [repeated(PLAIN)] : sources.relation(named)),
    target: (named) =>
      isNew(named)
        ? { name: named.name, columns: [repeated(PLAIN)], unique: new Set(), ties: [], generated: new Set() }
        : sources.target(named),
  }
}
