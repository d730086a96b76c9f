import type { ColumnMask, MaskingPlan } from '../../masking/plan.ts'
import { partsOf, statementParts } from '../parts.ts'
import { FoundIn, grownBy } from '../growth.ts'
import { withSources, whoseSourcesInclude } from '../relation-sources.ts'
import type { SystemColumn } from '../dialect.ts'
import type { Expression, Statement } from '../query.ts'
import type { Relation, RelationCatalog, Tie, TieKind } from '../catalog.ts'
import { lineageOf } from '../lineage/read-statement.ts'
import type { Sources } from '../lineage/report.ts'
import type { WrittenTie } from '../lineage/write-target.ts'
import {
  fitOutputs,
  isMasked,
  madeOf,
  PLAIN,
  repeat,
  repeated,
  typed,
  valueOf,
  type Origin,
  type Output,
  type ReadOrders,
} from '../lineage/origin.ts'
import { type KnownCatalog, maskedIn, nameOf, mayRevealByStorage, families } from './masked-relations.ts'

/** The parsed definitions: of views by object id, of generated columns by `oid column`. */
export type DefinitionTrees = ReadonlyMap<string, Statement | undefined>

/** A session's masking plan, applied to the target's current catalogs. */
export class MaskingScope {
  readonly plan: MaskingPlan
  /** A value that may come from any masked column. */
  readonly anything: Origin
  /** What lineage asks about the names in a statement. */
  readonly sources: Omit<Sources, 'prepared'>
  readonly #known: KnownCatalog
  readonly #definitions: DefinitionTrees
  readonly #masks: ReadonlyMap<number, ReadonlyMap<number, ColumnMask>>
  readonly #tainted: ReadonlySet<number>
  readonly #columns = new Map<number, readonly Output[]>()
  readonly #answers = new Map<number, Origin>()
  /** Relations whose policies are being followed, one from another. */
  readonly #answering = new Set<number>()
  #walked = 0
  readonly #ties = new Map<number, readonly WrittenTie[]>()
  #storage: Origin | undefined
  #isRevealing: boolean | undefined
  /** Relations whose definition compares or combines a masked column with another. */
  readonly #mixing = new Set<number>()
  /** What the row order of views reveals. */
  readonly #orders = new Map<number, Origin>()
  /** What definitions of views and of generated columns reveal, by their keys. */
  readonly #revealed = new Map<string, Origin>()
  /** Depth of nested definitions that are being read. */
  #depth = 0
  /** Since the outermost relation was begun: whether a definition was nested too deep, and the relations that were read. */
  #isCut = false
  readonly #readBehind = new Set<number>()

  constructor(plan: MaskingPlan, known: KnownCatalog, definitions: DefinitionTrees) {
    this.plan = plan
    this.#known = known
    this.#definitions = definitions
    const { masks, tainted } = maskedIn(plan, known)
    this.#masks = masks
    this.#tainted = tainted
    this.anything = madeOf(plan.columns.map((column) => valueOf({ ...column, name: nameOf(column), style: 'redact' })))
    this.sources = this.#sourcesOf(known)
  }

  /** Where one column of a relation comes from, by attribute number; 0 is the whole row. */
  originAt(relationOid: number, attribute: number): Origin {
    if (this.plan.columns.length === 0) return PLAIN
    const { catalog, terms } = this.#known
    const relation = catalog.byOid.get(relationOid)
    if (attribute < 0)
      return relation === undefined ? PLAIN : this.#systemColumn(relation, terms.systemColumn(attribute))
    if (relation === undefined) return this.anything
    const columns = this.#columnsOf(relation)
    if (attribute === 0) return madeOf(columns.map(({ origin }) => origin))
    if (relation.columns.size === 0) return columns[0]?.origin ?? this.anything
    const name = [...relation.columns].find(([, number]) => number === attribute)?.[0]
    return columns.find((column) => column.name === name)?.origin ?? this.anything
  }

  #systemColumn(relation: Relation, reveals: SystemColumn): Origin {
    if (reveals === 'nothing') return PLAIN
    const row = reveals === 'position' ? this.#columnsOf(relation).map(({ origin }) => origin) : []
    return madeOf([this.#placeOf(relation), ...row])
  }

  /** Whether values of masked columns can come out of this relation, in whatever way. */
  isTainted(relation: Relation): boolean {
    if (!this.#tainted.has(relation.oid)) return false
    return !this.#known.terms.definesObjects(relation) || this.#countsParts(relation)
  }

  /** Whether it says how much is in which partition or index, and that depends on masked values. */
  #countsParts(relation: Relation): boolean {
    return this.#known.terms.isOfStorage(relation) && this.#revealsByStorage()
  }

  #revealsByStorage(): boolean {
    this.#isRevealing ??= mayRevealByStorage(this.#masks, this.#known.catalog)
    return this.#isRevealing
  }

  /** What statistics of storage reveal of masked columns: rows are kept apart by them, or indexed. */
  storage(): Origin {
    if (!this.#revealsByStorage()) return PLAIN
    this.#storage ??= madeOf(
      [...this.#known.catalog.byOid.values()].map((relation) => this.#tied(relation, 'partition', 'parts', 'partial')),
    )
    return this.#storage
  }

  /** Whether rows of this relation, or of what is behind it, are stored in places that reveal masked values. */
  isPlaced(relation: Relation): boolean {
    const all = new Set([relation])
    for (const member of all) {
      if (isMasked(this.#placeOf(member))) return true
      for (const oid of member.viewOf) {
        const source = this.#known.catalog.byOid.get(oid)
        if (source !== undefined) all.add(source)
      }
    }
    return false
  }

  #sourcesOf({ terms, dialect, catalog }: KnownCatalog): Omit<Sources, 'prepared'> {
    return {
      dialect,
      anything: this.anything,
      relation: (named) => {
        const relation = terms.find(named)
        return relation === undefined ? [repeated(this.anything)] : this.#columnsOf(relation)
      },
      mixes: (named) => {
        const relation = terms.find(named)
        if (relation !== undefined) this.#columnsOf(relation)
        return relation !== undefined && this.#mixing.has(relation.oid)
      },
      place: (named) => {
        const relation = terms.find(named)
        return relation === undefined ? this.anything : this.#placeOf(relation)
      },
      answers: (named) => {
        const relation = terms.find(named)
        if (relation === undefined) return PLAIN
        // A relation that has statistics has rows.
        if (terms.isStatistics(relation)) return this.storage()
        if (terms.countsByRows(relation)) return this.anything
        const answer = this.#answersOf(relation)
        return named.only === true ? madeOf([answer, this.#placeOf(relation)]) : answer
      },
      countingRows: (named) => {
        const relation = isMasked(this.anything) ? terms.find(named) : undefined
        return relation && terms.countingRows(relation)
      },
      part: (named) => {
        const relation = terms.find(named)
        if (relation === undefined) return PLAIN
        return named.only === true ? this.#placeOf(relation) : this.#keyOf(relation)
      },
      readOrders: (named) => {
        const relation = terms.find(named)
        return relation === undefined ? NO_ORDERS : this.#ordersOf(relation)
      },
      counted: ({ name }) => (terms.countsChanges(name) === undefined ? PLAIN : this.anything),
      countedRows: ({ name }) => (terms.countsChanges(name) === 'rows' ? this.anything : PLAIN),
      setting: (name) => (terms.isCounter(name) ? this.anything : PLAIN),
      opaque: (name, isOperator) => terms.isOpaque(name, isOperator),
      target: (named) => {
        const relation = terms.find(named)
        return relation === undefined
          ? { name: named.name, columns: [repeated(this.anything)], unique: new Set(), ties: [], generated: new Set() }
          : {
              name: relation.name,
              columns: this.#columnsOf(relation),
              unique: uniqueColumns(relation, catalog),
              ties: this.#tiesFor(relation),
              generated: new Set(relation.generated.keys()),
            }
      },
    }
  }

  #columnsOf(relation: Relation): readonly Output[] {
    const before = this.#columns.get(relation.oid)
    if (before !== undefined) return before
    if (this.#depth >= MAX_VIEWS) {
      this.#isCut = true
      return [repeated(this.anything)]
    }
    // While a definition is being read, a reference back to it may be anything, and so may one that is nested too deep.
    this.#columns.set(relation.oid, [repeated(this.anything)])
    this.#depth++
    let columns: readonly Output[] | undefined
    try {
      return (columns = this.#readColumns(relation))
    } finally {
      this.#depth--
      // Sessions share the scope: a failure for one of them must not be cached for the others.
      if (columns === undefined) this.#columns.delete(relation.oid)
      else this.#columns.set(relation.oid, columns)
      this.#readBehind.add(relation.oid)
      if (this.#depth === 0) this.#endReading(relation)
    }
  }

  /** What was nested too deep below this relation may not be on its own: it is read again on demand. */
  #endReading({ oid }: Relation): void {
    if (this.#isCut) for (const other of this.#readBehind) if (other !== oid) this.#columns.delete(other)
    this.#isCut = false
    this.#readBehind.clear()
  }

  #readColumns(relation: Relation): readonly Output[] {
    if (relation.columns.size === 0) return [repeated(this.#tainted.has(relation.oid) ? this.anything : PLAIN, true)]
    const own = this.#masks.get(relation.oid)
    const derived = this.#countingColumns(relation) ?? this.#definedColumns(relation)
    return [...relation.columns].map(([name, attribute], index) => {
      const mask = own?.get(attribute)
      const type = relation.collated?.has(name) === true ? undefined : relation.types.get(name)
      return {
        name,
        origin: mask === undefined ? typed(derived?.[index] ?? PLAIN, type) : valueOf(mask, type),
        // A view computes its columns when they are used, and a generated column may be virtual.
        fails: relation.definition !== undefined || relation.viewOf.length > 0 || relation.generated.has(name),
        exact: relation.exact.has(name),
        type,
        ...(relation.invisible?.has(name) === true ? { invisible: true } : {}),
      }
    })
  }

  /** The same where there are columns that may count changes. */
  #countingColumns(relation: Relation): readonly Origin[] | undefined {
    const { counting } = relation
    if (counting === undefined || !this.#tainted.has(relation.oid)) return undefined
    const defined = this.#definedColumns(relation)
    return [...relation.columns.keys()].map((name, index) =>
      counting.has(name) ? this.anything : (defined?.[index] ?? PLAIN),
    )
  }

  /** The origins of computed columns; undefined where there are none. */
  #definedColumns(relation: Relation): readonly Origin[] | undefined {
    const { terms } = this.#known
    const names = [...relation.columns.keys()]
    const ofStorage = this.#countsParts(relation) ? terms.storageColumns(relation) : undefined
    const harmless = terms.harmlessColumns(relation)
    if (ofStorage !== undefined || harmless !== undefined)
      return names.map((name) => {
        if (harmless?.includes(name) === false) return this.anything
        return ofStorage?.has(name) === true ? this.storage() : PLAIN
      })
    if (relation.foreign) return repeat(this.anything, names.length)
    if (!this.#tainted.has(relation.oid)) return undefined
    if (relation.generated.size > 0)
      return names.map((name) =>
        relation.generated.has(name)
          ? (this.#outputsOf(relation, generatedKey(relation, name), 1)?.[0] ?? this.anything)
          : PLAIN,
      )
    if (relation.definition === undefined) return undefined
    const origins = relation.opaque ? undefined : this.#outputsOf(relation, String(relation.oid), names.length)
    return origins ?? repeat(this.anything, names.length)
  }

  #outputsOf({ oid }: Relation, key: string, count: number): Origin[] | undefined {
    const tree = this.#definitions.get(key)
    if (tree === undefined) return undefined
    const { outputs, mixes, leaks, order = [] } = lineageOf(tree, { ...this.sources, prepared: () => undefined }, true)
    this.#orders.set(oid, madeOf(order.map(({ mask }) => valueOf(mask))))
    if (mixes === true) this.#mixing.add(oid)
    else this.#mixing.delete(oid)
    this.#revealed.set(key, madeOf(leaks.map(({ mask }) => valueOf(mask))))
    return fitOutputs(outputs, count)
  }

  /** The masked ones among columns of relations. */
  #maskedAmong(columns: readonly ColumnOf[]): Origin {
    return madeOf(
      columns.map(([oid, name]) => {
        const relation = this.#known.catalog.byOid.get(oid)
        if (relation === undefined) return PLAIN
        return this.#columnsOf(relation).find((column) => column.name === name)?.origin ?? PLAIN
      }),
    )
  }

  /** Masked columns in ties of these kinds. */
  #tied({ oid, ties }: Relation, ...kinds: readonly TieKind[]): Origin {
    return madeOf(
      ties.filter(({ kind }) => kinds.includes(kind)).map((tie) => this.#maskedAmong(columnsOfTie(oid, tie))),
    )
  }

  /** The keys that decide which rows are in this partition. */
  #keyOf(relation: Relation): Origin {
    return this.#tied(relation, 'partition')
  }

  #placeOf(relation: Relation): Origin {
    return madeOf(
      families([relation], this.#known.catalog).map((member) => this.#tied(member, 'partition', 'parts', 'clustered')),
    )
  }

  /** The ties of a relation and its relatives. */
  #everyTie(relation: Relation): { readonly of: Relation; readonly tie: Tie }[] {
    return families([relation], this.#known.catalog).flatMap((of) => of.ties.map((tie) => ({ of, tie })))
  }

  /**
   * The relations with policies that a relation reads: a view reads its tables under theirs. Undefined where a target has so many
   * dependencies that following them takes too long.
   */
  #withPolicies(relation: Relation): readonly Relation[] | undefined {
    const { catalog } = this.#known
    if (!guardedIn(catalog).has(relation.oid)) return []
    if (this.#walked > MAX_WALKED) return undefined
    const all = withSources([relation], catalog)
    this.#walked += all.length
    return all.filter(hasPolicy)
  }

  /** What decides which rows of a relation are read or may be written. */
  #answersOf(relation: Relation): Origin {
    const before = this.#answers.get(relation.oid)
    if (before !== undefined) return before
    // No server runs a policy that reads its own relation through others.
    if (this.#answering.has(relation.oid)) return this.anything
    this.#answering.add(relation.oid)
    try {
      const policies = this.#withPolicies(relation)?.flatMap((of) =>
        of.ties
          .filter(isPolicy)
          .map((tie) => madeOf([this.#maskedAmong(columnsOfTie(of.oid, tie)), this.#answersOfThose(tie)])),
      ) ?? [this.anything]
      this.#columnsOf(relation)
      const answer = madeOf([...policies, this.#shownBy(relation), this.#keyOf(relation)])
      // While definitions or policies are being read the answer is preliminary, and not cached.
      if (this.#depth === 0 && this.#answering.size === 1) this.#answers.set(relation.oid, answer)
      return answer
    } finally {
      this.#answering.delete(relation.oid)
    }
  }

  /** What decides which rows other relations have for a policy that reads them. */
  #answersOfThose({ others }: Tie): Origin {
    const relations = new Set(others.map(([oid]) => oid))
    return madeOf(
      [...relations].map((oid) => {
        const relation = this.#known.catalog.byOid.get(oid)
        return relation === undefined ? PLAIN : this.#answersOf(relation)
      }),
    )
  }

  #ordersOf(relation: Relation, above = 0): ReadOrders {
    if (!this.#tainted.has(relation.oid)) return NO_ORDERS
    const columns = this.#columnsOf(relation)
    const originOf = (name: string): Origin => columns.find((column) => column.name === name)?.origin ?? PLAIN
    const [key] = relation.indexes ?? []
    const own = (relation.indexes ?? []).map((names) => ({ columns: names, origins: names.map(originOf) }))
    return {
      key: key === undefined || key.length === 0 ? undefined : key,
      indexes: [...own, ...relation.viewOf.flatMap((oid) => this.#ordersBehind(relation, oid, above))],
      always: this.#orders.get(relation.oid) ?? PLAIN,
    }
  }

  /**
   * The orders of a view, which a server may read as its table. A column that has another name than in the table may be one of the index.
   */
  #ordersBehind(view: Relation, oid: number, above: number): ReadOrders['indexes'] {
    if (above >= MAX_VIEWS) return [{ columns: [...view.columns.keys()], origins: [this.anything] }]
    const base = this.#known.catalog.byOid.get(oid)
    if (base === undefined) return []
    const { key = [], indexes } = this.#ordersOf(base, above + 1)
    return indexes.map(({ columns, origins }) => {
      const read = new Set([...columns, ...key])
      const renamed = [...view.columns.keys()].filter((name) => !base.columns.has(name) || read.has(name))
      return { columns: [...columns, ...key, ...renamed], origins }
    })
  }

  /** What a view reveals by the rows it shows. Where it compares masked columns only with constants, it shows everybody the same rows. */
  #shownBy({ oid, definition, opaque }: Relation): Origin {
    if (definition === undefined || opaque || !this.#tainted.has(oid)) return PLAIN
    const revealed = this.#revealed.get(String(oid))
    if (revealed === undefined) return this.anything
    return this.#mixing.has(oid) ? revealed : PLAIN
  }

  /** What a write to a relation is checked against. */
  #tiesFor(relation: Relation, above = 0): readonly WrittenTie[] {
    const before = this.#ties.get(relation.oid)
    if (before !== undefined) return before
    const read = relation.viewOf.length > 0 ? this.#tiesBehind(relation, above) : this.#tiesOfTable(relation)
    if (above === 0) this.#ties.set(relation.oid, read)
    return read
  }

  /** The ties of a view, without matching its columns to those of the table. */
  #tiesBehind({ viewOf }: Relation, above: number): WrittenTie[] {
    if (above >= MAX_VIEWS) return [{ kind: 'unique', own: undefined, others: this.anything }]
    return viewOf.flatMap((oid) => {
      const base = this.#known.catalog.byOid.get(oid)
      if (base === undefined) return []
      return this.#tiesFor(base, above + 1).flatMap(({ kind, own, others }): WrittenTie[] => {
        // A tie of a single column compares only what is written to that column.
        if (own?.size === 1 && !isMasked(others)) return []
        const compared = [...(own ?? [])].map((name): ColumnOf => [base.oid, name])
        return [{ kind, own: undefined, others: madeOf([others, this.#maskedAmong(compared)]) }]
      })
    })
  }

  #tiesOfTable(relation: Relation): WrittenTie[] {
    this.#columnsOf(relation)
    const madeFrom = new Map(
      [...relation.generated.keys()].map((column) => [
        column,
        columnsIn(this.#definitions.get(generatedKey(relation, column))),
      ]),
    )
    const computed = [...madeFrom].flatMap(([column, from]): WrittenTie[] => {
      const origin = this.#revealed.get(generatedKey(relation, column))
      return origin === undefined || !isMasked(origin) ? [] : [{ kind: 'check', own: from, others: PLAIN }]
    })
    const others = this.#everyTie(relation).flatMap(({ tie: { kind, own, others: elsewhere } }): WrittenTie[] => {
      if (kind === 'policy' || kind === 'partition' || kind === 'parts' || kind === 'clustered' || kind === 'partial')
        return []
      const names = [...own].flatMap((name) => [name, ...(madeFrom.get(name) ?? [])])
      return [{ kind, own: new Set(names), others: this.#maskedAmong(elsewhere) }]
    })
    return [...computed, ...others]
  }
}

const isPolicy = ({ kind }: Tie): boolean => kind === 'policy'
const hasPolicy = ({ ties }: Relation): boolean => ties.some(isPolicy)

/** Relations that have policies around them. */
const guardedIn = (catalog: RelationCatalog): ReadonlySet<number> =>
  guarded.of(
    catalog.byOid,
    () => whoseSourcesInclude(hasPolicy, catalog),
    (before, added) => grownBy(before, added, hasPolicy),
  )
const guarded = new FoundIn<ReadonlySet<number>>()

/** Dependencies that are followed in all: less than a second of work. */
const MAX_WALKED = 4_000_000

const NO_ORDERS: ReadOrders = { key: undefined, indexes: [], always: PLAIN }

/** A column of a relation, by object id and name. */
type ColumnOf = readonly [number, string]

/** All columns of a tie of this relation. */
const columnsOfTie = (oid: number, { own, others }: Tie): ColumnOf[] => [
  ...[...own].map((name): ColumnOf => [oid, name]),
  ...others,
]

/** The key of a generated column's definition. */
const generatedKey = ({ oid }: Relation, column: string): string => `${oid} ${column}`

/** Names of the columns that the definition of a generated column computes with. */
function columnsIn(tree: Statement | undefined): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (node: Expression): void => {
    if (node.kind === 'column') names.add(String(node.path.at(-1)))
    for (const part of partsOf(node).expressions) visit(part)
  }
  if (tree !== undefined) for (const node of statementParts(tree).expressions) visit(node)
  return names
}

/** Unique columns of a table; all columns of a view, since an INSERT into it may reach unique ones. */
function uniqueColumns(relation: Relation, catalog: RelationCatalog): ReadonlySet<string> {
  const members = [relation, ...relation.related.flatMap((oid) => catalog.byOid.get(oid) ?? [])]
  if (relation.viewOf.length > 0) return new Set(relation.columns.keys())
  return new Set(members.flatMap(({ unique }) => [...unique]))
}

/** Depth of nested views: nobody has as many, and each takes stack space. */
const MAX_VIEWS = 100
