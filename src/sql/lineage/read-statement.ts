import type { Statement } from '../query.ts'
import { OpenConstants } from './open-constants.ts'
import type { Output } from './origin.ts'
import type { Place } from './read-from.ts'
import { readQuery } from './read-query.ts'
import { readUtility, stored } from './read-utility.ts'
import { readChange, readDelete, readInsert, readMerge, readUpdate } from './read-writes.ts'
import { LineageFindings, type Sources, type StatementLineage } from './report.ts'
import type { Ctes, QueryScope } from './scope.ts'

/**
 * Where the columns of a statement's result come from, where it tells masked values otherwise, and which ones it would
 * store elsewhere.
 */
export function lineageOf(tree: Statement, sources: Sources, isDefinition = false): StatementLineage {
  const found = new LineageFindings(sources, new OpenConstants(tree, sources.dialect.totals))
  const outputs = readStatement(tree, found, undefined, undefined)
  for (const { origin } of outputs) found.meets(origin)
  const { copies, constants, columns, textParameters, order, assigned } = found
  const leaks = isDefinition ? found.leaks : [...found.leaks, ...order]
  return {
    outputs,
    leaks,
    copies,
    order,
    mixes: constants.isMixed || found.comparesRows,
    visible: constants.found,
    columns: [...columns],
    textParameters: [...textParameters],
    assigned,
  }
}

function readStatement(
  node: Statement,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
): readonly Output[] {
  const place: Place = { found, outer, ctes, query: readStatement }
  switch (node.kind) {
    case 'select':
    case 'set-operation':
    case 'values': {
      const outputs = readQuery(node, place)
      return 'into' in node && node.into !== undefined ? stored('a new table', outputs, found) : outputs
    }
    case 'insert':
      return readInsert(node, place)
    case 'update':
      return readUpdate(node, place)
    case 'delete':
      return readDelete(node, place)
    case 'change':
      return readChange(node, place)
    case 'merge':
      return readMerge(node, place)
    case 'utility':
      return readUtility(node, place)
  }
}
