import { isAlways } from '../conditions/always-true.ts'
import type { Assignment, Change, Delete, Expression, Insert, Merge, Statement, Update } from '../query.ts'
import { addConversion } from './conversions.ts'
import { add, type Findings } from './findings.ts'
import { addStored, readAll, readExpression } from './read-expression.ts'
import { readFrom, readTargets, readWith } from './read-query.ts'
import { rowNames, targetRow, type Scope } from './row-names.ts'

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

export function readInsert(node: Insert, found: Findings, outer: Scope): void {
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

/** The source of an INSERT. Rows of VALUES are converted one by one; of a query, any conversion may take place. */
function readSource(source: Statement, found: Findings, scope: Scope): void {
  if (source.kind !== 'values' || source.order.length > 0) {
    addConversion({ to: 'stored', how: 'assignment', from: undefined }, found)
    return found.read(source, found, scope)
  }
  const ctes = readWith(source.with, found, scope)
  // Many rows of constants are the same object (readRows).
  let before: readonly Expression[] | undefined
  for (const row of source.rows) {
    if (row !== before) addStored(row, 'stored', found, ctes)
    before = row
  }
  readAll([...source.limit, ...source.offset], found, ctes)
}

export function readChange(node: Update | Delete, found: Findings, outer: Scope): void {
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

export function readJoinedChange(node: Change, found: Findings, outer: Scope): void {
  found.kinds.add(node.does)
  const ctes = readWith(node.with, found, outer)
  const [only, ...others] = node.from
  // Joined tables are read, including those that are written.
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

export function readMerge(node: Merge, found: Findings, outer: Scope): void {
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
    // Rows without a match may be all rows: only a condition of the clause leaves any out.
    const decides = when === 'not-matched-by-source' ? condition : on
    if (changes && isAlways(decides, target, [source], found.dialect)) found.missingWhere = true
    readAll([condition, ...subscripts], found, scope)
    addStored(values, 'stored', found, scope)
    readAssignments(set, found, scope)
  }
  readReturning(node, found, scope)
}
