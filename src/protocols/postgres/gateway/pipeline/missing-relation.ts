import { missingRelations } from '../../dialect/missing-relations.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { OwnQueryFailed, shieldedQueries } from './gateway-query.ts'
import type { PipelineState } from './pipeline-state.ts'
import { quoted } from './missing-prepared.ts'

/**
 * A statement that names a relation that does not exist only fails. The target is asked, since its catalogs may have been changed without
 * passing the gateway; and no part of the statement is sent, since the relation may be created meanwhile.
 */
export async function withMissingRelation(pipeline: PipelineState, facts: StatementFacts): Promise<StatementFacts> {
  const missing = missingRelations(facts, pipeline.known.catalog)
  const [first] = missing?.names ?? []
  if (missing === undefined || first === undefined) return facts
  await pipeline.settled()
  // In a failed transaction the server cannot be asked.
  if (pipeline.serverSkips || pipeline.copyIn || pipeline.status === 'E') return facts
  const { searchPath } = pipeline.known.catalog
  if (missing.names.some(({ schema }) => schema?.startsWith('pg_temp') === true)) return facts
  const names = missing.names.map(
    ({ schema, name }) =>
      `(c.relname operator(pg_catalog.=) ${quoted(name)}::pg_catalog.name and n.nspname operator(pg_catalog.=) any (array[${(schema === undefined ? searchPath : [schema]).map(quoted).join(', ')}]::pg_catalog.name[]))`,
  )
  const sql = `select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace where ${names.join(' or ')}`
  try {
    const [rows] = await shieldedQueries(pipeline, [sql])
    if (rows === undefined || rows.length > 0) return facts
  } catch (error) {
    if (!(error instanceof OwnQueryFailed)) throw error
    return facts
  }
  const { schema, name } = first
  const relation = schema === undefined ? name : `${schema}.${name}`
  return { ...facts, missing: { relation, statement: missing.statement } }
}
