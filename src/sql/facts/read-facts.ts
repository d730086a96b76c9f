import type { Dialect } from '../dialect.ts'
import type { Statement, Utility } from '../query.ts'
import { addConversions } from './conversions.ts'
import { add, Findings } from './findings.ts'
import { addStored, addTypes, readAll } from './read-expression.ts'
import { readQuery } from './read-query.ts'
import { readChange, readInsert, readJoinedChange, readMerge } from './read-writes.ts'
import { cteOf, NOWHERE, type RowName, type Scope } from './row-names.ts'

/** Collects the facts of a statement, but for the places of its constants, which the dialect finds in the text. */
export function readFacts(statement: Statement, dialect: Dialect): Findings {
  const found = new Findings(dialect, readStatement)
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

function readUtility(node: Utility, found: Findings, outer: Scope): void {
  const { detail } = node
  for (const kind of node.does) found.kinds.add(kind)
  for (const reason of node.unknown) found.unknown.add(reason)
  for (const name of node.reads) if (cteOf(outer, name) === undefined) add(name, found.reads)
  for (const name of [...node.writes, ...node.makes]) add(name, found.writes)
  for (const name of node.makes) add(name, found.makes)
  for (const name of node.operators) add(name, found.operators)
  addTypes(node.types, found)
  // Creating a table converts no values to the types of its columns.
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
    const planned = new Findings(found.dialect, readStatement)
    readStatement(statement, planned, outer)
    found.addPlanned(planned)
  }
}
