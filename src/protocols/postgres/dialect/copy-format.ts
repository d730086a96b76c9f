import type { CopyFormat } from '../wire/copy-row.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** The format in which a COPY statement writes its rows; undefined where its options do not tell. Source: manual, COPY. */
export function copyFormatOf(statement: ParsedStatement | undefined, binary: boolean): CopyFormat | undefined {
  if (statement?.copy === undefined) return undefined
  const options = new Map(Object.entries(statement.copy.options))
  const format = options.get('format')?.toLowerCase() ?? 'text'
  if (binary !== (format === 'binary')) return undefined
  if (format !== 'text' && format !== 'csv' && format !== 'binary') return undefined
  if (options.has('encoding') && !/^(utf-?8|unicode)$/i.test(options.get('encoding') ?? '')) return undefined
  const quote = options.get('quote') ?? '"'
  return {
    format,
    delimiter: options.get('delimiter') ?? (format === 'csv' ? ',' : '\t'),
    null: options.get('null') ?? (format === 'csv' ? '' : '\\N'),
    quote,
    escape: options.get('escape') ?? quote,
    header: /^(true|on|1|match|)$/i.test(options.get('header') ?? 'false'),
  }
}
