import type * as pg from '@pgsql/types'
import type {
  ArrayOf,
  Built,
  Constant,
  Expression,
  Name,
  Sort,
  Statement,
  TypeName,
  Window,
} from '../../../sql/query.ts'
import {
  bodyOf,
  constantOf,
  known,
  listOf,
  nameOf,
  NotRead,
  opaque,
  textsOf,
  typeOf,
  type Bodies,
  type NodeType,
  entryOf,
} from './syntax.ts'

/** Maps a query within an expression. It is passed in by the mapping of statements, which themselves contain expressions. */
export type ReadStatement = (node: pg.Node) => Statement

const NONE: readonly never[] = []

type Mapping<T extends NodeType> = (node: Bodies[T], read: Reader) => Expression
type Mappings = { readonly [T in NodeType]?: Mapping<T> }

/** Maps expressions of the grammar to the neutral tree. */
export class Reader {
  readonly statement: ReadStatement

  constructor(statement: ReadStatement) {
    this.statement = statement
  }

  expression(node: pg.Node | undefined): Expression {
    try {
      if (node === undefined) throw new NotRead('a part that is missing')
      const type = typeOf(node)
      const map = entryOf<NodeType, [Reader], Expression>(MAPPINGS, type)
      if (map === undefined) throw new NotRead(type)
      return map(bodyOf(type, node), this)
    } catch (error) {
      return opaque(error, node)
    }
  }

  maybe(node: pg.Node | undefined): Expression | undefined {
    return node === undefined ? undefined : this.expression(node)
  }

  /** The arguments that are not undefined. */
  some(first: pg.Node | undefined, second?: pg.Node): readonly Expression[] {
    if (first === undefined) return second === undefined ? NONE : [this.expression(second)]
    return second === undefined ? [this.expression(first)] : [this.expression(first), this.expression(second)]
  }

  all(nodes: readonly pg.Node[] | undefined): readonly Expression[] {
    return nodes === undefined ? NONE : nodes.map((node) => this.expression(node))
  }

  sorts(nodes: readonly pg.Node[] | undefined): readonly Sort[] {
    if (nodes === undefined) return NONE
    return nodes.map((node): Sort => {
      const { node: by, useOp } = bodyOf('SortBy', node)
      return { by: this.expression(by), operator: nameOf(useOp) }
    })
  }

  window(node: pg.WindowDef): Window {
    const { name, refname, partitionClause, orderClause, startOffset, endOffset } = known('WindowDef', node)
    return {
      refers: name ?? refname,
      partition: this.all(partitionClause),
      order: this.sorts(orderClause),
      frame: this.some(startOffset, endOffset),
    }
  }

  type(node: pg.TypeName | undefined): TypeName {
    if (node === undefined) throw new NotRead('TypeName')
    const { names, typmods, arrayBounds } = known('TypeName', node)
    // Modifiers are constants or words; the server rejects anything else.
    const modifiers = listOf(typmods).flatMap((modifier): Constant[] => {
      if ('A_Const' in modifier) return [constantOf(bodyOf('A_Const', modifier))]
      if (!('ColumnRef' in modifier)) throw new NotRead('TypeName.typmods')
      return []
    })
    const name = nameOf(names)
    if (name === undefined) throw new NotRead('TypeName.names')
    return { ...name, limited: typmods !== undefined, modifiers, array: arrayBounds !== undefined }
  }

  types(...nodes: readonly (pg.TypeName | undefined)[]): TypeName[] {
    return nodes.flatMap((node) => (node === undefined ? [] : [this.type(node)]))
  }

  built(what: string, args: readonly Expression[], more: Partial<Built> = {}): Built {
    return {
      kind: 'built',
      what,
      args,
      total: false,
      filter: undefined,
      order: [],
      window: undefined,
      types: [],
      ...more,
    }
  }

  jsonValue(node: pg.JsonValueExpr | undefined): Expression[] {
    return node === undefined ? [] : [MAPPINGS.JsonValueExpr(known('JsonValueExpr', node), this)]
  }

  /** ON EMPTY and ON ERROR. */
  behaviours(...nodes: readonly (pg.JsonBehavior | undefined)[]): Expression[] {
    return nodes.flatMap((node) => (node === undefined ? [] : this.some(known('JsonBehavior', node).expr)))
  }

  jsonTypes(output: pg.JsonOutput | undefined): TypeName[] {
    return output === undefined ? [] : this.types(known('JsonOutput', output).typeName)
  }

  /** The items of a list node, or the single expression in its place. */
  items(node: pg.Node | undefined): readonly pg.Node[] {
    if (node === undefined) return []
    return 'List' in node ? listOf(bodyOf('List', node).items) : [node]
  }

  operator(list: readonly pg.Node[] | undefined): Name {
    const name = nameOf(list)
    if (name === undefined) throw new NotRead('an operator without a name')
    return name
  }
}

const bare = (name: string): Name => ({ schema: undefined, name })
const EQUALS = [bare('=')]

/** The operators that the server looks up by name for it. Source: transformExprRecurse and gram.y of PostgreSQL. */
const BETWEEN: Readonly<Record<string, { readonly negated: boolean; readonly operators: readonly Name[] }>> = {
  AEXPR_BETWEEN: { negated: false, operators: [bare('>='), bare('<=')] },
  AEXPR_NOT_BETWEEN: { negated: true, operators: [bare('<'), bare('>')] },
  AEXPR_BETWEEN_SYM: { negated: false, operators: [bare('>='), bare('<=')] },
  AEXPR_NOT_BETWEEN_SYM: { negated: true, operators: [bare('<'), bare('>')] },
}

function operation(node: pg.A_Expr, read: Reader): Expression {
  const { kind, name, lexpr, rexpr } = node
  const of = (
    form: 'plain' | 'any' | 'all' | 'in' | 'between' | 'distinct' | 'nullif' | 'like',
    args: readonly Expression[],
    operators: readonly Name[] = [read.operator(name)],
    negated = false,
  ): Expression => ({ kind: 'operation', form, negated, operators, args })
  switch (kind) {
    case 'AEXPR_OP':
      return of('plain', read.some(lexpr, rexpr))
    case 'AEXPR_OP_ANY':
      return of('any', read.some(lexpr, rexpr))
    case 'AEXPR_OP_ALL':
      return of('all', read.some(lexpr, rexpr))
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return of('distinct', read.some(lexpr, rexpr), [read.operator(name)], kind === 'AEXPR_NOT_DISTINCT')
    case 'AEXPR_NULLIF':
      return of('nullif', read.some(lexpr, rexpr))
    case 'AEXPR_IN': {
      const operators = [read.operator(name)]
      return of('in', [...read.some(lexpr), ...read.all(read.items(rexpr))], operators, operators[0]?.name === '<>')
    }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return of('like', read.some(lexpr, rexpr))
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM': {
      const between = BETWEEN[kind]
      return of('between', [...read.some(lexpr), ...read.all(read.items(rexpr))], between?.operators, between?.negated)
    }
    case undefined:
    default:
      throw new NotRead(`A_Expr of kind ${kind}`)
  }
}

const LOGIC: Readonly<Record<string, 'and' | 'or' | 'not'>> = { AND_EXPR: 'and', OR_EXPR: 'or', NOT_EXPR: 'not' }
const TRUTH: Readonly<Record<string, readonly ['true' | 'false' | 'unknown', boolean]>> = {
  IS_TRUE: ['true', false],
  IS_NOT_TRUE: ['true', true],
  IS_FALSE: ['false', false],
  IS_NOT_FALSE: ['false', true],
  IS_UNKNOWN: ['unknown', false],
  IS_NOT_UNKNOWN: ['unknown', true],
}
const GIVES: Readonly<Record<string, 'exists' | 'value' | 'array' | 'rows'>> = {
  EXISTS_SUBLINK: 'exists',
  ALL_SUBLINK: 'rows',
  ANY_SUBLINK: 'rows',
  EXPR_SUBLINK: 'value',
  ARRAY_SUBLINK: 'array',
}

/** JSON constructors that never fail: they return JSON, or text of any length. */
const givesJson = (types: readonly TypeName[]): boolean =>
  types.every(({ name, limited, array }) => ['json', 'jsonb', 'text'].includes(name) && !limited && !array)

const isConstant = (node: Expression | undefined): boolean => node?.kind === 'constant' && node.type !== 'null'

const MAPPINGS = {
  A_Const: (node) => constantOf(node),
  ColumnRef: ({ fields }) => ({ kind: 'column', path: textsOf(fields) }),
  ParamRef: ({ number, location }) => ({ kind: 'parameter', number: number ?? 0, at: location ?? 0 }),
  A_Star: () => ({ kind: 'column', path: ['*'] }),
  A_Expr: operation,
  TypeCast: ({ arg, typeName }, read) => ({ kind: 'cast', arg: read.expression(arg), to: read.type(typeName) }),
  CollateClause: ({ arg }, read) => ({ kind: 'collate', arg: read.expression(arg) }),
  FuncCall: ({ funcname, args, agg_order, agg_filter, agg_within_group, agg_distinct, over }, read) => {
    const name = nameOf(funcname)
    if (name === undefined) throw new NotRead('FuncCall.funcname')
    return {
      kind: 'call',
      name,
      args: read.all(args),
      filter: read.maybe(agg_filter),
      order: read.sorts(agg_order),
      ...(agg_distinct === true ? { distinct: true } : {}),
      ordered: agg_within_group === true,
      window: over && read.window(over),
    }
  },
  NamedArgExpr: ({ arg }, read) => read.expression(arg),
  A_Indirection: ({ arg, indirection }, read) => ({
    kind: 'field',
    of: read.expression(arg),
    steps: listOf(indirection).map((step) => {
      if ('A_Star' in step) return '*'
      if ('String' in step) return bodyOf('String', step).sval ?? ''
      const { lidx, uidx } = bodyOf('A_Indices', step)
      return read.some(lidx, uidx)
    }),
  }),
  A_ArrayExpr: ({ elements }, read): ArrayOf => ({ kind: 'array', args: read.all(elements) }),
  BoolExpr: ({ boolop, args }, read) => {
    const how = LOGIC[String(boolop)]
    if (how === undefined) throw new NotRead(`BoolExpr ${boolop}`)
    return { kind: 'logic', how, args: read.all(args) }
  },
  SubLink: ({ subLinkType, testexpr, operName, subselect }, read) => {
    const gives = GIVES[String(subLinkType)]
    if (gives === undefined || subselect === undefined) throw new NotRead(`SubLink ${subLinkType}`)
    return {
      kind: 'subquery',
      gives,
      tested: read.maybe(testexpr),
      // `x IN (SELECT …)` calls `=` by name.
      operators: gives !== 'rows' ? [] : operName === undefined ? EQUALS : [read.operator(operName)],
      all: subLinkType === 'ALL_SUBLINK',
      query: read.statement(subselect),
    }
  },
  CaseExpr: ({ arg, args, defresult }, read) => ({
    kind: 'case',
    operand: read.maybe(arg),
    operators: arg === undefined ? [] : EQUALS,
    branches: listOf(args).map((node) => {
      const { expr, result } = bodyOf('CaseWhen', node)
      return { when: read.expression(expr), gives: read.expression(result) }
    }),
    otherwise: read.maybe(defresult),
  }),
  CoalesceExpr: ({ args }, read) => ({ kind: 'coalesce', args: read.all(args) }),
  MinMaxExpr: ({ op, args }, read) => ({ kind: 'extreme', greatest: op === 'IS_GREATEST', args: read.all(args) }),
  RowExpr: ({ args }, read) => ({ kind: 'row', args: read.all(args) }),
  SQLValueFunction: () => ({ kind: 'system-value' }),
  MergeSupportFunc: () => ({ kind: 'system-value' }),
  NullTest: ({ arg, nulltesttype }, read) => ({
    kind: 'test',
    is: 'null',
    negated: nulltesttype === 'IS_NOT_NULL',
    arg: read.expression(arg),
  }),
  BooleanTest: ({ arg, booltesttype }, read) => {
    const [is, negated] = TRUTH[String(booltesttype)] ?? []
    if (is === undefined) throw new NotRead(`BooleanTest ${booltesttype}`)
    return { kind: 'test', is, negated: negated === true, arg: read.expression(arg) }
  },
  SetToDefault: () => ({ kind: 'default' }),
  CurrentOfExpr: () => ({ kind: 'current-of' }),
  GroupingFunc: ({ args }, read) => ({ kind: 'grouping-set', args: read.all(args) }),
  GroupingSet: ({ content }, read) => ({ kind: 'grouping-set', args: read.all(content) }),
  List: ({ items }, read) => ({ kind: 'row', args: read.all(items) }),
  XmlExpr: ({ op, named_args, args }, read) =>
    read.built(`XML ${String(op).replace('IS_XML', '').toLowerCase()}`, [
      ...listOf(named_args).map((node) => read.expression(bodyOf('ResTarget', node).val)),
      ...read.all(args),
    ]),
  XmlSerialize: ({ expr, typeName }, read) =>
    read.built('XMLSERIALIZE', read.some(expr), { types: read.types(typeName) }),
  JsonValueExpr: ({ raw_expr, format }, read) => {
    const value = read.expression(raw_expr)
    const type = format && known('JsonFormat', format).format_type
    // FORMAT JSON parses the text.
    return type === undefined || type === 'JS_FORMAT_DEFAULT' ? value : read.built('FORMAT JSON', [value])
  },
  JsonIsPredicate: ({ expr }, read) => read.built('IS JSON', read.some(expr)),
  JsonFuncExpr: ({ context_item, pathspec, passing, output, on_empty, on_error }, read) =>
    read.built(
      'JSON functions',
      [
        ...read.jsonValue(context_item),
        ...read.some(pathspec),
        ...listOf(passing).flatMap((node) => read.jsonValue(bodyOf('JsonArgument', node).val)),
        ...read.behaviours(on_empty, on_error),
      ],
      { types: read.jsonTypes(output) },
    ),
  JsonKeyValue: ({ key, value }, read) => ({ kind: 'row', args: [read.expression(key), ...read.jsonValue(value)] }),
  JsonParseExpr: ({ expr, output }, read) =>
    read.built('JSON()', read.jsonValue(expr), { types: read.jsonTypes(output) }),
  JsonScalarExpr: ({ expr, output }, read) => {
    const types = read.jsonTypes(output)
    return read.built('JSON_SCALAR()', read.some(expr), { types, total: givesJson(types) })
  },
  JsonSerializeExpr: ({ expr, output }, read) =>
    read.built('JSON_SERIALIZE()', read.jsonValue(expr), { types: read.jsonTypes(output) }),
  JsonObjectConstructor: ({ exprs, output, unique }, read) => {
    const types = read.jsonTypes(output)
    const pairs = listOf(exprs).map((node) => bodyOf('JsonKeyValue', node))
    const keys = pairs.map(({ key }) => read.expression(key))
    return read.built('JSON_OBJECT()', [...keys, ...pairs.flatMap(({ value }) => read.jsonValue(value))], {
      types,
      // A null key is an error, and so is a repeated one WITH UNIQUE KEYS.
      total: keys.every(isConstant) && unique !== true && givesJson(types),
    })
  },
  JsonArrayConstructor: ({ exprs, output }, read) => {
    const types = read.jsonTypes(output)
    return read.built('JSON_ARRAY()', read.all(exprs), { types, total: givesJson(types) })
  },
  JsonArrayQueryConstructor: ({ query, output }, read) => {
    if (query === undefined) throw new NotRead('JsonArrayQueryConstructor.query')
    const rows: Expression = {
      kind: 'subquery',
      gives: 'array',
      tested: undefined,
      operators: [],
      all: false,
      query: read.statement(query),
    }
    return read.built('JSON_ARRAY()', [rows], { types: read.jsonTypes(output) })
  },
  JsonObjectAgg: ({ constructor, arg }, read) =>
    aggregate('JSON_OBJECTAGG()', constructor, arg === undefined ? [] : read.some({ JsonKeyValue: arg }), false, read),
  JsonArrayAgg: ({ constructor, arg }, read) =>
    aggregate('JSON_ARRAYAGG()', constructor, read.jsonValue(arg), true, read),
} satisfies Mappings

function aggregate(
  what: string,
  constructor: pg.JsonAggConstructor | undefined,
  args: readonly Expression[],
  total: boolean,
  read: Reader,
): Expression {
  const { output, agg_filter, agg_order, over } = known('JsonAggConstructor', constructor) ?? {}
  const types = read.jsonTypes(output)
  return read.built(what, args, {
    types,
    total: total && givesJson(types),
    filter: read.maybe(agg_filter),
    order: read.sorts(agg_order),
    window: over && read.window(over),
  })
}
