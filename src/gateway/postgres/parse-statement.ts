import type { ParseResult } from '@pgsql/types'
import { isAlways } from './always-true.ts'
import { addAlias, addName, addRelation, Findings, keyOf, readName, write, type Node, type Scope } from './findings.ts'
import type { ParsedStatement } from './parsed-statement.ts'
import { addSetConfig, isFalse, kindOfSet, literals, namedSetting, setsReadWrite } from './settings.ts'

/** Reads the parser's tree. Every node is visited, also those that nothing here knows, so that no table hides in one. */
export function readStatements(tree: ParseResult): ParsedStatement[] {
  return (tree.stmts ?? []).map(({ stmt }) => {
    const found = new Findings()
    const [[type, node] = ['', {}]] = Object.entries(stmt as unknown as Record<string, Node>)
    const { returningClause, ...rest } = node
    visit({ [type]: rest }, found, [])
    // What the outermost RETURNING mentions goes to the client, through masking, and nowhere else.
    const returning = new Findings()
    visit(returningClause, returning, withNames(node))
    found.add(returning)
    return found.finish({ [type]: node })
  })
}

function visit(value: unknown, found: Findings, scope: Scope): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, found, scope)
    return
  }
  if (value === null || typeof value !== 'object') return
  for (const [key, content] of Object.entries(value)) {
    // A node is wrapped in an object whose one key is the node's type; fields are in lower case.
    if (/^[A-Z]/.test(key) && content !== null && typeof content === 'object')
      visitNode(key, content as Node, found, scope)
    else visit(content, found, scope)
  }
}

function visitNode(type: string, node: Node, found: Findings, outer: Scope): void {
  const special = SPECIAL[type]
  if (special !== undefined) return special(node, found, outer)
  if (type.endsWith('Stmt')) found.kinds.add(STATEMENT_KINDS[type] ?? kebab(type.replace(/Stmt$/, '')))
  visitFields(node, found, outer)
}

function visitFields(node: Node, found: Findings, outer: Scope, without: readonly string[] = []): void {
  const scope = visitWith(node, found, outer)
  for (const [field, content] of Object.entries(node)) {
    if (field === 'alias' || field === 'join_using_alias') addAlias({ alias: content }, found)
    // In a cast and in a column's definition the node of the type is not wrapped.
    if (field === 'typeName') visitNode('TypeName', content as Node, found, scope)
    else if (isBareRelation(content)) addRelation(content, READ_FIELDS.has(field) ? found.reads : found.writes, [])
    else if (field !== 'withClause' && !without.includes(field)) visit(content, found, scope)
  }
}

/** Where only a relation can stand, its node is not wrapped. */
const isBareRelation = (content: unknown): content is Node =>
  content !== null && typeof content === 'object' && typeof (content as Node)['relname'] === 'string'

const withNames = (node: Node): Scope =>
  ((node['withClause'] as { ctes?: { CommonTableExpr: Node }[] } | undefined)?.ctes ?? []).map(({ CommonTableExpr }) =>
    String(CommonTableExpr['ctename']),
  )

/** Common table expressions: each sees those before it, and with RECURSIVE itself and all. */
function visitWith(node: Node, found: Findings, outer: Scope): Scope {
  const clause = node['withClause'] as { ctes?: { CommonTableExpr: Node }[]; recursive?: boolean } | undefined
  const ctes = (clause?.ctes ?? []).map(({ CommonTableExpr }) => CommonTableExpr)
  const names = ctes.map((cte) => String(cte['ctename']))
  ctes.forEach((cte, index) => {
    visit(cte, found, clause?.recursive === true ? [...outer, ...names] : [...outer, ...names.slice(0, index)])
  })
  return [...outer, ...names]
}

const SPECIAL: Readonly<Record<string, (node: Node, found: Findings, scope: Scope) => void>> = {
  RangeVar: (node, found, scope) => {
    addRelation(node, found.reads, scope)
    addAlias(node, found)
  },
  ColumnRef: (node, found) => {
    const fields = node['fields'] as Node[]
    const last = fields.at(-1) as { String?: { sval?: string } } | undefined
    found.columns.add(last?.String?.sval ?? '*')
  },
  A_Indirection: (node, found, scope) => {
    for (const step of (node['indirection'] ?? []) as { String?: { sval?: string } }[])
      found.columns.add(step.String?.sval ?? '*')
    visit(node['arg'], found, scope)
    visit(node['indirection'], found, scope)
  },
  TypeName: (node, found, scope) => {
    const name = readName(node['names'])
    if (name !== undefined) found.typeNames.add(name.name)
    visit(node['typmods'], found, scope)
  },
  FuncCall: (node, found, scope) => {
    addName(node['funcname'], found.functions)
    if (readName(node['funcname'])?.name === 'set_config') addSetConfig(node, found)
    visitFields(node, found, scope, ['funcname'])
  },
  A_Expr: (node, found, scope) => {
    addName(node['name'], found.operators)
    visitFields(node, found, scope, ['name'])
  },
  SortBy: (node, found, scope) => {
    addName(node['useOp'], found.operators)
    visitFields(node, found, scope, ['useOp'])
  },
  SelectStmt: (node, found, scope) => {
    const into = node['intoClause'] as { rel?: Node } | undefined
    // The VALUES of an INSERT are part of it.
    const isPart = node['valuesLists'] !== undefined && found.kinds.size > 0
    if (!isPart) found.kinds.add(into === undefined ? 'select' : 'select-into')
    if (node['lockingClause'] !== undefined) found.kinds.add('select-for-update')
    if (into?.rel !== undefined) addRelation(into.rel, found.writes, [])
    const outer = found.settingByName
    found.settingByName = namedSetting(node)
    visitFields(node, found, scope, ['intoClause'])
    found.settingByName = outer
  },
  InsertStmt: (node, found, scope) => {
    found.kinds.add('insert')
    write(node, found)
    if (node['onConflictClause'] !== undefined) found.kinds.add('update')
    visitFields(node, found, scope, ['relation', 'cols'])
  },
  UpdateStmt: (node, found, scope) => {
    found.kinds.add('update')
    write(node, found)
    if (isAlways(node['whereClause'], node['relation'])) found.missingWhere = true
    visitFields(node, found, scope, ['relation'])
  },
  DeleteStmt: (node, found, scope) => {
    found.kinds.add('delete')
    write(node, found)
    if (isAlways(node['whereClause'], node['relation'])) found.missingWhere = true
    visitFields(node, found, scope, ['relation'])
  },
  MergeStmt: (node, found, scope) => {
    found.kinds.add('merge')
    write(node, found)
    for (const { MergeWhenClause } of (node['mergeWhenClauses'] ?? []) as { MergeWhenClause: Node }[]) {
      const does = MERGE_COMMANDS[String(MergeWhenClause['commandType'])]
      if (does !== undefined) found.kinds.add(does)
      if ((does === 'update' || does === 'delete') && isAlways(node['joinCondition'], node['relation']))
        found.missingWhere = true
    }
    visitFields(node, found, scope, ['relation'])
  },
  TruncateStmt: (node, found) => {
    found.kinds.add('truncate')
    found.cascade = node['behavior'] === 'DROP_CASCADE'
    for (const { RangeVar } of node['relations'] as { RangeVar: Node }[]) addRelation(RangeVar, found.writes, [])
  },
  CopyStmt: (node, found, scope) => {
    const direction = node['is_from'] === true ? 'from' : 'to'
    const where = node['is_program'] === true ? 'program' : node['filename'] === undefined ? 'client' : 'file'
    found.kinds.add(where === 'client' ? `copy-${direction}` : `copy-${direction}-${where}`)
    const relation = node['relation'] as Node | undefined
    if (relation !== undefined) addRelation(relation, direction === 'from' ? found.writes : found.reads, [])
    found.copy = { direction, where, binary: optionValue(node, 'format') === 'binary' }
    if (relation !== undefined && direction === 'to') found.columns.add('*')
    visitFields(node, found, scope, ['relation', 'attlist'])
  },
  ExplainStmt: (node, found, scope) => {
    found.kinds.add('explain')
    // Given twice, the last one counts: whichever may run the statement is taken for it.
    const runs = ((node['options'] ?? []) as { DefElem: Node }[]).some(
      ({ DefElem }) => DefElem['defname'] === 'analyze' && !isFalse(DefElem['arg']),
    )
    found.explainRuns = runs
    if (runs) return visit(node['query'], found, scope)
    // Planned, not run: what it would write is only looked at. Functions stay: planning may run immutable ones.
    const planned = new Findings()
    visit(node['query'], planned, scope)
    for (const [key, relation] of [...planned.reads, ...planned.writes]) found.reads.set(key, relation)
    for (const [key, name] of planned.functions) found.functions.set(key, name)
    for (const [key, name] of planned.operators) found.operators.set(key, name)
    for (const type of planned.typeNames) found.typeNames.add(type)
    found.executes = planned.executes
    found.settings.push(...planned.settings)
    found.opaqueSettings = planned.opaqueSettings
    for (const reason of planned.unknown) found.unknown.add(reason)
    for (const column of planned.columns) found.columns.add(column)
  },
  CreateTableAsStmt: (node, found, scope) => {
    found.kinds.add(node['objtype'] === 'OBJECT_MATVIEW' ? 'create-materialized-view' : 'create-table-as')
    addRelation((node['into'] as { rel: Node }).rel, found.writes, [])
    visit(node['query'], found, scope)
  },
  ViewStmt: (node, found, scope) => {
    found.kinds.add('create-view')
    addRelation(node['view'] as Node, found.writes, [])
    visit(node['query'], found, scope)
  },
  CreateStmt: (node, found, scope) => {
    found.kinds.add('create-table')
    write(node, found)
    visitFields(node, found, scope, ['relation'])
  },
  AlterTableStmt: (node, found, scope) => {
    found.kinds.add(`alter-${objectKind(node['objtype'])}`)
    write(node, found)
    visitFields(node, found, scope, ['relation'])
  },
  RenameStmt: (node, found, scope) => {
    found.kinds.add('rename')
    const kind = objectKind(node['renameType'])
    // A rule for renaming tables does not speak of roles, functions or triggers.
    if (!RENAMED_WITH_RELATIONS.has(kind)) found.kinds.add(`alter-${kind}`)
    if (node['renameType'] === 'OBJECT_SCHEMA') found.renamesSchema = String(node['subname'])
    write(node, found)
    visitFields(node, found, scope, ['relation'])
  },
  AlterTableCmd: (node, found, scope) => {
    const subtype = String(node['subtype'])
    if (subtype === 'AT_ChangeOwner') found.kinds.add('alter-owner')
    if (subtype.includes('RowSecurity')) found.kinds.add('alter-policy')
    if (subtype.includes('Trig')) found.kinds.add('alter-trigger')
    if (subtype.includes('Rule')) found.kinds.add('alter-rule')
    if (node['behavior'] === 'DROP_CASCADE') found.unknown.add('CASCADE drops whatever depends on it')
    visitFields(node, found, scope)
  },
  AlterObjectSchemaStmt: (node, found, scope) => {
    found.kinds.add('alter-object-schema')
    write(node, found)
    visitFields(node, found, scope, ['relation'])
  },
  IndexStmt: (node, found, scope) => {
    found.kinds.add('create-index')
    write(node, found)
    visitFields(node, found, scope, ['relation'])
  },
  RuleStmt: (node, found) => {
    found.kinds.add('create-rule')
    write(node, found)
    found.unknown.add('a rule changes what later statements do')
  },
  CreateTrigStmt: (node, found) => {
    found.kinds.add('create-trigger')
    write(node, found)
  },
  DropStmt: (node, found) => {
    const kind = objectKind(node['removeType'])
    found.kinds.add(`drop-${kind}`)
    if (node['behavior'] === 'DROP_CASCADE') found.unknown.add('CASCADE drops whatever depends on it')
    for (const { List } of (ON_RELATION.has(kind) ? (node['objects'] ?? []) : []) as { List: { items: unknown[] } }[]) {
      const name = readName(List.items.slice(0, -1))
      if (name) found.writes.set(keyOf(name), name)
    }
    if (!RELATION_KINDS.has(kind)) return
    for (const { List } of (node['objects'] ?? []) as { List?: { items: unknown } }[]) {
      const name = List && readName(List.items)
      if (name) found.writes.set(keyOf(name), name)
    }
  },
  VariableSetStmt: (node, found) => {
    const name = node['kind'] === 'VAR_RESET_ALL' ? '*' : String(node['name'] ?? '*').toLowerCase()
    found.kinds.add(String(node['kind']).startsWith('VAR_RESET') ? 'reset' : kindOfSet(name))
    found.settings.push({ name, value: literals(node['args']) })
    if (setsReadWrite(node['args'])) found.readWrite = true
  },
  DiscardStmt: (node, found) => {
    found.kinds.add('discard')
    if (node['target'] === 'DISCARD_ALL') found.settings.push({ name: '*', value: undefined })
  },
  TransactionStmt: (node, found) => {
    const kind = kebab(String(node['kind']).replace('TRANS_STMT_', ''))
    found.kinds.add(kind === 'prepare' ? 'prepare-transaction' : kind)
    if (setsReadWrite(node['options'])) found.readWrite = true
  },
  PrepareStmt: (node, found, scope) => {
    found.kinds.add('prepare')
    found.names.push(String(node['name']))
    visitFields(node, found, scope)
  },
  ExecuteStmt: (node, found, scope) => {
    found.kinds.add('execute')
    found.unknown.add('EXECUTE runs a statement that was prepared before')
    found.executes = String(node['name'])
    visitFields(node, found, scope)
  },
  DeallocateStmt: (node, found) => {
    found.kinds.add('deallocate')
    found.names.push(node['name'] === undefined ? '*' : String(node['name']))
  },
  DeclareCursorStmt: (node, found, scope) => {
    found.kinds.add('declare-cursor')
    found.names.push(String(node['portalname']))
    visitFields(node, found, scope)
  },
  FetchStmt: (node, found) => {
    found.kinds.add(node['ismove'] === true ? 'move' : 'fetch')
    found.names.push(String(node['portalname']))
  },
  ClosePortalStmt: (node, found) => {
    found.kinds.add('close-cursor')
    found.names.push(String(node['portalname'] ?? '*'))
  },
  DoStmt: (_node, found) => {
    found.kinds.add('do')
    found.unknown.add('DO runs a program that is not read')
  },
  CallStmt: (node, found, scope) => {
    found.kinds.add('call')
    found.unknown.add('CALL runs a procedure that is not read')
    visitFields(node, found, scope)
  },
  CreateFunctionStmt: (node, found) => {
    found.kinds.add(node['is_procedure'] === true ? 'create-procedure' : 'create-function')
  },
  TableLikeClause: (node, found) => addRelation(node['relation'] as Node, found.reads, []),
  VacuumStmt: (node, found, scope) => {
    found.kinds.add(node['is_vacuumcmd'] === true ? 'vacuum' : 'analyze')
    visitFields(node, found, scope)
  },
  VacuumRelation: (node, found) => {
    if (node['relation'] !== undefined) addRelation(node['relation'] as Node, found.reads, [])
  },
  GrantStmt: (node, found, scope) => {
    found.kinds.add('grant')
    if (node['targtype'] !== 'ACL_TARGET_OBJECT') found.unknown.add('it names objects that are not listed')
    visitFields(node, found, scope)
  },
  DefElem: (node, found, scope) => {
    if (/password/i.test(String(node['defname']))) found.secret = true
    visitFields(node, found, scope)
  },
  AlterRoleStmt: (node, found, scope) => account('alter-role', node, found, scope),
  AlterRoleSetStmt: (node, found, scope) => account('alter-role', node, found, scope),
  CreateRoleStmt: (node, found, scope) => account('create-role', node, found, scope),
  CreateUserMappingStmt: (node, found, scope) => account('create-user-mapping', node, found, scope),
  AlterUserMappingStmt: (node, found, scope) => account('alter-user-mapping', node, found, scope),
  CreateSubscriptionStmt: (node, found, scope) => account('create-subscription', node, found, scope),
  AlterSubscriptionStmt: (node, found, scope) => account('alter-subscription', node, found, scope),
}

function account(kind: string, node: Node, found: Findings, scope: Scope): void {
  found.kinds.add(kind)
  found.secret = true
  visitFields(node, found, scope)
}

function optionValue(node: Node, name: string): string | undefined {
  const options = (node['options'] ?? []) as { DefElem?: { defname?: string; arg?: { String?: { sval?: string } } } }[]
  return options.find(({ DefElem }) => DefElem?.defname === name)?.DefElem?.arg?.String?.sval?.toLowerCase()
}

const kebab = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()

const MERGE_COMMANDS: Readonly<Record<string, string>> = {
  CMD_INSERT: 'insert',
  CMD_UPDATE: 'update',
  CMD_DELETE: 'delete',
}
/** Relations that a definition refers to and leaves as they are. */
const READ_FIELDS = new Set(['pktable'])
/** Kinds of objects whose name ends with their own, after that of the relation they belong to. */
const ON_RELATION = new Set(['trigger', 'policy', 'rule'])
const RELATION_KINDS = new Set(['table', 'view', 'materialized-view', 'sequence', 'foreign-table', 'index'])
/** Tables and their like, their parts, and types. */
const RENAMED_WITH_RELATIONS = new Set([
  ...RELATION_KINDS,
  'column',
  'tabconstraint',
  'type',
  'attribute',
  'domain',
  'domconstraint',
])

/** What an object is called in SQL, where the parser has a shorter name for it. */
const objectKind = (objectType: unknown): string => {
  const kind = kebab(String(objectType).replace('OBJECT_', ''))
  return OBJECT_KINDS[kind] ?? kind
}
const OBJECT_KINDS: Readonly<Record<string, string>> = {
  matview: 'materialized-view',
  opclass: 'operator-class',
  opfamily: 'operator-family',
  'statistic-ext': 'statistics',
  tsconfiguration: 'text-search-configuration',
  tsdictionary: 'text-search-dictionary',
  tsparser: 'text-search-parser',
  tstemplate: 'text-search-template',
}

/** Kinds whose name does not follow from the parser's node. */
const STATEMENT_KINDS: Readonly<Record<string, string>> = {
  VariableShowStmt: 'show',
  ConstraintsSetStmt: 'set-constraints',
  CheckPointStmt: 'checkpoint',
  CreatedbStmt: 'create-database',
  DropdbStmt: 'drop-database',
  CreateSeqStmt: 'create-sequence',
  AlterSeqStmt: 'alter-sequence',
  CreateExtensionStmt: 'create-extension',
  CreateEnumStmt: 'create-type',
  CompositeTypeStmt: 'create-type',
  CreateRangeStmt: 'create-type',
  DefineStmt: 'define',
  ReindexStmt: 'reindex',
  GrantRoleStmt: 'grant-role',
  AlterSystemStmt: 'alter-system',
  AlterDatabaseSetStmt: 'alter-database',
  AlterOwnerStmt: 'alter-owner',
  RefreshMatViewStmt: 'refresh-materialized-view',
  SecLabelStmt: 'security-label',
  CreateTableSpaceStmt: 'create-tablespace',
  DropTableSpaceStmt: 'drop-tablespace',
  CreatePLangStmt: 'create-language',
  CreateEventTrigStmt: 'create-event-trigger',
  AlterEventTrigStmt: 'alter-event-trigger',
  CreateOpClassStmt: 'create-operator-class',
  CreateOpFamilyStmt: 'create-operator-family',
  AlterOpFamilyStmt: 'alter-operator-family',
  CreateAmStmt: 'create-access-method',
  CreateStatsStmt: 'create-statistics',
  AlterStatsStmt: 'alter-statistics',
  AlterTSConfigurationStmt: 'alter-text-search-configuration',
  AlterTSDictionaryStmt: 'alter-text-search-dictionary',
  AlterEnumStmt: 'alter-type',
  AlterDatabaseRefreshCollStmt: 'alter-database',
  AlterTableSpaceOptionsStmt: 'alter-tablespace',
}
