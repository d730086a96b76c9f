import { CalledCode } from './called-code.ts'
import { decidingParts } from './deciding-parts.ts'
import { isList, isNode, TreeError, type TreeNode, type TreeValue } from './node-tree.ts'
import { compares, ENTRY_TAGS, entryAt, kindOf, leavesOf, listOf, numberOf } from './query-nodes.ts'

/** `relation.attribute`, by object id and number; 0 is the whole row, a negative number a system column. */
export type ColumnId = `${number}.${number}`

/** What one statement reads, calls and returns according to the server's tree, before views and rules are expanded. */
export interface ServerReading {
  /** The relations that are named, and whether they are written to. */
  readonly relations: ReadonlyMap<number, 'read' | 'write'>
  /** The kinds of the statement, its subqueries and common table expressions. */
  readonly kinds: ReadonlySet<string>
  /** Functions that are called, including those behind operators and casts; `named`: the text names the function itself. */
  readonly functions: ReadonlyMap<number, 'named' | 'implied'>
  /** Operators that are not built in. */
  readonly operators: ReadonlySet<number>
  /** Operator families that are not built in. */
  readonly families: ReadonlySet<number>
  /** Operator classes and sampling methods that are not built in. */
  readonly methods: ReadonlySet<number>
  /** Types of constants and conversions that are not built in. */
  readonly types: ReadonlySet<number>
  /** For each column of the result, the columns that it is made of. */
  readonly outputs: readonly ReadonlySet<ColumnId>[]
  /** Every column that is referenced anywhere. */
  readonly columns: ReadonlySet<ColumnId>
  /** The columns that determine which rows there are, and their order. */
  readonly deciding: ReadonlySet<ColumnId>
}

/**
 * Reads a QUERY. Every node of the tree is visited, whatever its tag, so that no function or relation is missed in an unknown version; what
 * a column is made of is traced through the few nodes that columns pass through.
 */
export function readQueryTree(root: TreeNode): ServerReading {
  if (root.tag !== 'QUERY') throw new TreeError('it is not a query')
  const reader = new QueryReader()
  const outputs = reader.read(root)
  const { functions, operators, families, methods, types } = reader.code
  return { ...reader.found, functions, operators, families, methods, types, outputs }
}

interface Scope {
  readonly query: TreeNode
  readonly outer: Scope | undefined
}

type Columns = ReadonlySet<ColumnId>

const NONE: Columns = new Set()

class QueryReader {
  readonly found = {
    relations: new Map<number, 'read' | 'write'>(),
    kinds: new Set<string>(),
    columns: new Set<ColumnId>(),
    deciding: new Set<ColumnId>(),
  }
  readonly code = new CalledCode()
  #steps = 0
  /** The outputs of queries that have been traced; and what is known so far of those that are being traced. */
  readonly #outputs = new Map<TreeNode, readonly Columns[]>()
  readonly #open = new Map<TreeNode, readonly Columns[]>()
  /** Of those that are being traced, the ones that a query within them refers back to. */
  #recurs = new Set<TreeNode>()

  read(root: TreeNode): readonly Columns[] {
    const scope: Scope = { query: root, outer: undefined }
    this.#visit(root, scope)
    return this.#outputsOf(scope)
  }

  /** Collects what a node and everything in it calls and names. */
  #visit(node: TreeNode, scope: Scope, isBuilt = false): void {
    if (node.tag === 'QUERY') this.#visitQuery(node, scope)
    if (ENTRY_TAGS.has(node.tag)) this.#visitEntry(node)
    if (node.tag === 'VAR') this.#visitVar(node, scope)
    this.code.take(node, isBuilt)
    for (const [name, value] of node.fields) {
      // The names of a join's columns do not mean that they are used; EXCLUDED lists all columns.
      if (name === 'joinaliasvars' || name === 'exclRelTlist') continue
      if (node.tag === 'JSONCONSTRUCTOREXPR' && name === 'func' && isNode(value)) this.#visit(value, scope, true)
      else this.#visitValue(value, scope)
    }
  }

  #visitValue(value: TreeValue, scope: Scope): void {
    if (value === null || typeof value === 'string') return
    if (isNode(value))
      this.#visit(value, value.tag === 'QUERY' && value !== scope.query ? { query: value, outer: scope } : scope)
    else for (const item of value) this.#visitValue(item, scope)
  }

  #visitQuery(query: TreeNode, scope: Scope): void {
    const kind = kindOf(query)
    this.found.kinds.add(kind)
    if (listOf(query, 'rowMarks').length > 0) this.found.kinds.add('select-for-update')
    const target = numberOf(query, 'resultRelation')
    if (target > 0) {
      const oid = numberOf(entryAt(query, target), 'relid')
      if (oid > 0) this.found.relations.set(oid, 'write')
    }
    for (const columns of this.#decidingOf(query, scope)) for (const column of columns) this.found.deciding.add(column)
  }

  #visitEntry(entry: TreeNode): void {
    const oid = numberOf(entry, 'relid')
    if (oid > 0 && !this.found.relations.has(oid)) this.found.relations.set(oid, 'read')
    if (!ENTRIES.has(numberOf(entry, 'rtekind'))) throw new TreeError('an item of FROM is not known')
  }

  #visitVar(node: TreeNode, scope: Scope): void {
    const { entry, isExcluded } = this.#entryOf(node, scope)
    if (numberOf(entry, 'rtekind') !== RELATION || isExcluded) return
    this.found.columns.add(`${numberOf(entry, 'relid')}.${numberOf(node, 'varattno')}`)
  }

  // ── sources of columns ───────────────────────────────────────────────────────────────────────────────────────────

  #outputsOf(scope: Scope): readonly Columns[] {
    const { query } = scope
    const known = this.#outputs.get(query)
    if (known !== undefined) return known
    const sofar = this.#open.get(query)
    if (sofar !== undefined) {
      this.#recurs.add(query)
      return sofar
    }
    const around = this.#recurs
    // A recursive query returns what it returns of itself: it is traced until that stops growing.
    for (let before: readonly Columns[] = [], round = 0; ; round++) {
      if (round > MAX_ROUNDS) throw new TreeError('a recursive query in it does not settle')
      this.#open.set(query, before)
      this.#recurs = new Set()
      const outputs = this.#followOutputs(scope)
      this.#open.delete(query)
      const recurs = this.#recurs.delete(query)
      if (recurs && sizeOf(outputs) !== sizeOf(before)) {
        before = outputs
        continue
      }
      // A result that depends on a query still being traced is not final.
      if (this.#recurs.size === 0) this.#outputs.set(query, outputs)
      for (const other of this.#recurs) around.add(other)
      this.#recurs = around
      return outputs
    }
  }

  #followOutputs(scope: Scope): readonly Columns[] {
    const { query } = scope
    const leaves = leavesOf(query.fields.get('setOperations'))
    if (leaves.length > 0) {
      const sides = leaves.map((index) => this.#outputsOf(this.#subquery(entryAt(query, index), scope)))
      return (sides[0] ?? []).map((_, column) => union(sides.map((side) => side[column] ?? NONE)))
    }
    const list = kindOf(query) === 'select' ? 'targetList' : 'returningList'
    return listOf(query, list)
      .filter((target) => target.fields.get('resjunk') !== 'true')
      .map((target) => this.#madeOf(target.fields.get('expr') ?? null, scope))
  }

  #decidingOf(query: TreeNode, scope: Scope): Columns[] {
    const deciding = decidingParts(query).map((value) => this.#madeOf(value, scope))
    if (compares(query.fields.get('setOperations'))) deciding.push(union(this.#outputsOf(scope)))
    return deciding
  }

  /** The columns that an expression is made of. */
  #madeOf(value: TreeValue, scope: Scope): Columns {
    const columns = new Set<ColumnId>()
    this.#collect(value, scope, columns)
    return columns
  }

  #collect(value: TreeValue, scope: Scope, into: Set<ColumnId>): void {
    if (value === null || typeof value === 'string') return
    if (++this.#steps > MAX_STEPS) throw new TreeError('it takes too long to follow')
    if (!isNode(value)) {
      for (const item of value) this.#collect(item, scope, into)
      return
    }
    if (value.tag === 'VAR') {
      for (const column of this.#columnsOf(value, scope)) into.add(column)
      return
    }
    if (value.tag === 'SUBLINK') {
      this.#collect(value.fields.get('testexpr') ?? null, scope, into)
      const query = value.fields.get('subselect')
      // EXISTS does not depend on the columns of its result; those that decide whether there are rows are collected elsewhere.
      if (!isNode(query) || value.fields.get('subLinkType') === EXISTS) return
      for (const columns of this.#outputsOf({ query, outer: scope })) for (const column of columns) into.add(column)
      return
    }
    if (value.tag === 'QUERY') throw new TreeError('a query stands where none is expected')
    for (const part of value.fields.values()) this.#collect(part, scope, into)
  }

  #columnsOf(node: TreeNode, scope: Scope): Columns {
    const { entry, isExcluded, at } = this.#entryOf(node, scope)
    const attribute = numberOf(node, 'varattno')
    const some = (items: readonly Columns[]): Columns =>
      attribute === 0 ? union(items) : (items[attribute - 1] ?? NONE)
    const each = (name: string): Columns => {
      const value = entry.fields.get(name)
      const items = isList(value) ? value : []
      return attribute === 0
        ? this.#madeOf(items, at)
        : attribute < 0
          ? NONE
          : this.#madeOf(items[attribute - 1] ?? null, at)
    }
    if (isExcluded) {
      const targets = listOf(at.query, 'targetList')
      return union(
        targets
          .filter((target) => attribute === 0 || numberOf(target, 'resno') === attribute)
          .map((target) => this.#madeOf(target.fields.get('expr') ?? null, at)),
      )
    }
    switch (numberOf(entry, 'rtekind')) {
      case RELATION:
        return new Set<ColumnId>([`${numberOf(entry, 'relid')}.${attribute}`])
      case 1:
        return some(this.#outputsOf(this.#subquery(entry, at)))
      case 2:
        return each('joinaliasvars')
      case 3:
        return this.#madeOf(entry.fields.get('functions') ?? null, at)
      case 4:
        return this.#madeOf(entry.fields.get('tablefunc') ?? null, at)
      case 5: {
        const rows = entry.fields.get('values_lists')
        const lists = isList(rows) ? rows : []
        return union(
          lists.map((row) => this.#madeOf(attribute === 0 || !isList(row) ? row : (row[attribute - 1] ?? null), at)),
        )
      }
      case 6:
        return some(this.#cteOutputs(entry, at))
      case 9:
        return each('groupexprs')
      default:
        return NONE
    }
  }

  #cteOutputs(entry: TreeNode, at: Scope): readonly Columns[] {
    let scope: Scope | undefined = at
    for (let up = numberOf(entry, 'ctelevelsup'); up > 0; up--) scope = scope?.outer
    if (scope === undefined) throw new TreeError('a common table expression is missing')
    const name = entry.fields.get('ctename')
    const cte = listOf(scope.query, 'cteList').find(({ fields }) => fields.get('ctename') === name)
    const query = cte?.fields.get('ctequery')
    if (cte === undefined || !isNode(query)) throw new TreeError('a common table expression is missing')
    const outputs = this.#outputsOf({ query, outer: scope })
    // SEARCH and CYCLE add columns that are made of the others.
    const adds = cte.fields.get('search_clause') != null || cte.fields.get('cycle_clause') != null
    return adds ? [...outputs, ...Array.from({ length: MAX_ADDED }, () => union(outputs))] : outputs
  }

  #subquery(entry: TreeNode, at: Scope): Scope {
    const query = entry.fields.get('subquery')
    if (!isNode(query)) throw new TreeError('a subquery is missing')
    return { query, outer: at }
  }

  /** The range table entry that a Var refers to, and the query that has it. */
  #entryOf(node: TreeNode, scope: Scope): { entry: TreeNode; isExcluded: boolean; at: Scope } {
    let at: Scope | undefined = scope
    for (let up = numberOf(node, 'varlevelsup'); up > 0; up--) at = at?.outer
    if (at === undefined) throw new TreeError('a column of no query')
    const index = numberOf(node, 'varno')
    const conflict = at.query.fields.get('onConflict')
    const isExcluded = isNode(conflict) && numberOf(conflict, 'exclRelIndex') === index
    return { entry: entryAt(at.query, index), isExcluded, at }
  }
}

const union = (sets: readonly Columns[]): Columns => new Set(sets.flatMap((set) => [...set]))
const sizeOf = (outputs: readonly Columns[]): number => outputs.reduce((sum, { size }) => sum + size + 1, 0)

/** RTEKind: relation, subquery, join, function, table function, VALUES, common table expression, result, GROUP BY. */
const RELATION = 0
const ENTRIES: ReadonlySet<number> = new Set([RELATION, 1, 2, 3, 4, 5, 6, 8, 9])
/** EXISTS_SUBLINK. */
const EXISTS = '0'
const MAX_ROUNDS = 200
const MAX_STEPS = 5_000_000
/** SEARCH adds one column, CYCLE two. */
const MAX_ADDED = 3
