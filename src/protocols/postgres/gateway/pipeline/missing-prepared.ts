import { EXECUTES } from '../../dialect/resolve-statement.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { OwnQueryFailed, shieldedQueries } from './gateway-query.ts'
import type { PipelineState } from './pipeline-state.ts'

/**
 * EXECUTE of a name that was never prepared only fails: the server itself reports that. Only the server knows for certain whether the name
 * exists, since code that is not analysed may have prepared it.
 */
export function withoutMissing(
  pipeline: PipelineState,
  facts: StatementFacts,
): StatementFacts | Promise<StatementFacts> {
  const [statement, ...others] = facts.statements
  const name = facts.parsed[0]?.executes
  if (name === undefined || others.length > 0 || statement?.unknown.includes(EXECUTES) !== true) return facts
  return pipeline.settled().then(async () => {
    if (pipeline.serverSkips || pipeline.copyIn) return facts
    // In a failed transaction the server cannot be asked, and no EXECUTE runs.
    if (pipeline.status !== 'E' && (await isPrepared(pipeline, name))) return facts
    const unknown = statement.unknown.filter((reason) => reason !== EXECUTES)
    return { ...facts, statements: [{ ...statement, unknown }], changesCatalog: unknown.length > 0 }
  })
}

async function isPrepared(pipeline: PipelineState, name: string): Promise<boolean> {
  const sql = `select 1 from pg_catalog.pg_prepared_statements p where p.name operator(pg_catalog.=) ${quoted(name)}`
  try {
    const [rows] = await shieldedQueries(pipeline, [sql])
    return rows === undefined || rows.length > 0
  } catch (error) {
    if (!(error instanceof OwnQueryFailed)) throw error
    return true
  }
}

/** standard_conforming_strings is pinned: a backslash is an ordinary character. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
