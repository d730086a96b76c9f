import { InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../../shared/errors.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { detach } from '../held/detach.ts'
import { addAccessOptions, ensureGrant, loginOptions, type AccessOptions } from '../open-target.ts'
import { targetNamed } from '../target-named.ts'
import { whileWaiting } from '../output/spinner.ts'
import { QUERY_FORMATS, writeResults, type QueryFormat } from '../query/formats.ts'
import { openQueryOf } from '../query/open-query.ts'
import { parametersOf } from '../query/parameters.ts'
import { readSql } from '../query/read-sql.ts'
import { DEFAULT_TIMEOUT_MS, runOnTarget, timeoutOption } from '../query/run-on-target.ts'

export interface QueryOptions extends AccessOptions {
  readonly file?: string
  readonly param?: readonly string[]
  readonly params?: string
  readonly maxRows: number
  readonly detach?: boolean
  readonly timeout?: number
  readonly format?: QueryFormat
  readonly json?: boolean
}

/** `pamctl query TARGET 'select …'`: statements, with typed rows back, for scripts. */
export const query: AddCommand = (program, run) => {
  const command = program
    .command('query <target> [statement]')
    .description('run SQL on a target and print the rows')
    .option('-f, --file <file>', 'read the statement from a file ("-": standard input)')
    .option('--param <value>', 'value of the next parameter, as text ($1, $2 or ?); repeat it', collect)
    .option('--params <json>', 'values of all parameters, as a JSON array')
    .addOption(new Option('--max-rows <count>', 'rows of each result to fetch').argParser(count).default(1000))
    .addOption(timeoutOption())
    .option(
      '--detach',
      'if the statement is held, print the id of its approval and exit; pamctl result fetches the rows',
    )
    .addOption(new Option('--format <format>', 'how to print rows (default: table)').choices(QUERY_FORMATS))
    .addOption(jsonOption().conflicts('format'))
  addAccessOptions(command, { port: false }).action(run(runQuery))
}

async function runQuery(
  context: CliContext,
  name: string,
  given: string | undefined,
  options: QueryOptions,
): Promise<void> {
  const { io } = context
  const parameters = parametersOf(options)
  const sql = await statementOf(given, options, context)
  const api = await context.client()
  const targets = await api.targets()
  const target = targetNamed(targets, name)
  const openQuery = openQueryOf(target)
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, { ...options, forScripts: true })
  const timeoutMs = options.timeout ?? DEFAULT_TIMEOUT_MS
  const format = options.json === true ? 'json' : (options.format ?? 'table')
  if (options.detach === true) {
    const job = { type: 'statement', target: name, sql, parameters, maxRows: options.maxRows, timeoutMs } as const
    const login = await loginOptions(context, api.gateway)
    const json = format === 'json' || format === 'ndjson'
    const ended = await whileWaiting(io, `running on ${name}`, () =>
      detach(context, { login, job, json, what: 'the rows' }),
    )
    return ended.type === 'done' ? writeResults(ended.results, format, io) : undefined
  }
  const text = { sql, parameters, maxRows: options.maxRows }
  const hint = 'to leave a held statement and fetch its rows later: --detach'
  const results = await runOnTarget(context, { api, target, openQuery, text, timeoutMs, hint })
  await writeResults(results, format, io)
}

/** The argument, or the file, or standard input where it is asked for by name. */
async function statementOf(
  given: string | undefined,
  { file }: QueryOptions,
  { streams }: CliContext,
): Promise<string> {
  if (given !== undefined && file !== undefined)
    throw new UsageError('a statement was given twice', 'give it as the argument, or with --file')
  const sql = given ?? (file === undefined ? undefined : await readSql(file, streams))
  if (sql === undefined || sql.trim() === '')
    throw new UsageError('no statement was given', 'give it as the argument, or with --file FILE (-: standard input)')
  return sql
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > MAX_ROWS)
    throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_ROWS}`)
  return value
}

const MAX_ROWS = 1_000_000
