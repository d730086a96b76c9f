import type { ColumnMask, MaskedColumns, MaskingPlan } from '../../masking/plan.ts'
import { partsOf, statementParts } from '../parts.ts'
import type { Expression, Statement } from '../query.ts'
import type { CatalogTerms, Relation, RelationCatalog, Tie, TieKind } from '../catalog.ts'
import type { Dialect } from '../dialect.ts'
import { lineageOf, type StatementSources, type WrittenTie } from '../lineage/read-statement.ts'
import {
  fitOutputs,
  isMasked,
  madeOf,
  PLAIN,
  repeat,
  spread,
  typed,
  valueOf,
  type Origin,
  type Output,
} from '../lineage/origin.ts'

/** A session's masking plan, held against what the target's catalogs say now. */
export interface MaskingScope {
  readonly plan: MaskingPlan
  /** Where one column of a relation comes from, by attribute number; 0 is the whole row. */
  originAt(relationOid: number, attribute: number): Origin
  /** Whether values of masked columns can come out of this relation. */
  isTainted(relation: Relation): boolean
  /** A value that may come from any masked column. */
  readonly anything: Origin
  readonly sources: Omit<StatementSources, 'prepared'>
  /** What statistics of storage tell of masked columns: rows are kept apart by them, or indexed. */
  storage(): Origin
  /** Whether rows of this relation, or of what is behind it, are stored in places that tell masked values. */
  isPlaced(relation: Relation): boolean
}

/** The parsed definitions: of a view by its object id, of a generated column by `oid column`. */
export type DefinitionTrees = ReadonlyMap<string, Statement | undefined>

/** Catalogs, and how the dialect that they are of reads them. */
export interface KnownCatalog {
  readonly catalog: RelationCatalog
  readonly terms: CatalogTerms
  readonly dialect: Dialect
}

export function maskingScope(plan: MaskingPlan, known: KnownCatalog, definitions: DefinitionTrees): MaskingScope {
  const { catalog, terms, dialect } = known
  const masks = columnMasks(plan, catalog)
  const anyMask: ColumnMask[] = plan.columns.map((column) => ({ ...column, name: nameOf(column), style: 'redact' }))
  const anything = madeOf(anyMask.map((mask) => valueOf(mask)))
  const tainted = taint(masks, known, plan)
  const columnsByOid = new Map<number, readonly Output[]>()
  /** Relations whose definition compares or puts together a masked column with another. */
  const mixing = new Set<number>()
  /** What definitions of views and of generated columns tell, by their keys. */
  const told = new Map<string, Origin>()
  let depth = 0
  /** Something lay too deep since the outermost relation was begun, and what was read behind others since then. */
  let isCut = false
  const readBehind = new Set<number>()

  const columnsOf = (relation: Relation): readonly Output[] => {
    const before = columnsByOid.get(relation.oid)
    if (before !== undefined) return before
    if (depth >= MAX_VIEWS) {
      isCut = true
      return [spread(anything)]
    }
    // While a definition is being read, what refers back to it may be anything. So is what lies too deep behind others.
    columnsByOid.set(relation.oid, [spread(anything)])
    depth++
    let columns: readonly Output[] | undefined
    try {
      return (columns = readColumns(relation))
    } finally {
      depth--
      // Sessions share the scope: what could not be read for one of them is no answer for the others.
      if (columns === undefined) columnsByOid.delete(relation.oid)
      else columnsByOid.set(relation.oid, columns)
      readBehind.add(relation.oid)
      if (depth === 0) endReading(relation)
    }
  }
  /** What lay too deep behind this relation does not behind itself: it is read again when somebody asks for it. */
  const endReading = ({ oid }: Relation): void => {
    if (isCut) for (const other of readBehind) if (other !== oid) columnsByOid.delete(other)
    isCut = false
    readBehind.clear()
  }
  const readColumns = (relation: Relation): readonly Output[] => {
    if (relation.columns.size === 0) return [spread(tainted.has(relation.oid) ? anything : PLAIN, true)]
    const own = masks.get(relation.oid)
    const derived = definedColumns(relation)
    return [...relation.columns].map(([name, attribute], index) => {
      const mask = own?.get(attribute)
      const type = relation.types.get(name)
      return {
        name,
        origin: mask === undefined ? typed(derived?.[index] ?? PLAIN, type) : valueOf(mask, type),
        // A view computes its columns where they are used, and a generated column may be virtual.
        fails: relation.definition !== undefined || relation.viewOf.length > 0 || relation.generated.has(name),
        exact: relation.exact.has(name),
      }
    })
  }
  const definedColumns = (relation: Relation): readonly Origin[] | undefined => {
    const count = relation.columns.size
    const ofStorage = tainted.has(relation.oid) ? terms.storageColumns(relation) : undefined
    if (ofStorage !== undefined)
      return [...relation.columns.keys()].map((name) => (ofStorage.has(name) ? storage() : PLAIN))
    const harmless = terms.harmlessColumns(relation)
    if (harmless !== undefined)
      return [...relation.columns.keys()].map((name) => (harmless.includes(name) ? PLAIN : anything))
    if (relation.foreign) return repeat(anything, count)
    if (!tainted.has(relation.oid)) return undefined
    if (relation.generated.size > 0) {
      return [...relation.columns.keys()].map((name) => {
        return relation.generated.has(name)
          ? (outputsOf(relation, `${relation.oid} ${name}`, 1)?.[0] ?? anything)
          : PLAIN
      })
    }
    if (relation.definition === undefined) return undefined
    const origins = relation.opaque ? undefined : outputsOf(relation, String(relation.oid), count)
    return origins ?? repeat(anything, count)
  }
  const outputsOf = ({ oid }: Relation, key: string, count: number): Origin[] | undefined => {
    const tree = definitions.get(key)
    if (tree === undefined) return undefined
    const { outputs, mixes, influences } = lineageOf(tree, { ...sources, prepared: () => undefined })
    if (mixes === true) mixing.add(oid)
    else mixing.delete(oid)
    told.set(key, madeOf(influences.map(({ mask }) => valueOf(mask))))
    return fitOutputs(outputs, count)
  }
  const namedOrigin = (relation: Relation, name: string): Origin =>
    columnsOf(relation).find((column) => column.name === name)?.origin ?? PLAIN
  /** Masked columns among those of any relation. */
  const maskedAmong = (columns: readonly (readonly [number, string])[]): Origin =>
    madeOf(
      columns.map(([oid, name]) => {
        const relation = catalog.byOid.get(oid)
        return relation === undefined ? PLAIN : namedOrigin(relation, name)
      }),
    )
  const everyTie = (relation: Relation): { readonly of: Relation; readonly tie: Tie }[] =>
    families([relation], catalog).flatMap((of) => of.ties.map((tie) => ({ of, tie })))
  const answers = new Map<number, Origin>()
  const answersOf = (relation: Relation): Origin => {
    const before = answers.get(relation.oid)
    if (before !== undefined) return before
    const policies = everyTie(relation)
      .filter(({ tie }) => tie.kind === 'policy')
      .map(({ of, tie }) => maskedAmong([...[...tie.own].map((name) => [of.oid, name] as const), ...tie.others]))
    columnsOf(relation)
    const answer = madeOf([...policies, shownBy(relation), keyOf(relation)])
    // Within its own definition, which is not read yet, it would be another.
    if (depth === 0) answers.set(relation.oid, answer)
    return answer
  }
  /** Masked columns in ties of these kinds. */
  const tied = ({ oid, ties }: Relation, ...kinds: readonly TieKind[]): Origin =>
    madeOf(
      ties
        .filter(({ kind }) => kinds.includes(kind))
        .map(({ own, others }) => maskedAmong([...[...own].map((name) => [oid, name] as const), ...others])),
    )
  /** The keys by which rows came into this partition. */
  const keyOf = (relation: Relation): Origin => tied(relation, 'partition')
  const placeOf = (relation: Relation): Origin =>
    madeOf(families([relation], catalog).map((member) => tied(member, 'partition', 'clustered')))
  let stored: Origin | undefined
  const storage = (): Origin => {
    if (!mayTellByStorage(masks, catalog)) return PLAIN
    return (stored ??= madeOf([...catalog.byOid.values()].map((relation) => tied(relation, 'partition', 'partial'))))
  }
  const isPlaced = (relation: Relation): boolean => {
    const all = new Set([relation])
    for (const member of all) {
      if (isMasked(placeOf(member))) return true
      for (const oid of member.viewOf) {
        const source = catalog.byOid.get(oid)
        if (source !== undefined) all.add(source)
      }
    }
    return false
  }
  /** What a view tells by which rows it shows. Compared with constants alone, a masked column leaves out the same rows for everybody. */
  const shownBy = ({ oid, definition, opaque }: Relation): Origin => {
    if (definition === undefined || opaque || !tainted.has(oid)) return PLAIN
    const answer = told.get(String(oid))
    return answer === undefined ? anything : mixing.has(oid) ? answer : PLAIN
  }
  const ties = new Map<number, readonly WrittenTie[]>()
  const tiesFor = (relation: Relation, above = 0): readonly WrittenTie[] => {
    const before = ties.get(relation.oid)
    if (before !== undefined) return before
    const read = relation.viewOf.length > 0 ? tiesBehind(relation, above) : tiesOfTable(relation)
    if (above === 0) ties.set(relation.oid, read)
    return read
  }
  /** Of a view: which of its columns is which of the table's is not looked for. */
  const tiesBehind = ({ viewOf }: Relation, above: number): WrittenTie[] => {
    if (above >= MAX_VIEWS) return [{ kind: 'unique', own: undefined, others: anything }]
    return viewOf.flatMap((oid) => {
      const base = catalog.byOid.get(oid)
      if (base === undefined) return []
      return tiesFor(base, above + 1).flatMap(({ kind, own, others }) =>
        // A column by itself is compared with what is written to it alone.
        own?.size === 1 && !isMasked(others)
          ? []
          : [
              {
                kind,
                own: undefined,
                others: madeOf([others, maskedAmong([...(own ?? [])].map((name) => [base.oid, name] as const))]),
              },
            ],
      )
    })
  }
  const tiesOfTable = (relation: Relation): WrittenTie[] => {
    columnsOf(relation)
    const madeFrom = new Map(
      [...relation.generated.keys()].map((column) => [column, columnsIn(definitions.get(`${relation.oid} ${column}`))]),
    )
    const computed = [...madeFrom].flatMap(([column, from]): WrittenTie[] => {
      const origin = told.get(`${relation.oid} ${column}`)
      return origin === undefined || !isMasked(origin) ? [] : [{ kind: 'check', own: from, others: PLAIN }]
    })
    const others = everyTie(relation).flatMap(({ tie: { kind, own, others: elsewhere } }): WrittenTie[] =>
      kind === 'policy' || kind === 'partition' || kind === 'clustered' || kind === 'partial'
        ? []
        : [
            {
              kind,
              own: new Set([...own].flatMap((name) => [name, ...(madeFrom.get(name) ?? [])])),
              others: maskedAmong(elsewhere),
            },
          ],
    )
    return [...computed, ...others]
  }
  const sources: Omit<StatementSources, 'prepared'> = {
    dialect,
    anything,
    relation(named) {
      const relation = terms.find(named)
      return relation === undefined ? [spread(anything)] : columnsOf(relation)
    },
    mixes(named) {
      const relation = terms.find(named)
      if (relation !== undefined) columnsOf(relation)
      return relation !== undefined && mixing.has(relation.oid)
    },
    place(named) {
      const relation = terms.find(named)
      return relation === undefined ? anything : placeOf(relation)
    },
    answers(named) {
      const relation = terms.find(named)
      if (relation === undefined) return PLAIN
      // Which relations have statistics says which have rows.
      if (terms.isStatistics(relation)) return storage()
      return named.only === true ? madeOf([answersOf(relation), placeOf(relation)]) : answersOf(relation)
    },
    part(named) {
      const relation = terms.find(named)
      if (relation === undefined) return PLAIN
      return named.only === true ? placeOf(relation) : keyOf(relation)
    },
    stored: ({ name }) => (terms.isStorageFunction(name) ? storage() : PLAIN),
    storage,
    opaque: (name, isOperator) => terms.isOpaque(name, isOperator),
    target(named) {
      const relation = terms.find(named)
      return relation === undefined
        ? { name: named.name, columns: [spread(anything)], unique: new Set(), ties: [], generated: new Set() }
        : {
            name: relation.name,
            columns: columnsOf(relation),
            unique: uniqueColumns(relation, catalog),
            ties: tiesFor(relation),
            generated: new Set(relation.generated.keys()),
          }
    },
  }
  return {
    plan,
    anything,
    sources,
    storage,
    isPlaced,
    isTainted: (relation) => tainted.has(relation.oid),
    originAt(oid, attribute) {
      if (plan.columns.length === 0) return PLAIN
      const relation = catalog.byOid.get(oid)
      if (attribute < 0) return relation === undefined || !terms.isPlace(attribute) ? PLAIN : placeOf(relation)
      if (relation === undefined) return anything
      const columns = columnsOf(relation)
      if (attribute === 0) return madeOf(columns.map(({ origin }) => origin))
      if (relation.columns.size === 0) return columns[0]?.origin ?? anything
      const name = [...relation.columns].find(([, number]) => number === attribute)?.[0]
      return columns.find((column) => column.name === name)?.origin ?? anything
    },
  }
}

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

/** The masks of base columns. A parent shows its children's rows and a child is a part of its parent: the same column, by name. */
function columnMasks(
  plan: MaskingPlan,
  catalog: RelationCatalog,
): ReadonlyMap<number, ReadonlyMap<number, ColumnMask>> {
  const masks = new Map<number, Map<number, ColumnMask>>()
  const all = [...catalog.byOid.values()]
  for (const column of plan.columns) {
    const relations = all.filter(
      ({ schema, name }) => fits(column.schema, schema) && fits(column.table, name.slice(schema.length + 1)),
    )
    for (const member of families(relations, catalog)) {
      for (const [name, attribute] of member.columns) {
        if (!fits(column.column, name)) continue
        const known = masks.get(member.oid) ?? new Map<number, ColumnMask>()
        if (!known.has(attribute)) known.set(attribute, { ...column, name: `${member.name}.${name}` })
        masks.set(member.oid, known)
      }
    }
  }
  return masks
}

/** Relations that masked values can be read from. */
export function taintedRelations<R extends Relation>(
  plan: MaskingPlan,
  catalog: RelationCatalog<R>,
  terms: CatalogTerms,
): R[] {
  const tainted = taint(columnMasks(plan, catalog), { catalog, terms }, plan)
  return [...catalog.byOid.values()].filter(({ oid }) => tainted.has(oid))
}

/** Columns of a plan that no relation has: a rule with a typing error would hide nothing. */
export function missingColumns(plan: MaskingPlan, catalog: RelationCatalog): string[] {
  const all = [...catalog.byOid.values()]
  return plan.columns
    .filter(
      (column) =>
        !all.some(
          ({ schema, name, columns }) =>
            fits(column.schema, schema) &&
            fits(column.table, name.slice(schema.length + 1)) &&
            [...columns.keys()].some((own) => fits(column.column, own)),
        ),
    )
    .map(nameOf)
}

const fits = (pattern: string, name: string): boolean => pattern === '*' || pattern === name
const nameOf = ({ schema, table, column }: MaskedColumns): string => `${schema}.${table}.${column}`

/** Everything that a masked value can be read from, views upon views included. */
function taint(
  masks: Masks,
  { catalog, terms }: Pick<KnownCatalog, 'catalog' | 'terms'>,
  plan: MaskingPlan,
): ReadonlySet<number> {
  const tainted = new Set<number>()
  if (plan.columns.length === 0) return tainted
  const tellsByStorage = mayTellByStorage(masks, catalog)
  for (const relation of catalog.byOid.values()) {
    const tells = terms.harmlessColumns(relation) !== undefined
    if (masks.has(relation.oid) || relation.opaque || relation.foreign || tells) tainted.add(relation.oid)
    if (tellsByStorage && terms.isOfStorage(relation)) tainted.add(relation.oid)
  }
  const shownBy = new Map<number, number[]>()
  for (const { oid, viewOf } of catalog.byOid.values())
    for (const read of viewOf) {
      const views = shownBy.get(read)
      if (views === undefined) shownBy.set(read, [oid])
      else views.push(oid)
    }
  for (const oid of tainted) for (const view of shownBy.get(oid) ?? []) tainted.add(view)
  return tainted
}

/** Whether masked columns decide where rows are stored, or whether they are in an index. */
const mayTellByStorage = (masks: Masks, catalog: RelationCatalog): boolean =>
  [...masks.keys()].some((oid) => {
    const relation = catalog.byOid.get(oid)
    return relation?.ties.some(
      ({ kind, own, others }) =>
        (kind === 'partition' || kind === 'partial') &&
        [...[...own].map((name) => [oid, name] as const), ...others].some(([of, name]) =>
          isMaskedOrMade(of, name, masks, catalog),
        ),
    )
  })

function isMaskedOrMade(oid: number, name: string, masks: Masks, catalog: RelationCatalog): boolean {
  const relation = catalog.byOid.get(oid)
  const number = relation?.columns.get(name)
  return number !== undefined && (masks.get(oid)?.has(number) === true || relation?.generated.has(name) === true)
}

type Masks = ReadonlyMap<number, ReadonlyMap<number, unknown>>

/** Unique columns of a table, or of what a view shows: an INSERT into a view reaches them, too. */
function uniqueColumns(relation: Relation, catalog: RelationCatalog): ReadonlySet<string> {
  const members = [relation, ...relation.related.flatMap((oid) => catalog.byOid.get(oid) ?? [])]
  if (relation.viewOf.length > 0) return new Set(relation.columns.keys())
  return new Set(members.flatMap(({ unique }) => [...unique]))
}

/** These and all that they are related to, of any degree. */
function families(relations: readonly Relation[], catalog: RelationCatalog): Relation[] {
  const members = new Map(relations.map((relation) => [relation.oid, relation]))
  for (const member of members.values()) {
    for (const oid of member.related) {
      const other = catalog.byOid.get(oid)
      if (other !== undefined) members.set(oid, other)
    }
  }
  return [...members.values()]
}

/** Views upon views: nobody has as many, and each takes some of the stack. */
const MAX_VIEWS = 100
