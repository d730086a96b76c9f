import type { SqlStatement } from '../../../sql/statement.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import { keyOf } from '../../../sql/facts/findings.ts'
import type { StatementSources } from '../../../sql/lineage/read-statement.ts'
import type { MaskingScope } from '../masking/scope.ts'
import { PLAIN, repeated } from '../../../sql/lineage/origin.ts'
import type { Name } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** What earlier statements of a text have done to the names that later ones use. */
export class Redefinitions {
  #anything = false
  #definitions = false
  readonly #made = new Set<string>()
  /** Last names: what else has that name is found in the place of what was dropped. */
  readonly #gone = new Set<string>()

  note(statement: ParsedStatement, resolved: SqlStatement): void {
    if (!mayRedefine(resolved)) return
    if (resolved.unknown.length > 0 || writesCatalogs(resolved) || !isPlain(statement)) {
      this.#anything = true
      return
    }
    this.#definitions = true
    if (statement.kinds.some((kind) => kind === 'drop-table' || kind === 'drop-index'))
      for (const named of statement.writes) {
        this.#gone.add(named.name)
        this.#made.delete(keyOf(named))
      }
    for (const named of statement.makes) this.#made.add(keyOf(named))
  }

  /** Whether it may say something else than the catalogs tell, which were read before the text. */
  maySay(statement: ParsedStatement): boolean {
    if (this.#anything) return true
    if (!this.#definitions) return false
    const makes = new Set(statement.makes.map(keyOf))
    const isGone = (named: Name): boolean => this.#gone.has(named.name) && !this.made(named) && !makes.has(keyOf(named))
    return !isPlain(statement) || [...statement.reads, ...statement.writes].some(isGone)
  }

  /** Whether it is a table that the text itself has made, out of parts that are known. */
  made(named: Name): boolean {
    return !this.#anything && this.#made.has(keyOf(named))
  }
}

/** A table that the text has made before holds nothing yet. One that the catalogs know may be what IF NOT EXISTS found. */
export function sourcesBeside(
  redefined: Redefinitions,
  catalog: Catalog,
  { sources }: MaskingScope,
): Omit<StatementSources, 'prepared'> {
  const isNew = (named: Name): boolean => redefined.made(named) && findRelation(catalog, named) === undefined
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

/** A definition that neither gives rows nor writes any, and lets all names stand for what they stood for but for those it makes or drops. */
const isPlain = ({ kinds }: ParsedStatement): boolean => kinds.every((kind) => PLAIN_DEFINITIONS.has(kind))

/** Whether names may stand for something else once it has run. */
const mayRedefine = ({ kinds, writes, unknown }: SqlStatement): boolean =>
  unknown.length > 0 || !kinds.every((kind) => KEEPS_DEFINITIONS.has(kind)) || writesCatalogs({ writes })

const writesCatalogs = ({ writes }: Pick<SqlStatement, 'writes'>): boolean =>
  writes.some((name) => name.startsWith('pg_catalog.'))

/**
 * Kinds of statements after which all names stand for what they stood for before. The end of a transaction is not among them: it
 * may undo definitions, or drop temporary tables.
 */
const KEEPS_DEFINITIONS = new Set(
  wordList(`
  select select-for-update insert update delete merge copy-to copy-from copy-to-file copy-from-file copy-to-program
  copy-from-program begin start savepoint release set set-role set-session-authorization set-replication-role reset show explain
  declare-cursor fetch move close-cursor prepare execute deallocate lock lock-access-share listen unlisten notify set-constraints checkpoint vacuum analyze
  truncate comment reindex cluster refresh-materialized-view
`),
)

/** What migrations send in one text. Types are not dropped here: another may be found in the place of one. */
const PLAIN_DEFINITIONS = new Set(
  wordList(`
  create-table create-index create-sequence create-type create-domain alter-table drop-column drop-partition drop-table drop-index comment
`),
)
