import type * as pg from '@pgsql/types'
import type { Copy } from '../../../sql/query.ts'
import { isFalse, kindOfSet, literals, setsReadWrite } from './settings.ts'
import { bodyOf, known, listOf, nameOf, NotRead, relationName, textsOf, type Bodies, type NodeType } from './syntax.ts'
import type { Reader } from './to-expression.ts'
import { Found, walkFields, walk, walkNode, write, make, cascades } from './walk-utility.ts'
import { kebab, objectKind } from './utility-kinds.ts'

/** Languages whose validators are the server's own and only check the text. */
const LANGUAGES = new Set(['sql', 'plpgsql', 'c', 'internal'])
/** Kinds of objects whose qualified name is that of their relation, followed by their own. */
const ON_RELATION = new Set(['trigger', 'policy', 'rule'])
const RELATION_KINDS = new Set(['table', 'view', 'materialized-view', 'sequence', 'foreign-table', 'index'])
/** Tables and the like, their parts, and types. */
const RENAMED_WITH_RELATIONS = new Set([
  ...RELATION_KINDS,
  'column',
  'tabconstraint',
  'type',
  'attribute',
  'domain',
  'domconstraint',
])

const optionsOf = (nodes: readonly pg.Node[] | undefined): readonly pg.DefElem[] =>
  listOf(nodes).map((node) => bodyOf('DefElem', node))

/** Details that only some statements have. */
export const STATEMENTS: { readonly [T in NodeType]?: (node: Bodies[T], found: Found) => void } = {
  CreateStmt: createTable,
  CreateForeignTableStmt: ({ base }, found) => {
    found.does.push('create-foreign-table')
    if (base === undefined) throw new NotRead('CreateForeignTableStmt.base')
    createTable(known('CreateStmt', base), found)
    walkFields('CreateStmt', base, found)
  },
  CreateSeqStmt: ({ sequence }, found) => make(sequence, found),
  AlterSeqStmt: ({ sequence }, found) => write(sequence, found),
  CompositeTypeStmt: ({ typevar }, found) => make(typevar, found),
  RefreshMatViewStmt: ({ relation }, found) => write(relation, found),
  ReindexStmt: ({ relation }, found) => write(relation, found),
  VacuumStmt: ({ is_vacuumcmd }, found) => found.does.push(is_vacuumcmd === true ? 'vacuum' : 'analyze'),
  AlterObjectDependsStmt: ({ relation }, found) => write(relation, found),
  AlterOwnerStmt: ({ relation }, found) => write(relation, found),
  CallStmt: ({ funccall }, found) => {
    if (funccall === undefined) throw new NotRead('CallStmt.funccall')
    found.expressions.push(found.read.expression({ FuncCall: funccall }))
  },
  CreateTableAsStmt: ({ query, into, objtype }, found) => {
    const materialized = objtype === 'OBJECT_MATVIEW'
    found.does.push(materialized ? 'create-materialized-view' : 'create-table-as')
    found.detail.stores = materialized ? 'a materialized view' : 'a new table'
    make(known('IntoClause', into)?.rel, found)
    statement(query, found)
  },
  ViewStmt: ({ view, query }, found) => {
    make(view, found)
    statement(query, found)
  },
  IndexStmt: ({ idxname, relation, indexParams, whereClause }, found) => {
    if (idxname !== undefined) found.detail.gives = [idxname]
    write(relation, found)
    const elements = listOf(indexParams).map((node) => bodyOf('IndexElem', node))
    walk(indexParams, found)
    found.detail.index = {
      columns: elements.flatMap(({ name }) => name ?? []),
      predicate: found.read.maybe(whereClause),
    }
  },
  CreateStatsStmt: ({ relations, exprs }, found) => {
    for (const node of listOf(relations)) {
      found.on = relationName(bodyOf('RangeVar', node))
      found.reads.push(found.on)
    }
    walk(exprs, found)
  },
  RuleStmt: ({ relation }, found) => write(relation, found),
  CreateTrigStmt: ({ relation }, found) => write(relation, found),
  CreatePolicyStmt: ({ table }, found) => write(table, found),
  AlterPolicyStmt: ({ table }, found) => write(table, found),
  ClusterStmt: ({ relation }, found) => write(relation, found),
  AlterTableStmt: ({ relation, objtype }, found) => {
    found.does.push(`alter-${objectKind(objtype)}`)
    write(relation, found)
  },
  AlterDomainStmt: ({ behavior }, found) => cascades(behavior, found),
  AlterObjectSchemaStmt: ({ relation, objectType }, found) => {
    write(relation, found)
    if (objectType === 'OBJECT_EXTENSION') found.unknown.push('all that belongs to the extension moves')
  },
  RenameStmt: ({ renameType, relation, subname, behavior }, found) => {
    const kind = objectKind(renameType)
    // A rule for renaming tables does not cover roles, functions or triggers.
    if (!RENAMED_WITH_RELATIONS.has(kind)) found.does.push(`alter-${kind}`)
    if (renameType === 'OBJECT_SCHEMA') found.detail.renamesSchema = String(subname)
    write(relation, found)
    cascades(behavior, found)
  },
  DropStmt: ({ objects, removeType, behavior }, found) => {
    const kind = objectKind(removeType)
    found.does.push(`drop-${kind}`)
    cascades(behavior, found)
    for (const node of listOf(objects)) {
      if (!('List' in node)) continue
      const path = listOf(bodyOf('List', node).items)
      const name = ON_RELATION.has(kind)
        ? nameOf(path.slice(0, -1))
        : RELATION_KINDS.has(kind)
          ? nameOf(path)
          : undefined
      if (name !== undefined) found.writes.push(name)
    }
  },
  TruncateStmt: ({ relations, behavior }, found) => {
    found.detail.cascade = behavior === 'DROP_CASCADE'
    for (const node of listOf(relations)) found.writes.push(relationName(bodyOf('RangeVar', node)))
  },
  CreateRangeStmt: ({ params }, found) => {
    if (optionsOf(params).some(({ defname }) => defname === 'canonical' || defname === 'subtype_diff'))
      found.unknown.push('functions of a range type run at later statements')
  },
  CreateFunctionStmt: ({ is_procedure, options }, found) => {
    found.does.push(is_procedure === true ? 'create-procedure' : 'create-function')
    for (const { defname, arg } of optionsOf(options)) {
      const language = defname === 'language' && arg !== undefined ? textsOf([arg])[0] : undefined
      if (language !== undefined && !LANGUAGES.has(language))
        found.unknown.push(`the language ${language} may run code when a function is defined`)
    }
  },
  DefineStmt: ({ kind }, found) => {
    if (kind !== undefined && RUN_WHEN_DEFINED.has(kind))
      found.unknown.push('functions that it names run when it is defined or used')
  },
  GrantStmt: ({ targtype }, found) => {
    if (targtype !== 'ACL_TARGET_OBJECT') found.unknown.push('it names objects that are not listed')
  },
  VariableSetStmt: ({ kind, name, args }, found) => {
    const setting = kind === 'VAR_RESET_ALL' ? '*' : (name ?? '*').toLowerCase()
    const value = literals(args)
    found.does.push(
      String(kind).startsWith('VAR_RESET') || isOwnAgain(setting, kind, value) ? 'reset' : kindOfSet(setting),
    )
    found.detail.settings = [{ name: setting, value }]
    found.detail.readWrite = setsReadWrite(args)
  },
  DiscardStmt: ({ target }, found) => {
    if (target === 'DISCARD_ALL') found.detail.settings = [{ name: '*', value: undefined }]
  },
  TransactionStmt: ({ kind, options }, found) => {
    const does = kebab(String(kind).replace('TRANS_STMT_', ''))
    found.does.push(does === 'prepare' ? 'prepare-transaction' : does)
    found.detail.readWrite = setsReadWrite(options)
  },
  PrepareStmt: ({ name, query }, found) => {
    found.detail.names = [String(name)]
    statement(query, found)
  },
  ExecuteStmt: ({ name }, found) => {
    found.unknown.push('EXECUTE runs a statement that was prepared earlier')
    found.detail.executes = String(name)
  },
  DeallocateStmt: ({ name }, found) => {
    found.detail.names = [name ?? '*']
  },
  DeclareCursorStmt: ({ portalname, query }, found) => {
    found.detail.names = [String(portalname)]
    statement(query, found)
  },
  FetchStmt: ({ portalname, ismove }, found) => {
    found.does.push(ismove === true ? 'move' : 'fetch')
    found.detail.names = [String(portalname)]
  },
  ClosePortalStmt: ({ portalname }, found) => {
    found.detail.names = [portalname ?? '*']
  },
  LockStmt: ({ mode }, found) => found.does.push(mode === ACCESS_SHARE ? 'lock-access-share' : 'lock'),
  NotifyStmt: ({ payload }, found) => {
    found.detail.notifies = payload ?? ''
  },
  ExplainStmt: ({ query, options }, found) => {
    // PostgreSQL uses the last ANALYZE option; the statement counts as run if any of them is on.
    const runs = optionsOf(options).some(({ defname, arg }) => defname === 'analyze' && !isFalse(arg))
    found.detail.explain = runs ? 'runs' : 'plans'
    statement(query, found)
  },
  CopyStmt: (node, found) => {
    const direction = node.is_from === true ? 'from' : 'to'
    const where = node.is_program === true ? 'program' : node.filename === undefined ? 'client' : 'file'
    found.does.push(where === 'client' ? `copy-${direction}` : `copy-${direction}-${where}`)
    const relation = node.relation === undefined ? undefined : relationName(known('RangeVar', node.relation))
    if (relation !== undefined) {
      found.on = relation
      ;(direction === 'from' ? found.writes : found.reads).push(relation)
    }
    if (node.query !== undefined) statement(node.query, found)
    found.detail.copy = {
      direction,
      where,
      relation,
      columns: textsOf(node.attlist),
      options: copyOptions(node.options, found.read),
    }
  },
}

/** SET ROLE NONE and SET SESSION AUTHORIZATION DEFAULT, which pools send to reset a connection. */
const isOwnAgain = (setting: string, kind: unknown, value: string | undefined): boolean =>
  (setting === 'role' && (kind === 'VAR_SET_DEFAULT' || value === 'none')) ||
  (setting === 'session_authorization' && kind === 'VAR_SET_DEFAULT')

/** AccessShareLock in the server's lockdefs.h, which every SELECT takes. */
const ACCESS_SHARE = 1

/** Kinds of objects whose functions already run when they are defined, or for statements that do not name them. */
const RUN_WHEN_DEFINED = new Set<string>(['OBJECT_TSDICTIONARY', 'OBJECT_TSPARSER', 'OBJECT_TSTEMPLATE'])

function statement(node: pg.Node | undefined, found: Found): void {
  if (node === undefined) throw new NotRead('a query that is missing')
  found.statements.push(found.read.statement(node))
}

function createTable(node: pg.CreateStmt, found: Found): void {
  make(node.relation, found)
  found.on = found.makes[0]
  for (const parent of listOf(node.inhRelations)) {
    const name = relationName(bodyOf('RangeVar', parent))
    found.reads.push(name)
    found.detail.inherits = [...found.detail.inherits, name]
  }
  walk(node.tableElts, found)
  walk(node.constraints, found)
  if (node.partbound === undefined) return
  found.detail.checks = true
  walkNode('PartitionBoundSpec', known('PartitionBoundSpec', node.partbound), found)
}

function copyOptions(nodes: readonly pg.Node[] | undefined, read: Reader): Copy['options'] {
  const options: Record<string, string> = {}
  for (const { defname, arg } of optionsOf(nodes)) options[String(defname)] = optionText(arg, read)
  return options
}

function optionText(arg: pg.Node | undefined, read: Reader): string {
  if (arg === undefined) return ''
  if ('String' in arg) return bodyOf('String', arg).sval ?? ''
  if ('Integer' in arg) return String(bodyOf('Integer', arg).ival ?? 0)
  if ('Float' in arg) return bodyOf('Float', arg).fval ?? ''
  if ('Boolean' in arg) return String(bodyOf('Boolean', arg).boolval ?? false)
  if ('A_Star' in arg) return '*'
  return textsOf(read.items(arg)).join(',')
}
