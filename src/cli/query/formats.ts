import type { QueryColumn } from '../../protocols/query-client.ts'
import type { Io } from '../output/io.ts'
import { MAX_RESULT_BYTES, type ResultSet } from './results.ts'

/** How the results of a query can be written. */
export const QUERY_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const
export type QueryFormat = (typeof QUERY_FORMATS)[number]

/** Writes the results; what is no row goes to stderr. */
export async function writeResults(results: readonly ResultSet[], format: QueryFormat, io: Io): Promise<void> {
  if (format === 'json') return io.jsonText(`{"results":[${results.map(resultJson).join(',')}]}`)
  for (const [index, result] of results.entries()) {
    if (format === 'ndjson') for (const row of rowsJson(result)) io.jsonLine({ text: row })
    else if (result.columns.length > 0) {
      if (index > 0) io.print('')
      if (format === 'csv') writeCsv(result, io)
      else
        await io.table(
          result.rows,
          new Map(uniqueNames(result.columns).map((name, at) => [name, (row) => row[at] ?? 'NULL'])),
          { clipName: true },
        )
    }
    const said = summary(result, results.length)
    if (said !== undefined) io.note(said)
  }
}

/** `INSERT, 3 rows`; what was left out. `of`: how many results there are, which share the limit of size. */
function summary(result: ResultSet, of: number): string | undefined {
  const { columns, rows, command, affected, hasMore, isCutBySize } = result
  if (isCutBySize === true) {
    const shown = rows.length === 0 ? 'no rows' : `only the first ${counted(rows.length)}`
    const are = rows.length === 1 ? 'is' : 'are'
    const larger = of === 1 ? 'the result is larger' : 'the results are larger'
    return `${shown} ${are} shown: ${larger} than ${MAX_RESULT_BYTES / 1024 / 1024} MiB; select fewer columns or rows`
  }
  if (hasMore) return `only the first ${counted(rows.length)} are shown; give a larger --max-rows, or ask for less`
  if (columns.length > 0) return undefined
  const count = affected === undefined ? '' : counted(affected)
  return [command ?? '', count].filter((text) => text !== '').join(', ') || undefined
}

const counted = (rows: number): string => (rows === 1 ? '1 row' : `${rows} rows`)

function resultJson(result: ResultSet): string {
  const names = uniqueNames(result.columns)
  const columns = result.columns.map(({ type }, at) => ({ name: names[at], type }))
  const { command, affected, hasMore } = result
  const fields = {
    ...(command === undefined ? {} : { command }),
    ...(affected === undefined ? {} : { affected }),
    columns,
    rowCount: result.rows.length,
    truncated: hasMore,
  }
  return `${JSON.stringify(fields).slice(0, -1)},"rows":[${rowsJson(result).join(',')}]}`
}

/** Each row as an object. */
function rowsJson({ columns, rows }: ResultSet): string[] {
  const keys = uniqueNames(columns).map((name) => JSON.stringify(name))
  return rows.map(
    (row) => `{${columns.map((column, at) => `${keys[at]}:${valueJson(row[at] ?? null, column)}`).join(',')}}`,
  )
}

/** A second column of the same name is called `name_2`. */
export function uniqueNames(columns: readonly Pick<QueryColumn, 'name'>[]): string[] {
  const taken = new Set<string>()
  return columns.map(({ name }) => {
    let unique = name
    for (let number = 2; taken.has(unique); number++) unique = `${name}_${number}`
    taken.add(unique)
    return unique
  })
}

/**
 * The value as JSON, with all digits of a number. What is not of the column's kind, such as a masked number, NaN or Infinity, is a
 * string.
 */
export function valueJson(value: string | null, { json }: Pick<QueryColumn, 'json'>): string {
  if (value === null) return 'null'
  if (json === 'number' && NUMBER.test(value)) return value
  if (json === 'boolean' && (value === 't' || value === 'f')) return value === 't' ? 'true' : 'false'
  if (json === 'json' && isJson(value)) return value.replaceAll(/[\n\r]/g, ' ')
  return JSON.stringify(value)
}

/** RFC 8259, section 6. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** RFC 4180, with line feeds alone; NULL is an empty field, an empty text is `""`. */
function writeCsv({ columns, rows }: ResultSet, io: Io): void {
  io.print(uniqueNames(columns).map(csvField).join(','))
  for (const row of rows) io.print(columns.map((_, at) => csvField(row[at] ?? null)).join(','))
}

const csvField = (value: string | null): string =>
  value === null ? '' : value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
