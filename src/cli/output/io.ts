import { styleText } from 'node:util'
import { visible, visibleJson } from '../../shared/visible.ts'

/** Where a command's words go: results on stdout, everything else on stderr. */
export interface Io {
  readonly stdoutIsTerminal: boolean
  /** Whether a question can be asked. */
  readonly interactive: boolean
  /** For what goes to stderr: with colour where that is a terminal and nobody minds. */
  readonly style: { readonly green: (text: string) => string; readonly bold: (text: string) => string }
  /** A result, with what a terminal would act on spelled out. */
  print(text: string): void
  json(value: unknown): void
  /** One line of JSON lines: a value, or JSON that somebody else wrote. */
  jsonLine(line: { readonly value: unknown } | { readonly text: string }): void
  /** A table for a terminal, tab-separated values for a pipe. */
  table<Row>(rows: readonly Row[], columns: Readonly<Record<string, (row: Row) => string>>): Promise<void>
  /** Something to know; never a result. */
  note(text: string): void
  fail(message: string, hint: string | undefined): void
  /** `3m ago`, or `in 12m`. */
  age(time: string): string
}

export interface Streams {
  readonly stdin: { readonly isTTY?: boolean }
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }
  readonly stderr: { readonly isTTY?: boolean; write(text: string): unknown }
}

export function createIo({ stdin, stdout, stderr }: Streams, environment: NodeJS.ProcessEnv, now: () => number): Io {
  const plain = environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== ''
  const styled = (format: 'green' | 'bold') => (text: string) =>
    plain || stderr.isTTY !== true ? text : styleText(format, text, { validateStream: false })
  return {
    stdoutIsTerminal: stdout.isTTY === true,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    style: { green: styled('green'), bold: styled('bold') },
    print: (text) => void stdout.write(`${visible(text)}\n`),
    json: (value) => void stdout.write(`${visibleJson(JSON.stringify(value, null, 2))}\n`),
    jsonLine: (line) => void stdout.write(`${visibleJson('text' in line ? line.text : JSON.stringify(line.value))}\n`),
    async table(rows, columns) {
      const names = Object.keys(columns)
      const cells = rows.map((row) =>
        Object.values(columns).map((cell) => visible(cell(row)).replaceAll(/[\t\n]/g, ' ')),
      )
      if (stdout.isTTY !== true) {
        for (const row of cells) stdout.write(`${row.join('\t')}\n`)
        return
      }
      const { default: Table } = await import('cli-table3')
      const table = new Table({
        head: names,
        chars: NO_BORDERS,
        style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
      })
      table.push(...cells)
      stdout.write(`${table.toString().replace(/ +$/gm, '')}\n`)
    },
    note: (text) => void stderr.write(`${text}\n`),
    fail(message, hint) {
      stderr.write(`pamctl: ${visible(message)}\n`)
      if (hint !== undefined) stderr.write(`hint: ${visible(hint)}\n`)
    },
    age(time) {
      const seconds = Math.round((now() - Date.parse(time)) / 1000)
      const text = inWords(Math.abs(seconds))
      return seconds < 0 ? `in ${text}` : `${text} ago`
    },
  }
}

function inWords(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}

const NO_BORDERS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, '']),
)
