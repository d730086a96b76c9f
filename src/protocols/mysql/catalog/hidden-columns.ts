import { fromParts, partsOf, statementParts } from '../../../sql/parts.ts'
import type { Expression, FromItem, Name, Statement } from '../../../sql/query.ts'
import type { Relation } from '../../../sql/catalog.ts'

/**
 * Whether a definition names columns of a table that the account cannot see, although the definer could: it is unknown whether such columns
 * are masked. The qualifier, which the server always writes, tells the table of a column.
 */
export function hiddenColumns(tree: Statement, find: (named: Name) => Relation | undefined): boolean {
  const tables = new Map<string, Relation[]>()
  const columns: { readonly qualifier: string; readonly name: string }[] = []
  const inExpression = (node: Expression): void => {
    if (node.kind === 'column') {
      const [qualifier, name] = node.path.slice(-2)
      if (qualifier !== undefined && name !== undefined && name !== '*') columns.push({ qualifier, name })
    }
    const { expressions, statements } = partsOf(node)
    expressions.forEach(inExpression)
    statements.forEach(inStatement)
  }
  const inFrom = (item: FromItem): void => {
    if (item.kind === 'table') {
      const relation = find(item.name)
      const alias = item.alias?.name ?? item.name.name
      if (relation !== undefined) tables.set(alias, [...(tables.get(alias) ?? []), relation])
    }
    const { expressions, statements, from } = fromParts(item)
    expressions.forEach(inExpression)
    statements.forEach(inStatement)
    from.forEach(inFrom)
  }
  const inStatement = (node: Statement): void => {
    const { expressions, statements, from } = statementParts(node)
    expressions.forEach(inExpression)
    statements.forEach(inStatement)
    from.forEach(inFrom)
  }
  inStatement(tree)
  return columns.some(({ qualifier, name }) =>
    (tables.get(qualifier) ?? []).some(({ columns: known }) => known.size === 0 || !known.has(name)),
  )
}
