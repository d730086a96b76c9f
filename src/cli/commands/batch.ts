import { asPamError, UsageError } from '../../shared/errors.ts'
import { StatementError } from '../../protocols/query-client.ts'
import { firstWords } from '../../shared/sql-statements.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { addAccessOptions, ensureGrant, type AccessOptions } from '../open-target.ts'
import { targetNamed } from '../target-named.ts'
import { needPlainSql, readSql } from '../query/read-sql.ts'
import { openQueryOf } from '../query/open-query.ts'
import { ResultCollector, type ResultSet } from '../query/results.ts'
import { DEFAULT_TIMEOUT_MS, runOnTarget, timeoutOption } from '../query/run-on-target.ts'
import { writeResults } from '../query/formats.ts'

interface BatchOptions extends AccessOptions {
  readonly timeout?: number
  readonly json?: boolean
}

/** `pamctl batch TARGET FILE`: statements that are shown, decided on and run as one. */
export const batch: AddCommand = (program, run) => {
  const command = program
    .command('batch <target> <file>')
    .description('run a file of SQL statements in one transaction, approved together (PostgreSQL; "-": standard input)')
    .addOption(timeoutOption())
    .addOption(jsonOption())
  addAccessOptions(command, { port: false }).action(run(runBatch))
}

async function runBatch(context: CliContext, name: string, file: string, options: BatchOptions): Promise<void> {
  const { io } = context
  const sql = await readSql(file, context.streams)
  needPlainSql(sql)
  const api = await context.client()
  const targets = await api.targets()
  const target = targetNamed(targets, name)
  const openQuery = openQueryOf(target, 'pamctl batch')
  if (target.type !== 'postgres')
    throw new UsageError(
      `${name} is not a PostgreSQL target: elsewhere a batch would stop in the middle and keep what ran before`,
      `run the statements one by one: pamctl query ${name} --file FILE, or pamctl connect ${name}`,
    )
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, { ...options, forScripts: true })
  const collector = new ResultCollector()
  const results = await runOnTarget(context, {
    api,
    target,
    openQuery,
    text: { sql, parameters: [], maxRows: MAX_ROWS },
    timeoutMs: options.timeout ?? DEFAULT_TIMEOUT_MS,
    collector,
    failed: (error) => io.note(whatRan(error, collector.results, sql)),
  })
  await writeResults(results, options.json === true ? 'json' : 'table', io)
}

/**
 * What of a batch that failed is in effect. The server runs a text of several statements as one transaction, unless the text ends it itself
 * (PostgreSQL, "Multiple Statements in a Simple Query").
 */
export function whatRan(error: unknown, results: readonly Pick<ResultSet, 'command'>[], sql: string): string {
  const { code, id } = asPamError(error)
  // The gateway decides on the whole text before it forwards any of it.
  const isRefused = /^(?:dec|apr)_/.test(id ?? '') || (error instanceof StatementError && error.ranNothing)
  if (results.length === 0 && isRefused) return 'nothing ran'
  if (!(error instanceof StatementError) || code !== 'STATEMENT_FAILED')
    return 'what ran, and whether it was committed, is not known'
  const failed = whatFailed(error, results.length, firstWords(sql))
  const committed = results.findLastIndex(({ command }) => command !== undefined && KEEPS.test(command)) + 1
  return committed === 0
    ? `${failed}; the target rolled back the whole batch`
    : `${failed}; the target keeps what statement ${committed} committed, and nothing after it`
}

/**
 * `statement 2 of 3 (UPDATE) failed`. The target answers each statement that has run once. The last of several it answers only when its transaction is committed, so
 * an error of it may be one of a deferred check (PostgreSQL, SET CONSTRAINTS).
 */
function whatFailed({ sqlstate }: StatementError, answered: number, words: readonly string[] | undefined): string {
  const number = answered + 1
  if (words === undefined) return `statement ${number} failed`
  if (number > words.length) return 'the commit failed'
  const place = `statement ${number} of ${words.length}${words[answered] === '' ? '' : ` (${words[answered]})`}`
  return number > 1 && number === words.length && MAY_BE_DEFERRED.test(sqlstate)
    ? `${place}, or the commit after it, failed`
    : `${place} failed`
}

/** Integrity constraints, serialization failures, and what triggers raise. */
const MAY_BE_DEFERRED = /^(?:23|40|P0)/

/** What ends a transaction and keeps it. */
const KEEPS = /^(?:COMMIT|PREPARE TRANSACTION)$/
const MAX_ROWS = 1000
