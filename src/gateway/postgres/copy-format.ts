import type { CopyFormat } from '../../wire/postgres/copy-row.ts'
import type { Node } from './findings.ts'
import type { ParsedStatement } from './parsed-statement.ts'

/** How a COPY statement writes its rows; undefined where that cannot be read from it. Source: manual, COPY. */
export function copyFormatOf(statement: ParsedStatement | undefined, binary: boolean): CopyFormat | undefined {
  const copy = statement?.tree['CopyStmt'] as Node | undefined
  if (copy === undefined) return undefined
  const options = new Map<string, string>()
  for (const option of (copy['options'] ?? []) as { DefElem: Node }[]) {
    const { defname, arg } = option.DefElem as { defname?: string; arg?: Record<string, Node | undefined> }
    options.set(String(defname), textOf(arg))
  }
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

function textOf(arg: Record<string, Node | undefined> | undefined): string {
  const { String: text, Integer: number, Boolean: flag } = arg ?? {}
  if (text !== undefined) return String(text['sval'] ?? '')
  if (number !== undefined) return String(number['ival'] ?? 0)
  if (flag !== undefined) return String(flag['boolval'] ?? false)
  return ''
}
