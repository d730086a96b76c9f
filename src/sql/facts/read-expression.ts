import { partsOf } from '../parts.ts'
import type { Call, Expression, Field, TypeName } from '../query.ts'
import { addConversions, convert } from './conversions.ts'
import { add, type Findings } from './findings.ts'
import type { Conversion } from './parsed-statement.ts'
import { findRow, type Scope } from './row-names.ts'

export function readAll(nodes: readonly (Expression | undefined)[], found: Findings, scope: Scope): void {
  for (const node of nodes) if (node !== undefined) readExpression(node, found, scope)
}

export function readExpression(node: Expression, found: Findings, scope: Scope): void {
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
  for (const statement of statements) found.read(statement, found, { ...scope, rows: [], outer: scope })
}

/** A call that does what SET does, such as set_config(). */
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

export const addTypes = (types: readonly TypeName[], found: Findings): void => {
  for (const { name } of types) found.typeNames.add(name)
}

/** `value::type`. A constant or parameter without a type of its own is converted by the input function of the type. */
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
export function addStored(values: readonly Expression[], to: Conversion['to'], found: Findings, scope: Scope): void {
  for (const value of values) {
    if (value.kind === 'parameter') {
      found.noteParameter(value.number, to, 'assignment')
      continue
    }
    convert(value, to, 'assignment', found, scope)
    readExpression(value, found, scope)
  }
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
