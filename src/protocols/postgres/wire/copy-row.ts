import { WireError } from '../../../wire/wire-error.ts'
import type { Rewrite } from './data-row.ts'

/** The format in which COPY writes rows. Source: manual, COPY, File Formats. */
export interface CopyFormat {
  readonly format: 'text' | 'csv' | 'binary'
  readonly delimiter: string
  /** The string that represents NULL. */
  readonly null: string
  readonly quote: string
  readonly escape: string
  readonly header: boolean
}

/**
 * Rewrites the fields of one CopyData of COPY TO, which is one row. `rewrites` is called with the number of fields; each rewrite gets its
 * field as text without quotes and escapes (in binary: its bytes). Returns the same buffer if nothing changed.
 */
export function rewriteCopyRow(
  row: Buffer,
  format: CopyFormat,
  rewrites: (count: number) => readonly (Rewrite | undefined)[],
): Buffer {
  return format.format === 'binary' ? rewriteBinary(row, rewrites) : rewriteText(row, format, rewrites)
}

function rewriteText(
  row: Buffer,
  format: CopyFormat,
  rewrites: (count: number) => readonly (Rewrite | undefined)[],
): Buffer {
  const text = row.toString('latin1')
  const end = text.endsWith('\r\n') ? 2 : text.endsWith('\n') ? 1 : 0
  const line = text.slice(0, text.length - end)
  const fields = format.format === 'csv' ? splitCsv(line, format) : splitText(line, format)
  const of = rewrites(fields.length)
  let changed = false
  const out = fields.map((field, index) => {
    const rewrite = of[index]
    if (rewrite === undefined) return field
    const value = readField(field, format)
    const replaced = rewrite(value === null ? null : Buffer.from(value, 'latin1'))
    if (replaced === undefined) return field
    changed = true
    return replaced === null
      ? Buffer.from(format.null).toString('latin1')
      : writeField(replaced.toString('latin1'), format)
  })
  return changed ? Buffer.from(out.join(format.delimiter) + text.slice(text.length - end), 'latin1') : row
}

/** The fields as they are written, escapes included. A backslash escapes the next character. */
function splitText(line: string, { delimiter }: CopyFormat): string[] {
  const fields: string[] = []
  let field = ''
  for (let i = 0; i < line.length; i++) {
    const character = line.charAt(i)
    if (character === '\\') field += character + (line[++i] ?? '')
    else if (character === delimiter) {
      fields.push(field)
      field = ''
    } else field += character
  }
  return [...fields, field]
}

function splitCsv(line: string, { delimiter, quote, escape }: CopyFormat): string[] {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let i = 0; i < line.length; i++) {
    const character = line.charAt(i)
    if (quoted && character === escape && (line[i + 1] === quote || line[i + 1] === escape)) {
      field += character + line.charAt(++i)
    } else if (character === quote) {
      quoted = !quoted
      field += character
    } else if (character === delimiter && !quoted) {
      fields.push(field)
      field = ''
    } else field += character
  }
  return [...fields, field]
}

function readField(field: string, format: CopyFormat): string | null {
  if (field === Buffer.from(format.null).toString('latin1')) return null
  if (format.format === 'text')
    return field.replace(/\\([\s\S])/g, (_, escaped: string) => UNESCAPED[escaped] ?? escaped)
  if (!field.startsWith(format.quote)) return field
  let value = ''
  for (let i = 1; i < field.length - 1; i++) {
    if (field[i] === format.escape && (field[i + 1] === format.quote || field[i + 1] === format.escape)) i++
    value += field.charAt(i)
  }
  return value
}

function writeField(value: string, { format, delimiter, quote, escape, null: nothing }: CopyFormat): string {
  if (format === 'text') {
    let text = ''
    for (const character of value) {
      const escaped = ESCAPED[character]
      text += escaped ?? (character === delimiter ? `\\${character}` : character)
    }
    return text
  }
  const quotes = value === nothing || [delimiter, quote, '\n', '\r'].some((special) => value.includes(special))
  if (!quotes) return value
  let text = quote
  for (const character of value) text += character === quote || character === escape ? escape + character : character
  return text + quote
}

/** An int16 count, then the int32 length and the bytes of each field; the first message begins with the signature, the last is -1. */
function rewriteBinary(row: Buffer, rewrites: (count: number) => readonly (Rewrite | undefined)[]): Buffer {
  const start = row.subarray(0, SIGNATURE.length).equals(SIGNATURE) ? SIGNATURE.length + 8 : 0
  if (row.length === start) return row
  if (row.length < start + 2) throw new WireError('CopyData: shorter than a binary row')
  const count = row.readInt16BE(start)
  if (count === -1) return row
  const of = rewrites(count)
  const pieces = [row.subarray(0, start + 2)]
  let at = start + 2
  for (let field = 0; field < count; field++) {
    if (at + 4 > row.length) throw new WireError('CopyData: shorter than its fields')
    const length = row.readInt32BE(at)
    const end = at + 4 + Math.max(length, 0)
    if (end > row.length) throw new WireError('CopyData: shorter than its fields')
    const replaced = of[field]?.(length === -1 ? null : row.subarray(at + 4, end))
    if (replaced === undefined) pieces.push(row.subarray(at, end))
    else {
      const header = Buffer.alloc(4)
      header.writeInt32BE(replaced === null ? -1 : replaced.length)
      pieces.push(header, ...(replaced === null ? [] : [replaced]))
    }
    at = end
  }
  if (at !== row.length) throw new WireError('CopyData: bytes too many')
  return Buffer.concat(pieces)
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const UNESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}
