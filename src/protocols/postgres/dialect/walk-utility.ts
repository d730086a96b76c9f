import type * as pg from '@pgsql/types'
import { wordList } from '../../../shared/word-list.ts'
import {
  NO_DETAIL,
  type Expression,
  type Name,
  type Statement,
  type TypeName,
  type Utility,
  type UtilityDetail,
} from '../../../sql/query.ts'
import { GRAMMAR } from './grammar.ts'
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
  entryOf,
} from './syntax.ts'
import type { Reader } from './to-expression.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What was found in one statement so far. */
export class Found {
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

/** Walks all fields of a node that its row marks as walked. */
export function walkFields(type: NodeType, body: object, found: Found): void {
  const roles = GRAMMAR.get(type)
  for (const [field, content] of Object.entries(body)) {
    if (roles?.get(field) !== 'walks') continue
    const bare = BARE[field]
    if (bare === undefined) walk(content, found)
    else walkNode(bare, known(bare, content as object), found)
  }
}

export function walk(content: unknown, found: Found): void {
  if (Array.isArray(content)) {
    for (const item of content) walk(item, found)
    return
  }
  if (content === null || typeof content !== 'object') return
  // A missing item, as in `FUNCTION f(int, text)` of an aggregate.
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

export function walkNode(type: NodeType, body: object, found: Found): void {
  if (type in EXPRESSION_FREE) return
  if (type === 'RangeVar') {
    found.reads.push(relationName(body))
    return
  }
  if (type === 'TypeName') {
    found.types.push(found.read.type(body))
    return
  }
  const special = entryOf(NESTED, type)
  special?.(body, found)
  walkFields(type, body, found)
}

/** Fields whose node is written without its type. */
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
  wordList(`
  ColumnDef TableLikeClause PartitionSpec PartitionBoundSpec PartitionRangeDatum AccessPriv ObjectWithArgs FunctionParameter
  StatsElem PublicationObjSpec VacuumRelation ATAlterConstraint TriggerTransition
`),
)

export const write = (relation: pg.RangeVar | undefined, found: Found): void => {
  if (relation === undefined) return
  found.on = relationName(known('RangeVar', relation))
  found.writes.push(found.on)
}
export const make = (relation: pg.RangeVar | undefined, found: Found): void => {
  if (relation === undefined) throw new NotRead('a relation that is missing')
  found.makes.push(relationName(known('RangeVar', relation)))
  if (relation.relpersistence === 't') found.detail.temporary = true
}
export const cascades = (behavior: pg.DropStmt['behavior'], found: Found): void => {
  if (behavior === 'DROP_CASCADE') found.unknown.push('CASCADE drops whatever depends on it')
}

/** System operator classes that definitions may name; any other is user-defined, and its functions run. */
const OPERATOR_CLASS = /^(\w+_(ops|minmax_ops|minmax_multi_ops|bloom_ops|inclusion_ops|pattern_ops))$/
const SYSTEM_CLASSES = new Set(
  wordList(`
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

/** Parts of statements that need more than a walk. */
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
  AlterTableCmd: ({ subtype, behavior, def }, found) => {
    // Its rows become rows of the parent, or no longer are.
    if ((subtype === 'AT_AddInherit' || subtype === 'AT_DropInherit') && def !== undefined)
      found.writes.push(relationName(bodyOf('RangeVar', def)))
    if (subtype === 'AT_ChangeOwner') found.does.push('alter-owner')
    if (subtype === 'AT_DropColumn') found.does.push('drop-column')
    if (subtype === 'AT_DetachPartition' || subtype === 'AT_DetachPartitionFinalize') found.does.push('drop-partition')
    if (String(subtype).includes('RowSecurity')) found.does.push('alter-policy')
    if (String(subtype).includes('Trig')) found.does.push('alter-trigger')
    if (String(subtype).includes('Rule')) found.does.push('alter-rule')
    cascades(behavior, found)
  },
}
