import type * as pg from '@pgsql/types'
import type {
  Alias,
  Assignment,
  Conflict,
  Cte,
  Delete,
  Expression,
  FromItem,
  Insert,
  Join,
  Merge,
  MergeClause,
  Query,
  Returning,
  Select,
  SetOperation,
  Statement,
  Table,
  Target,
  Update,
  Values,
  With,
} from '../../../sql/query.ts'
import {
  bodyOf,
  known,
  listOf,
  nameOf,
  NotRead,
  opaque,
  relationName,
  textsOf,
  typeOf,
  type Bodies,
  type NodeType,
  entryOf,
} from './syntax.ts'
import { Reader } from './to-expression.ts'
import { opaqueUtility, toUtility } from './to-utility.ts'

/** Maps one statement of the parser's tree to the neutral tree. */
export function toStatement(node: pg.Node): Statement {
  try {
    const type = typeOf(node)
    const map = entryOf(QUERIES, type)
    return map === undefined ? toUtility(node, read) : map(bodyOf(type, node))
  } catch (error) {
    return opaqueUtility(opaque(error, node))
  }
}

/** A statement that is not mapped, with the relations that it names. */
export const unreadStatement = (reason: string, node: pg.Node): Statement => ({
  ...opaqueUtility(opaque(new NotRead(reason), node)),
  expressions: [],
  unknown: [reason],
})

const read = new Reader(toStatement)

function toQuery(node: pg.Node | undefined): Query {
  return select(bodyOf('SelectStmt', node))
}

// Written out, because spreading objects costs the most here.
function select(node: pg.SelectStmt): Query {
  const clause = withOf(node.withClause)
  const order = read.sorts(node.sortClause)
  const limit = read.some(node.limitCount)
  const offset = read.some(node.limitOffset)
  const locks = node.lockingClause !== undefined
  const rel = node.intoClause && known('IntoClause', node.intoClause).rel
  const into = rel && relationName(known('RangeVar', rel))
  if (node.op !== undefined && node.op !== 'SETOP_NONE') {
    if (node.larg === undefined || node.rarg === undefined) throw new NotRead('SelectStmt.larg')
    return {
      kind: 'set-operation',
      with: clause,
      left: select(known('SelectStmt', node.larg)),
      right: select(known('SelectStmt', node.rarg)),
      compares: node.all !== true || node.op !== 'SETOP_UNION',
      into,
      order,
      limit,
      offset,
      locks,
    } satisfies SetOperation
  }
  if (node.valuesLists !== undefined) {
    const rows = node.valuesLists.map((row) => read.all(bodyOf('List', row).items))
    return { kind: 'values', with: clause, rows, order, limit, offset, locks } satisfies Values
  }
  return {
    kind: 'select',
    with: clause,
    targets: targets(node.targetList),
    from: listOf(node.fromClause).map(fromItem),
    where: read.maybe(node.whereClause),
    group: read.all(node.groupClause),
    groupDistinct: node.groupDistinct === true,
    having: read.maybe(node.havingClause),
    windows: listOf(node.windowClause).map((window) => read.window(bodyOf('WindowDef', window))),
    // A plain DISTINCT is a list with one empty node.
    distinct: node.distinctClause && read.all(node.distinctClause.filter((item) => Object.keys(item).length > 0)),
    into,
    order,
    limit,
    offset,
    locks,
  } satisfies Select
}

function targets(nodes: readonly pg.Node[] | undefined): Target[] {
  return listOf(nodes).map((node) => {
    const { name, val } = bodyOf('ResTarget', node)
    const value = read.expression(val)
    return { name: name ?? (val === undefined ? undefined : calledBy(value, val)), value }
  })
}

/** The server's name for a column without AS; undefined where that is not simple. Source: FigureColname in parse_target.c. */
function calledBy(value: Expression, node: pg.Node): string | undefined {
  if (value.kind === 'collate' && 'CollateClause' in node)
    return node.CollateClause.arg === undefined ? undefined : calledBy(value.arg, node.CollateClause.arg)
  if (value.kind === 'column') return value.path.at(-1)
  if (value.kind === 'operation') return value.form === 'nullif' ? 'nullif' : '?column?'
  if ('FuncCall' in node && value.kind === 'call') return value.name.name
  if ('CoalesceExpr' in node) return 'coalesce'
  if ('RowExpr' in node) return 'row'
  return 'A_Const' in node || 'ParamRef' in node || 'BoolExpr' in node || 'NullTest' in node ? '?column?' : undefined
}

function withOf(clause: pg.WithClause | undefined): With | undefined {
  if (clause === undefined) return undefined
  const { ctes, recursive } = known('WithClause', clause)
  return {
    recursive: recursive === true,
    ctes: listOf(ctes).map((node): Cte => {
      const cte = bodyOf('CommonTableExpr', node)
      if (cte.ctequery === undefined) throw new NotRead('CommonTableExpr.ctequery')
      const search = known('CTESearchClause', cte.search_clause)
      const cycle = known('CTECycleClause', cte.cycle_clause)
      return {
        name: String(cte.ctename),
        columns: textsOf(cte.aliascolnames),
        query: toStatement(cte.ctequery),
        adds:
          search === undefined && cycle === undefined
            ? undefined
            : read.some(cycle?.cycle_mark_value, cycle?.cycle_mark_default),
      }
    }),
  }
}

function aliasOf(alias: pg.Alias | undefined): Alias | undefined {
  if (alias === undefined) return undefined
  const { aliasname, colnames } = known('Alias', alias)
  return { name: String(aliasname), columns: textsOf(colnames) }
}

function table(node: pg.RangeVar): Table {
  const relation = known('RangeVar', node)
  return {
    kind: 'table',
    name: relationName(relation),
    alias: aliasOf(relation.alias),
    sample: [],
    method: undefined,
  }
}

function fromItem(node: pg.Node): FromItem {
  try {
    const type = typeOf(node)
    const map = entryOf(FROM, type)
    if (map === undefined) throw new NotRead(type)
    return map(bodyOf(type, node))
  } catch (error) {
    return opaque(error, node)
  }
}

const FROM: { readonly [T in NodeType]?: (node: Bodies[T]) => FromItem } = {
  RangeVar: table,
  RangeSubselect: ({ subquery, lateral, alias }) => {
    if (subquery === undefined) throw new NotRead('RangeSubselect.subquery')
    return { kind: 'derived', query: toStatement(subquery), lateral: lateral === true, alias: aliasOf(alias) }
  },
  RangeFunction: ({ functions, coldeflist, alias }) => {
    // Each is a list of the call and, within ROWS FROM, its own column definition list.
    const pairs = listOf(functions).map((node) => listOf(bodyOf('List', node).items))
    const definitions = [
      ...listOf(coldeflist),
      ...pairs.flatMap(([, columns]) => (columns === undefined || !('List' in columns) ? [] : read.items(columns))),
    ].map((node) => bodyOf('ColumnDef', node))
    return {
      kind: 'function-table',
      calls: pairs.flatMap(([call]) => read.some(call)),
      columns: definitions.map(({ colname }) => String(colname)),
      types: definitions.flatMap(({ typeName }) => read.types(typeName)),
      alias: aliasOf(alias),
    }
  },
  RangeTableSample: ({ relation, method, args, repeatable }) => ({
    ...table(bodyOf('RangeVar', relation)),
    sample: [...read.all(args), ...read.some(repeatable)],
    method: nameOf(method),
  }),
  RangeTableFunc: ({ docexpr, rowexpr, namespaces, columns, alias }) => {
    const definitions = listOf(columns).map((node) => bodyOf('RangeTableFuncCol', node))
    return {
      kind: 'value-table',
      args: [
        ...read.some(docexpr, rowexpr),
        ...listOf(namespaces).flatMap((node) => read.some(bodyOf('ResTarget', node).val)),
        ...definitions.flatMap(({ colexpr, coldefexpr }) => read.some(colexpr, coldefexpr)),
      ],
      types: definitions.flatMap(({ typeName }) => read.types(typeName)),
      alias: aliasOf(alias),
    }
  },
  JsonTable: ({ context_item, pathspec, passing, columns, on_error, alias }) => {
    const inner = jsonColumns(columns)
    return {
      kind: 'value-table',
      args: [
        ...read.jsonValue(context_item),
        ...read.some(known('JsonTablePathSpec', pathspec)?.string),
        ...listOf(passing).flatMap((node) => read.jsonValue(bodyOf('JsonArgument', node).val)),
        ...read.behaviours(on_error),
        ...inner.args,
      ],
      types: inner.types,
      alias: aliasOf(alias),
    }
  },
  JoinExpr: join,
}

function jsonColumns(
  nodes: readonly pg.Node[] | undefined,
): Pick<Extract<FromItem, { kind: 'value-table' }>, 'args' | 'types'> {
  const columns = listOf(nodes).map((node) => bodyOf('JsonTableColumn', node))
  const inner = columns.map((column) => jsonColumns(column.columns))
  return {
    args: [
      ...columns.flatMap(({ pathspec, on_empty, on_error }) => [
        ...read.some(known('JsonTablePathSpec', pathspec)?.string),
        ...read.behaviours(on_empty, on_error),
      ]),
      ...inner.flatMap(({ args }) => args),
    ],
    types: [...columns.flatMap(({ typeName }) => read.types(typeName)), ...inner.flatMap(({ types }) => types)],
  }
}

function join({ larg, rarg, isNatural, usingClause, join_using_alias, quals, alias }: pg.JoinExpr): Join {
  if (larg === undefined || rarg === undefined) throw new NotRead('JoinExpr.larg')
  const using = textsOf(usingClause)
  return {
    kind: 'join',
    left: fromItem(larg),
    right: fromItem(rarg),
    natural: isNatural === true,
    using,
    usingAlias: aliasOf(join_using_alias)?.name,
    on: read.maybe(quals),
    // Both call `=` by name. Source: transformJoinUsingClause.
    operators: isNatural === true || using.length > 0 ? [{ schema: undefined, name: '=' }] : [],
    alias: aliasOf(alias),
  }
}

function targetTable(relation: pg.RangeVar | undefined): Table {
  if (relation === undefined) throw new NotRead('a relation that is missing')
  return table(relation)
}

function assignments(nodes: readonly pg.Node[] | undefined): Assignment[] {
  return listOf(nodes).map((node) => {
    const { name, indirection, val } = bodyOf('ResTarget', node)
    const multiple = val !== undefined && 'MultiAssignRef' in val ? bodyOf('MultiAssignRef', val) : undefined
    return {
      column: String(name),
      subscripts: subscripts(indirection),
      value: read.expression(multiple === undefined ? val : multiple.source),
      place: multiple?.colno,
    }
  })
}

const subscripts = (indirection: readonly pg.Node[] | undefined): Expression[] =>
  listOf(indirection).flatMap((step) => {
    if ('String' in step || 'A_Star' in step) return []
    const { lidx, uidx } = bodyOf('A_Indices', step)
    return read.some(lidx, uidx)
  })

/** The names of the columns of an INSERT, and their subscripts. */
function columnList(nodes: readonly pg.Node[] | undefined): { columns: string[]; subscripts: Expression[] } {
  const columns = listOf(nodes).map((node) => bodyOf('ResTarget', node))
  return {
    columns: columns.map(({ name }) => String(name)),
    subscripts: columns.flatMap(({ indirection }) => subscripts(indirection)),
  }
}

function returningOf(clause: pg.ReturningClause | undefined): Returning | undefined {
  if (clause === undefined) return undefined
  const { options, exprs } = known('ReturningClause', clause)
  return {
    targets: targets(exprs),
    // Source: manual, INSERT, output_expression.
    names: ['old', 'new', ...listOf(options).map((option) => String(bodyOf('ReturningOption', option).value))],
  }
}

function conflictOf(clause: pg.OnConflictClause | undefined): Conflict | undefined {
  if (clause === undefined) return undefined
  const { infer, targetList, whereClause } = known('OnConflictClause', clause)
  const { indexElems, whereClause: predicate } = known('InferClause', infer) ?? {}
  const elements = listOf(indexElems).map((node) => bodyOf('IndexElem', node))
  return {
    given: 'excluded',
    columns: elements.flatMap(({ name }) => name ?? []),
    expressions: elements.flatMap(({ expr }) => read.some(expr)),
    predicate: read.maybe(predicate),
    set: assignments(targetList),
    where: read.maybe(whereClause),
    seesSource: false,
  }
}

const MERGE_WHEN: Readonly<Record<string, MergeClause['when']>> = {
  MERGE_WHEN_MATCHED: 'matched',
  MERGE_WHEN_NOT_MATCHED_BY_TARGET: 'not-matched',
  MERGE_WHEN_NOT_MATCHED_BY_SOURCE: 'not-matched-by-source',
}
const MERGE_DOES: Readonly<Record<string, MergeClause['does']>> = {
  CMD_INSERT: 'insert',
  CMD_UPDATE: 'update',
  CMD_DELETE: 'delete',
  CMD_NOTHING: 'nothing',
}

function mergeClause(node: pg.Node): MergeClause {
  const { matchKind, commandType, condition, targetList, values } = bodyOf('MergeWhenClause', node)
  const when = MERGE_WHEN[String(matchKind)]
  const does = MERGE_DOES[String(commandType)]
  if (when === undefined || does === undefined) throw new NotRead(`MergeWhenClause ${matchKind} ${commandType}`)
  const inserts = does === 'insert'
  return {
    when,
    does,
    condition: read.maybe(condition),
    ...(inserts ? columnList(targetList) : { columns: [], subscripts: [] }),
    values: read.all(values),
    set: inserts ? [] : assignments(targetList),
  }
}

const QUERIES: { readonly [T in NodeType]?: (node: Bodies[T]) => Statement } = {
  SelectStmt: select,
  InsertStmt: (node): Insert => ({
    kind: 'insert',
    with: withOf(node.withClause),
    target: targetTable(node.relation),
    ...columnList(node.cols),
    source: node.selectStmt === undefined ? undefined : toQuery(node.selectStmt),
    conflict: conflictOf(node.onConflictClause),
    replaces: false,
    returning: returningOf(node.returningClause),
  }),
  UpdateStmt: (node): Update => ({
    kind: 'update',
    with: withOf(node.withClause),
    target: targetTable(node.relation),
    set: assignments(node.targetList),
    from: listOf(node.fromClause).map(fromItem),
    where: read.maybe(node.whereClause),
    returning: returningOf(node.returningClause),
  }),
  DeleteStmt: (node): Delete => ({
    kind: 'delete',
    with: withOf(node.withClause),
    target: targetTable(node.relation),
    from: listOf(node.usingClause).map(fromItem),
    where: read.maybe(node.whereClause),
    returning: returningOf(node.returningClause),
  }),
  MergeStmt: (node): Merge => {
    if (node.sourceRelation === undefined) throw new NotRead('MergeStmt.sourceRelation')
    return {
      kind: 'merge',
      with: withOf(node.withClause),
      target: targetTable(node.relation),
      source: fromItem(node.sourceRelation),
      on: read.maybe(node.joinCondition),
      clauses: listOf(node.mergeWhenClauses).map(mergeClause),
      returning: returningOf(node.returningClause),
    }
  },
}
