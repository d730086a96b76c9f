import { usingOperators, windowParts } from '../parts.ts'
import type { FromItem, Query, Target, With } from '../query.ts'
import { addConversions } from './conversions.ts'
import { add, type Findings } from './findings.ts'
import { addTypes, readAll, readExpression } from './read-expression.ts'
import { addCte, columnsOf, cteOf, rowNames, type RowName, type Scope } from './row-names.ts'

/** Common table expressions: each sees those before it; with RECURSIVE, all of them and itself. */
export function readWith(clause: With | undefined, found: Findings, outer: Scope): Scope {
  const ctes = clause?.ctes ?? []
  let scope = outer
  const nameOnly = { names: new Set<string>(), relations: [] }
  if (clause?.recursive === true) for (const { name } of ctes) scope = addCte(scope, name, nameOnly)
  for (const { name, columns, query, adds } of ctes) {
    found.read(query, found, scope)
    readAll(adds ?? [], found, scope)
    scope = addCte(
      scope,
      name,
      columns.length > 0 ? { names: new Set(columns), relations: [] } : columnsOf(query, scope),
    )
  }
  return scope
}

export function readQuery(node: Query, found: Findings, outer: Scope): void {
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
      found.read(node.left, found, scope)
      found.read(node.right, found, scope)
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

export function readFrom(items: readonly FromItem[], found: Findings, scope: Scope): readonly RowName[] {
  const rows: RowName[] = []
  // A later item may be LATERAL and name those before it.
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
      return found.read(item.query, found, item.lateral ? scope : { ...scope, rows: [] })
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

export const readTargets = (targets: readonly Target[], found: Findings, scope: Scope): void =>
  readAll(
    targets.map(({ value }) => value),
    found,
    scope,
  )
