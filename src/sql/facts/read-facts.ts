import type { Dialect } from '../dialect.ts'
import { isAlways } from '../conditions/always-true.ts'
import { partsOf, usingOperators, windowParts } from '../parts.ts'
import type {
  Assignment,
  Call,
  Change,
  Delete,
  Expression,
  Field,
  FromItem,
  Insert,
  Merge,
  Query,
  Statement,
  Target,
  TypeName,
  Update,
  Utility,
  With,
} from '../query.ts'
import { add, Findings } from './findings.ts'
import type { Conversion } from './parsed-statement.ts'
import {
  addCte,
  columnsOf,
  cteOf,
  findRow,
  NOWHERE,
  rowNames,
  targetRow,
  type Columns,
  type RowName,
  type Scope,
} from './row-names.ts'

/** What a statement says, without the places of its constants, which its dialect finds in the text. */
export function readFacts(statement: Statement, dialect: Dialect): Findings {
  const found = new Findings(dialect)
  readStatement(statement, found, NOWHERE)
  return found
}

function readStatement(node: Statement, found: Findings, outer: Scope): void {
  switch (node.kind) {
    case 'select':
    case 'set-operation':
    case 'values':
      return readQuery(node, found, outer)
    case 'insert':
      return readInsert(node, found, outer)
    case 'update':
    case 'delete':
      return readChange(node, found, outer)
    case 'change':
      return readJoinedChange(node, found, outer)
    case 'merge':
      return readMerge(node, found, outer)
    case 'utility':
      return readUtility(node, found, outer)
  }
}

/** Common table expressions: each sees those before it, and with RECURSIVE itself and all. */
function readWith(clause: With | undefined, found: Findings, outer: Scope): Scope {
  const ctes = clause?.ctes ?? []
  let scope = outer
  const nameOnly = { names: new Set<string>(), relations: [] }
  if (clause?.recursive === true) for (const { name } of ctes) scope = addCte(scope, name, nameOnly)
  for (const { name, columns, query, adds } of ctes) {
    readStatement(query, found, scope)
    readAll(adds ?? [], found, scope)
    scope = addCte(
      scope,
      name,
      columns.length > 0 ? { names: new Set(columns), relations: [] } : columnsOf(query, scope),
    )
  }
  return scope
}

function readQuery(node: Query, found: Findings, outer: Scope): void {
  // The VALUES of an INSERT are part of it.
  const isPart = node.kind === 'values' && found.kinds.size > 0
  const into = 'into' in node ? node.into : undefined
  if (!isPart) found.kinds.add(into === undefined ? 'select' : 'select-into')
  if (node.locks) found.kinds.add('select-for-update')
  if (into !== undefined) {
    add(into, found.writes)
    add(into, found.makes)
  }
  const { ctes } = readWith(node.with, found, outer)
  const around = found.select
  let scope: Scope = { ctes, rows: NONE, outer }
  switch (node.kind) {
    case 'select':
      found.select = node
      scope = { ctes, rows: readFrom(node.from, found, scope), outer }
      for (const { value } of node.targets) readExpression(value, found, scope)
      if (node.where !== undefined) readExpression(node.where, found, scope)
      if (node.having !== undefined) readExpression(node.having, found, scope)
      readAll(node.group, found, scope)
      if (node.distinct !== undefined) readAll(node.distinct, found, scope)
      for (const window of node.windows) {
        readAll(windowParts(window), found, scope)
        for (const operator of usingOperators(window.order)) add(operator, found.operators)
      }
      break
    case 'set-operation':
      readStatement(node.left, found, scope)
      readStatement(node.right, found, scope)
      break
    case 'values':
      for (const row of node.rows) readAll(row, found, scope)
  }
  for (const { by, operator } of node.order) {
    readExpression(by, found, scope)
    if (operator !== undefined) add(operator, found.operators)
  }
  readAll(node.limit, found, scope)
  readAll(node.offset, found, scope)
  found.select = around
}

const NONE: readonly never[] = []

function readFrom(items: readonly FromItem[], found: Findings, scope: Scope): readonly RowName[] {
  const rows: RowName[] = []
  // A later item may be LATERAL, and names those before it.
  const beside: Scope = { ctes: scope.ctes, rows, outer: scope.outer }
  for (const item of items) {
    readItem(item, found, beside)
    rows.push(...rowNames(item, scope))
  }
  return rows
}

function readItem(item: FromItem, found: Findings, scope: Scope): void {
  switch (item.kind) {
    case 'table':
      if (cteOf(scope, item.name) === undefined) add(item.name, found.reads)
      readAll(item.sample, found, scope)
      if (item.method !== undefined && !found.dialect.names.isSamplingMethod(item.method))
        add(item.method, found.functions)
      return
    case 'derived':
      return readStatement(item.query, found, item.lateral ? scope : { ...scope, rows: [] })
    case 'function-table':
      readAll(item.calls, found, scope)
      return addTypes(item.types, found)
    case 'value-table':
      readAll(item.args, found, scope)
      addConversions(item.types, 'explicit', found)
      return addTypes(item.types, found)
    case 'join': {
      readItem(item.left, found, scope)
      const left = rowNames(item.left, scope)
      readItem(item.right, found, { ...scope, rows: [...scope.rows, ...left] })
      readAll([item.on], found, { ...scope, rows: [...left, ...rowNames(item.right, scope)] })
      for (const operator of item.operators) add(operator, found.operators)
      return
    }
    case 'opaque':
      return readExpression(item, found, scope)
  }
}

const readTargets = (targets: readonly Target[], found: Findings, scope: Scope): void =>
  readAll(
    targets.map(({ value }) => value),
    found,
    scope,
  )

function readAll(nodes: readonly (Expression | undefined)[], found: Findings, scope: Scope): void {
  for (const node of nodes) if (node !== undefined) readExpression(node, found, scope)
}

function readExpression(node: Expression, found: Findings, scope: Scope): void {
  if (node.kind === 'column') {
    const [row, name] = node.path.slice(-2)
    if (row !== undefined && name !== undefined) addField(row, name, found, scope)
    return
  }
  if (node.kind === 'constant') return
  if (node.kind === 'parameter') return found.noteParameter(node.number, undefined)
  if (node.kind === 'opaque') {
    found.unknown.add(`${node.what} is not read`)
    for (const relation of node.reads) add(relation, found.reads)
    return
  }
  if (node.kind === 'field') addFields(node, found, scope)
  if (node.kind === 'cast') {
    addTypes([node.to], found)
    return addCast(node.arg, { type: found.dialect.names.elementType(node.to.name) }, found, scope)
  }
  if (node.kind === 'built') addConversions(node.types, 'explicit', found)
  if (node.kind === 'assign') found.kinds.add('set-user-variable')
  if (node.kind === 'call') {
    addSetting(node, found)
    const delivery = found.dialect.deliveryOf(node)
    if (delivery !== undefined) found.kinds.add(delivery.kind)
  }
  const { expressions, statements, operators, functions, types } = partsOf(node)
  for (const name of functions) add(name, found.functions)
  for (const name of operators) add(name, found.operators)
  addTypes(types, found)
  for (const part of expressions) readExpression(part, found, scope)
  for (const statement of statements) readStatement(statement, found, { ...scope, rows: [], outer: scope })
}

/** A call that is a SET by another name. */
function addSetting(node: Call, found: Findings): void {
  const change = found.dialect.settingOf(node, found.select)
  if (change === undefined) return
  if (change === 'opaque') {
    found.opaqueSettings = true
    return
  }
  found.kinds.add(change.kind)
  found.settings.push({ name: change.name, value: change.value })
}

const addTypes = (types: readonly TypeName[], found: Findings): void => {
  for (const { name } of types) found.typeNames.add(name)
}

function addConversions(types: readonly TypeName[], how: Conversion['how'], found: Findings): void {
  const { elementType } = found.dialect.names
  for (const { name } of types) addConversion({ to: { type: elementType(name) }, how, from: undefined }, found)
}

function addConversion(conversion: Conversion, found: Findings): void {
  const { to, how, from } = conversion
  // A text may store thousands of values: no name has the character between.
  const source =
    from === undefined || typeof from === 'string' ? from : 'type' in from ? from.type : JSON.stringify(from)
  found.conversions.set(`${typeof to === 'string' ? to : `.${to.type}`}\0${how}\0${source}`, conversion)
}

/** `value::type`. A constant or parameter without a type of its own becomes one of the type by what reads its text. */
function addCast(arg: Expression, to: Conversion['to'], found: Findings, scope: Scope): void {
  if (arg.kind === 'parameter') return found.noteParameter(arg.number, to)
  // Its elements are converted one by one.
  if (arg.kind === 'array') {
    for (const element of arg.args) addCast(element, to, found, scope)
    return
  }
  convert(arg, to, 'explicit', found, scope)
  readExpression(arg, found, scope)
}

/** Values that are stored in columns, or become arguments. */
function addStored(values: readonly Expression[], to: Conversion['to'], found: Findings, scope: Scope): void {
  for (const value of values) {
    if (value.kind === 'parameter') {
      found.noteParameter(value.number, to, 'assignment')
      continue
    }
    convert(value, to, 'assignment', found, scope)
    readExpression(value, found, scope)
  }
}

function convert(value: Expression, to: Conversion['to'], how: Conversion['how'], found: Findings, scope: Scope): void {
  if (value.kind === 'default') return
  const sources =
    value.kind === 'constant'
      ? found.dialect.names.constantTypes[value.type].map((type) => ({ type }))
      : [sourceOf(value, scope, found.dialect)]
  for (const from of sources) addConversion({ to, how, from }, found)
}

function sourceOf(arg: Expression, scope: Scope, { names }: Dialect): Conversion['from'] {
  if (arg.kind === 'cast') return names.isSystem(arg.to) ? { type: names.elementType(arg.to.name) } : undefined
  if (arg.kind === 'call') return names.isSystem(arg.name) ? { given: [arg.name.name] } : undefined
  if (arg.kind === 'operation' && arg.form === 'plain' && arg.operators.length > 0)
    return arg.operators.every(names.isSystem) ? { given: arg.operators.map(({ name }) => name) } : undefined
  if (arg.kind !== 'column') return undefined
  const [row, name] = arg.path.length === 1 ? [undefined, arg.path[0]] : arg.path.slice(-2)
  if (name === undefined || name === '*') return undefined
  const rows = row === undefined ? everyRow(scope) : [findRow(scope, row)]
  // What a query or a function gives may have any type.
  const isOfRelations = rows.every(
    (columns) => columns !== undefined && columns.names.size === 0 && columns.relations.length > 0,
  )
  return isOfRelations ? { name, of: rows.flatMap((columns) => columns?.relations ?? []) } : undefined
}

function everyRow(scope: Scope): readonly Columns[] {
  const rows: Columns[] = []
  for (let level: Scope | undefined = scope; level !== undefined; level = level.outer) rows.push(...level.rows)
  return rows
}

/** `row.name` calls the function `name` where the row has no such column. */
function addField(row: string, name: string, found: Findings, scope: Scope): void {
  if (name === '*') return
  const columns = findRow(scope, row)
  if (columns?.names.has(name) === true) return
  noteField(name, columns?.relations ?? [], found)
}

function addFields({ of, steps }: Field, found: Findings, scope: Scope): void {
  const [first] = steps
  const isRow = of.kind === 'column' && of.path.length === 1 && typeof first === 'string'
  if (isRow) addField(String(of.path[0]), first, found, scope)
  for (const step of isRow ? steps.slice(1) : steps)
    if (typeof step === 'string' && step !== '*') noteField(step, [], found)
}

const noteField = (name: string, of: readonly { schema: string | undefined; name: string }[], found: Findings): void =>
  void found.fields.set(JSON.stringify([name, of]), { name, of })

// ── writes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const nameOfTarget = ({ target }: Insert | Update | Delete | Merge): string => target.alias?.name ?? target.name.name

function readReturning(node: Insert | Update | Delete | Merge, found: Findings, scope: Scope): void {
  const { returning, target } = node
  if (returning === undefined) return
  const rows = returning.names.map((alias) => targetRow(target, alias))
  readTargets(returning.targets, found, { ...scope, rows: [...scope.rows, ...rows] })
}

function readAssignments(set: readonly Assignment[], found: Findings, scope: Scope): void {
  for (const { subscripts, value } of set) {
    readAll(subscripts, found, scope)
    addStored([value], 'stored', found, scope)
  }
}

function readInsert(node: Insert, found: Findings, outer: Scope): void {
  const { target, conflict, source, subscripts } = node
  found.kinds.add(node.replaces ? 'replace' : 'insert')
  add(target.name, found.writes)
  if (conflict !== undefined) found.kinds.add('update')
  const ctes = readWith(node.with, found, outer)
  if (source !== undefined) readSource(source, found, ctes)
  const beside = conflict?.seesSource === true && source?.kind === 'select' ? source.from : []
  const scope: Scope = {
    ctes: ctes.ctes,
    rows: [
      ...[nameOfTarget(node), ...(conflict === undefined ? [] : [conflict.given])].map((alias) =>
        targetRow(target, alias),
      ),
      ...beside.flatMap((item) => rowNames(item, ctes)),
    ],
    outer,
  }
  readAll(subscripts, found, scope)
  if (conflict !== undefined) {
    readAll([...conflict.expressions, conflict.predicate, conflict.where], found, scope)
    readAssignments(conflict.set, found, scope)
  }
  readReturning(node, found, scope)
}

/** What is inserted: rows of values are converted one by one, those of a query as it gives them. */
function readSource(source: Statement, found: Findings, scope: Scope): void {
  if (source.kind !== 'values' || source.order.length > 0) {
    addConversion({ to: 'stored', how: 'assignment', from: undefined }, found)
    return readStatement(source, found, scope)
  }
  const ctes = readWith(source.with, found, scope)
  // Rows of constants alone may be one row many times over.
  let before: readonly Expression[] | undefined
  for (const row of source.rows) {
    if (row !== before) addStored(row, 'stored', found, ctes)
    before = row
  }
  readAll([...source.limit, ...source.offset], found, ctes)
}

function readChange(node: Update | Delete, found: Findings, outer: Scope): void {
  found.kinds.add(node.kind)
  add(node.target.name, found.writes)
  if (isAlways(node.where, node.target, node.from, found.dialect)) found.missingWhere = true
  const ctes = readWith(node.with, found, outer)
  const own = [targetRow(node.target, nameOfTarget(node))]
  const from = readFrom(node.from, found, { ctes: ctes.ctes, rows: [], outer })
  const scope: Scope = { ctes: ctes.ctes, rows: [...own, ...from], outer }
  readAll([node.where], found, scope)
  if (node.kind === 'update') readAssignments(node.set, found, scope)
  readReturning(node, found, scope)
}

function readJoinedChange(node: Change, found: Findings, outer: Scope): void {
  found.kinds.add(node.does)
  const ctes = readWith(node.with, found, outer)
  const [only, ...others] = node.from
  // Of joined tables all are read, also those written.
  const isAlone = only?.kind === 'table' && others.length === 0
  const from = isAlone ? rowNames(only, ctes) : readFrom(node.from, found, { ctes: ctes.ctes, rows: [], outer })
  for (const { table, met } of node.targets) {
    add(table.name, found.writes)
    const conditions = [...met, ...(node.where === undefined ? [] : [node.where])]
    const where = conditions.length > 1 ? ({ kind: 'logic', how: 'and', args: conditions } as const) : conditions[0]
    if (isAlways(where, table, isAlone ? [] : node.from, found.dialect)) found.missingWhere = true
  }
  const scope: Scope = { ctes: ctes.ctes, rows: from, outer }
  readAll([node.where], found, scope)
  readAssignments(node.set, found, scope)
  for (const { by, operator } of node.order) {
    readExpression(by, found, scope)
    if (operator !== undefined) add(operator, found.operators)
  }
  readAll(node.limit, found, scope)
  if (node.returning !== undefined) readTargets(node.returning.targets, found, scope)
}

function readMerge(node: Merge, found: Findings, outer: Scope): void {
  const { target, source, on, clauses } = node
  found.kinds.add('merge')
  add(target.name, found.writes)
  const ctes = readWith(node.with, found, outer)
  const from = readFrom([source], found, { ctes: ctes.ctes, rows: [], outer })
  const scope: Scope = { ctes: ctes.ctes, rows: [targetRow(target, nameOfTarget(node)), ...from], outer }
  readAll([on], found, scope)
  for (const { when, does, condition, subscripts, values, set } of clauses) {
    if (does !== 'nothing') found.kinds.add(does)
    const changes = does === 'update' || does === 'delete'
    // Rows that no source matches may be all of them: only a condition of its own leaves any out.
    const decides = when === 'not-matched-by-source' ? condition : on
    if (changes && isAlways(decides, target, [source], found.dialect)) found.missingWhere = true
    readAll([condition, ...subscripts], found, scope)
    addStored(values, 'stored', found, scope)
    readAssignments(set, found, scope)
  }
  readReturning(node, found, scope)
}

// ── all other statements ───────────────────────────────────────────────────────────────────────────────────────────

function readUtility(node: Utility, found: Findings, outer: Scope): void {
  const { detail } = node
  for (const kind of node.does) found.kinds.add(kind)
  for (const reason of node.unknown) found.unknown.add(reason)
  for (const name of node.reads) if (cteOf(outer, name) === undefined) add(name, found.reads)
  for (const name of [...node.writes, ...node.makes]) add(name, found.writes)
  for (const name of node.makes) add(name, found.makes)
  for (const name of node.operators) add(name, found.operators)
  addTypes(node.types, found)
  // A new table converts nothing to the types of its columns.
  if (!node.does.includes('create-table')) addConversions(node.types, 'assignment', found)
  if (node.does.includes('prepare') && node.types.length > 0) found.declaresParameters = true
  found.settings.push(...detail.settings)
  found.names.push(...detail.names)
  if (detail.readWrite) found.readWrite = true
  if (detail.secret) found.secret = true
  if (detail.cascade) found.cascade = true
  if (detail.executes !== undefined) found.executes = detail.executes
  if (detail.renamesSchema !== undefined) found.renamesSchema = detail.renamesSchema
  if (detail.copy !== undefined) found.copy = detail.copy
  const rows: RowName[] = node.on === undefined ? [] : [{ alias: node.on.name, names: new Set(), relations: [node.on] }]
  const scope: Scope = { ctes: outer.ctes, rows, outer }
  addStored(node.expressions, 'any', found, scope)
  readAll([detail.index?.predicate], found, scope)
  if (detail.explain === 'runs') found.explainRuns = true
  for (const statement of node.statements) {
    if (detail.explain !== 'plans') {
      readStatement(statement, found, outer)
      continue
    }
    const planned = new Findings(found.dialect)
    readStatement(statement, planned, outer)
    found.addPlanned(planned)
  }
}
