import type * as pg from '@pgsql/types'
import { words } from '../../../shared/words.ts'
import {
  NO_DETAIL,
  type Copy,
  type Expression,
  type Name,
  type Opaque,
  type Statement,
  type TypeName,
  type Utility,
  type UtilityDetail,
} from '../../../sql/query.ts'
import { GRAMMAR } from './grammar.ts'
import { isFalse, kindOfSet, literals, setsReadWrite } from './settings.ts'
import {
  bodyOf,
  known,
  listOf,
  nameOf,
  NotRead,
  relationName,
  textsOf,
  typeOf,
  type Bodies,
  type NodeType,
} from './syntax.ts'
import type { Reader } from './to-expression.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What is found in one statement so far. */
class Found {
  readonly reads: Name[] = []
  readonly writes: Name[] = []
  readonly makes: Name[] = []
  readonly expressions: Expression[] = []
  readonly statements: Statement[] = []
  readonly types: TypeName[] = []
  readonly operators: Name[] = []
  readonly unknown: string[] = []
  readonly does: string[] = []
  on: Name | undefined
  readonly detail: Writable<UtilityDetail> = {
    ...NO_DETAIL,
    settings: [],
    names: [],
    gives: [],
    references: [],
    inherits: [],
  }
  readonly read: Reader

  constructor(read: Reader) {
    this.read = read
  }

  finish(): Utility {
    const { reads, writes, makes, expressions, statements, types, operators, unknown, does, on, detail } = this
    return {
      kind: 'utility',
      does,
      reads,
      writes,
      makes,
      on,
      expressions,
      statements,
      types,
      operators,
      unknown,
      detail,
    }
  }
}

/** A statement that could not be read. */
export const opaqueUtility = (part: Opaque): Utility => ({
  kind: 'utility',
  does: ['unknown'],
  reads: part.reads,
  writes: part.reads,
  makes: [],
  on: undefined,
  expressions: [part],
  statements: [],
  types: [],
  operators: [],
  unknown: [`${part.what} is not read`],
  detail: NO_DETAIL,
})

/** A statement that is no query and no write of rows. Its own mapping reads what is special to it, its row in the table the rest. */
export function toUtility(node: pg.Node, read: Reader): Utility {
  const type = typeOf(node)
  const body = bodyOf(type, node)
  const found = new Found(read)
  const kind = KINDS.get(type)
  const special = STATEMENTS[type] as ((node: Bodies[NodeType], found: Found) => void) | undefined
  if (kind === undefined && special === undefined) throw new NotRead(type)
  if (kind !== undefined) found.does.push(kind)
  const reason = RUNS.get(type)
  if (reason !== undefined) found.unknown.push(reason)
  if (SECRET.has(type)) found.detail.secret = true
  special?.(body, found)
  walkFields(type, body, found)
  return found.finish()
}

/** All fields of a node that its row says are walked. */
function walkFields(type: NodeType, body: object, found: Found): void {
  const roles = GRAMMAR.get(type)
  for (const [field, content] of Object.entries(body)) {
    if (roles?.get(field) !== 'walks') continue
    const bare = BARE[field]
    if (bare === undefined) walk(content, found)
    else walkNode(bare, known(bare, content as object), found)
  }
}

function walk(content: unknown, found: Found): void {
  if (Array.isArray(content)) {
    for (const item of content) walk(item, found)
    return
  }
  if (content === null || typeof content !== 'object') return
  // A place that is left out, as in `FUNCTION f(int, text)` of an aggregate.
  if (Object.keys(content).length === 0) return
  const node = content as pg.Node
  const type = typeOf(node)
  if (type in EXPRESSION_FREE || type in NESTED || type === 'RangeVar' || type === 'TypeName') {
    walkNode(type, bodyOf(type, node), found)
  } else if (type === 'List') {
    walk(bodyOf('List', node).items, found)
  } else if (WALKED.has(type)) walkNode(type, bodyOf(type, node), found)
  else if (type.endsWith('Stmt')) found.statements.push(found.read.statement(node))
  else found.expressions.push(found.read.expression(node))
}

function walkNode(type: NodeType, body: object, found: Found): void {
  if (type in EXPRESSION_FREE) return
  if (type === 'RangeVar') {
    found.reads.push(relationName(body))
    return
  }
  if (type === 'TypeName') {
    found.types.push(found.read.type(body))
    return
  }
  const special = NESTED[type] as ((node: Bodies[NodeType], found: Found) => void) | undefined
  special?.(body, found)
  walkFields(type, body, found)
}

/** Fields whose node stands without its type around it. */
const BARE: Readonly<Record<string, NodeType>> = {
  relation: 'RangeVar',
  constrrel: 'RangeVar',
  typeName: 'TypeName',
  argType: 'TypeName',
  ofTypename: 'TypeName',
  partspec: 'PartitionSpec',
  bound: 'PartitionBoundSpec',
  pubtable: 'PublicationTable',
  func: 'ObjectWithArgs',
  opername: 'ObjectWithArgs',
}

/** Words and numbers. */
const EXPRESSION_FREE: Readonly<Partial<Record<NodeType, true>>> = {
  String: true,
  Integer: true,
  Float: true,
  Boolean: true,
  BitString: true,
  RoleSpec: true,
  A_Star: true,
}

/** Parts of definitions, which are walked by their rows. */
const WALKED: ReadonlySet<string> = new Set(
  words(`
  ColumnDef TableLikeClause PartitionSpec PartitionBoundSpec PartitionRangeDatum AccessPriv ObjectWithArgs FunctionParameter
  StatsElem PublicationObjSpec VacuumRelation ATAlterConstraint TriggerTransition
`),
)

const write = (relation: pg.RangeVar | undefined, found: Found): void => {
  if (relation === undefined) return
  found.on = relationName(known('RangeVar', relation))
  found.writes.push(found.on)
}
const make = (relation: pg.RangeVar | undefined, found: Found): void => {
  if (relation === undefined) throw new NotRead('a relation that is missing')
  found.makes.push(relationName(known('RangeVar', relation)))
  if (relation.relpersistence === 't') found.detail.temporary = true
}
const cascades = (behavior: pg.DropStmt['behavior'], found: Found): void => {
  if (behavior === 'DROP_CASCADE') found.unknown.push('CASCADE drops whatever depends on it')
}

/** Operator classes of the system that definitions name; any other is somebody's, and its functions run. */
const OPERATOR_CLASS = /^(\w+_(ops|minmax_ops|minmax_multi_ops|bloom_ops|inclusion_ops|pattern_ops))$/
const SYSTEM_CLASSES = new Set(
  words(`
  array text varchar bpchar name char bytea bit varbit bool int2 int4 int8 oid oidvector tid xid xid8 cid float4 float8 numeric
  money date time timetz timestamp timestamptz interval macaddr macaddr8 inet cidr network uuid record record_image range
  multirange enum pg_lsn jsonb jsonb_path tsvector tsquery box poly circle point quad_point kd_point box text_pattern
  varchar_pattern bpchar_pattern aclitem datetime integer float
`),
)
function operatorClass(list: readonly pg.Node[] | undefined, found: Found): void {
  const named = nameOf(list)
  if (named === undefined) return
  const stem = OPERATOR_CLASS.test(named.name) ? named.name.replace(/_ops$/, '') : ''
  const system = named.schema === undefined || named.schema === 'pg_catalog'
  if (system && SYSTEM_CLASSES.has(stem.replace(/_(minmax|minmax_multi|bloom|inclusion)$/, ''))) return
  found.unknown.push(`the operator class ${named.name} may run user-defined code`)
}

/** GENERATED … AS IDENTITY (SEQUENCE NAME …) */
const sequenceOf = ({ options }: pg.Constraint): string[] =>
  listOf(options).flatMap((node) => {
    const { defname, arg } = bodyOf('DefElem', node)
    if (defname !== 'sequence_name') return []
    const named = arg === undefined ? undefined : nameOf(bodyOf('List', arg).items)
    if (named === undefined) throw new NotRead('Constraint.options')
    return [named.name]
  })

/** What stands within statements and needs more than a walk. */
const NESTED: { readonly [T in NodeType]?: (node: Bodies[T], found: Found) => void } = {
  DefElem: ({ defname, arg }, found) => {
    if (/password/i.test(String(defname))) found.detail.secret = true
    if (defname === 'verbose') found.detail.verbose = true
    walk(arg, found)
  },
  Constraint: (node, found) => {
    found.detail.checks = true
    found.detail.gives = [
      ...found.detail.gives,
      ...(node.conname === undefined ? [] : [node.conname]),
      ...sequenceOf(node),
    ]
    if (node.pktable !== undefined) {
      const to = relationName(known('RangeVar', node.pktable))
      found.reads.push(to)
      found.detail.references = [...found.detail.references, { to, columns: textsOf(node.pk_attrs) }]
    }
    // EXCLUDE (x WITH operator)
    for (const pair of listOf(node.exclusions)) {
      const [element, operator] = found.read.items(pair)
      if (element !== undefined) walk(element, found)
      const name = operator === undefined ? undefined : nameOf(found.read.items(operator))
      if (name === undefined) throw new NotRead('Constraint.exclusions')
      found.operators.push(name)
    }
  },
  IndexElem: ({ expr, opclass }, found) => {
    walk(expr, found)
    operatorClass(opclass, found)
  },
  PartitionElem: ({ opclass }, found) => operatorClass(opclass, found),
  PartitionCmd: ({ name }, found) => {
    if (name !== undefined) found.writes.push(relationName(known('RangeVar', name)))
  },
  PublicationTable: ({ relation }, found) => write(relation, found),
  ReplicaIdentityStmt: (_node, found) => found.does.push('replica-identity'),
  AlterTableCmd: ({ subtype, behavior }, found) => {
    if (subtype === 'AT_ChangeOwner') found.does.push('alter-owner')
    if (subtype === 'AT_DropColumn') found.does.push('drop-column')
    if (subtype === 'AT_DetachPartition' || subtype === 'AT_DetachPartitionFinalize') found.does.push('drop-partition')
    if (String(subtype).includes('RowSecurity')) found.does.push('alter-policy')
    if (String(subtype).includes('Trig')) found.does.push('alter-trigger')
    if (String(subtype).includes('Rule')) found.does.push('alter-rule')
    cascades(behavior, found)
  },
}

const kebab = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()

/** Statements whose kind follows from their node; those of several kinds add theirs below. */
const KINDS: ReadonlyMap<NodeType, string> = new Map<NodeType, string>([
  ...words(`
    AlterCollationStmt AlterDatabaseStmt AlterDefaultPrivilegesStmt AlterDomainStmt AlterExtensionContentsStmt
    AlterExtensionStmt AlterFdwStmt AlterForeignServerStmt AlterFunctionStmt AlterObjectDependsStmt AlterObjectSchemaStmt
    AlterOperatorStmt AlterPolicyStmt AlterPublicationStmt AlterRoleStmt AlterSubscriptionStmt AlterTableMoveAllStmt
    AlterTypeStmt AlterUserMappingStmt CallStmt ClusterStmt CommentStmt CreateCastStmt CreateConversionStmt
    CreateDomainStmt CreateFdwStmt CreateForeignServerStmt CreatePolicyStmt CreatePublicationStmt CreateRoleStmt
    CreateSchemaStmt CreateSubscriptionStmt CreateTransformStmt CreateUserMappingStmt DeallocateStmt DeclareCursorStmt
    DiscardStmt DoStmt DropOwnedStmt DropRoleStmt DropSubscriptionStmt DropUserMappingStmt ExecuteStmt ExplainStmt
    GrantRoleStmt GrantStmt ImportForeignSchemaStmt ListenStmt LoadStmt NotifyStmt PrepareStmt ReassignOwnedStmt
    ReindexStmt RenameStmt TruncateStmt UnlistenStmt
  `).map((type): [NodeType, string] => [type as NodeType, kebab(type.replace(/Stmt$/, ''))]),
  ['VariableShowStmt', 'show'],
  ['ConstraintsSetStmt', 'set-constraints'],
  ['CheckPointStmt', 'checkpoint'],
  ['CreatedbStmt', 'create-database'],
  ['DropdbStmt', 'drop-database'],
  ['CreateSeqStmt', 'create-sequence'],
  ['AlterSeqStmt', 'alter-sequence'],
  ['CreateExtensionStmt', 'create-extension'],
  ['CreateEnumStmt', 'create-type'],
  ['CompositeTypeStmt', 'create-type'],
  ['CreateRangeStmt', 'create-type'],
  ['DefineStmt', 'define'],
  ['AlterSystemStmt', 'alter-system'],
  ['AlterDatabaseSetStmt', 'alter-database'],
  ['AlterRoleSetStmt', 'alter-role'],
  ['AlterOwnerStmt', 'alter-owner'],
  ['RefreshMatViewStmt', 'refresh-materialized-view'],
  ['SecLabelStmt', 'security-label'],
  ['CreateTableSpaceStmt', 'create-tablespace'],
  ['DropTableSpaceStmt', 'drop-tablespace'],
  ['CreatePLangStmt', 'create-language'],
  ['CreateStmt', 'create-table'],
  ['ViewStmt', 'create-view'],
  ['IndexStmt', 'create-index'],
  ['RuleStmt', 'create-rule'],
  ['CreateTrigStmt', 'create-trigger'],
  ['ClosePortalStmt', 'close-cursor'],
  ['CreateEventTrigStmt', 'create-event-trigger'],
  ['AlterEventTrigStmt', 'alter-event-trigger'],
  ['CreateOpClassStmt', 'create-operator-class'],
  ['CreateOpFamilyStmt', 'create-operator-family'],
  ['AlterOpFamilyStmt', 'alter-operator-family'],
  ['CreateAmStmt', 'create-access-method'],
  ['CreateStatsStmt', 'create-statistics'],
  ['AlterStatsStmt', 'alter-statistics'],
  ['AlterTSConfigurationStmt', 'alter-text-search-configuration'],
  ['AlterTSDictionaryStmt', 'alter-text-search-dictionary'],
  ['AlterEnumStmt', 'alter-type'],
  ['AlterDatabaseRefreshCollStmt', 'alter-database'],
  ['AlterTableSpaceOptionsStmt', 'alter-tablespace'],
])

/** Statements that run or install code which is not read. */
const RUNS: ReadonlyMap<NodeType, string> = new Map<NodeType, string>([
  ['DoStmt', 'DO runs code that cannot be analysed'],
  ['CallStmt', 'CALL runs a procedure that cannot be analysed'],
  ['RuleStmt', 'a rule changes what later statements do'],
  ['CreateEventTrigStmt', 'an event trigger runs code at later statements'],
  ['AlterEventTrigStmt', 'an event trigger runs code at later statements'],
  ['CreateCastStmt', 'a cast changes what later statements run'],
  ['CreateTransformStmt', 'a transform changes what later statements run'],
  ['CreateConversionStmt', 'a conversion runs its function'],
  ['CreateOpClassStmt', 'an operator class changes what later statements run'],
  ['AlterOpFamilyStmt', 'an operator family changes what later statements run'],
  ['CreatePLangStmt', 'a language runs its handlers at later statements'],
  ['CreateAmStmt', 'an access method runs its handler at later statements'],
  ['AlterTypeStmt', 'functions of a type run at later statements'],
  ['AlterOperatorStmt', 'estimators of an operator run at later statements'],
  ['AlterTSDictionaryStmt', 'a dictionary runs the functions of its template'],
  ['LoadStmt', 'LOAD runs code of a library'],
  ['CreateExtensionStmt', 'an extension runs a script that cannot be analysed'],
  ['AlterExtensionStmt', 'an extension runs a script that cannot be analysed'],
  ['CreateFdwStmt', 'a foreign data wrapper runs its functions'],
  ['AlterFdwStmt', 'a foreign data wrapper runs its functions'],
  ['CreateForeignServerStmt', 'a foreign data wrapper runs its functions'],
  ['AlterForeignServerStmt', 'a foreign data wrapper runs its functions'],
  ['CreateUserMappingStmt', 'a foreign data wrapper runs its functions'],
  ['AlterUserMappingStmt', 'a foreign data wrapper runs its functions'],
  ['CreateForeignTableStmt', 'a foreign data wrapper runs its functions'],
  ['ImportForeignSchemaStmt', 'a foreign data wrapper runs its functions'],
])

/** Statements that may carry passwords. */
const SECRET: ReadonlySet<NodeType> = new Set<NodeType>([
  'AlterRoleStmt',
  'AlterRoleSetStmt',
  'CreateRoleStmt',
  'CreateUserMappingStmt',
  'AlterUserMappingStmt',
  'CreateSubscriptionStmt',
  'AlterSubscriptionStmt',
])

/** Languages whose validators are the server's own and only look at the text. */
const LANGUAGES = new Set(['sql', 'plpgsql', 'c', 'internal'])
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

const optionsOf = (nodes: readonly pg.Node[] | undefined): readonly pg.DefElem[] =>
  listOf(nodes).map((node) => bodyOf('DefElem', node))

/** What only some statements have. */
const STATEMENTS: { readonly [T in NodeType]?: (node: Bodies[T], found: Found) => void } = {
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
    // A rule for renaming tables does not speak of roles, functions or triggers.
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
    found.unknown.push('EXECUTE runs a statement that was prepared before')
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
    // Given twice, the last one counts: whichever may run the statement is taken for it.
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

/** SET ROLE NONE and SET SESSION AUTHORIZATION DEFAULT: what pools send to give a connection back, as RESET does. */
const isOwnAgain = (setting: string, kind: unknown, value: string | undefined): boolean =>
  (setting === 'role' && (kind === 'VAR_SET_DEFAULT' || value === 'none')) ||
  (setting === 'session_authorization' && kind === 'VAR_SET_DEFAULT')

/** AccessShareLock in the server's lockdefs.h: what every SELECT takes. */
const ACCESS_SHARE = 1

/** Kinds of objects whose functions run already when they are defined, or at statements that name none of them. */
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
