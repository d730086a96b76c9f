import { visible, visibleJson } from '../../shared/visible.ts'
import { colouredStyles, PLAIN, wantsColour, type Colour, type Styles } from './colours.ts'
import { clockTime } from './clock-time.ts'
import type { TableOptions } from './table.ts'

/** Where a command's words go: results on stdout, everything else on stderr. */
export interface Io {
  readonly stdoutIsTerminal: boolean
  /** Whether a question can be asked. */
  readonly interactive: boolean
  /** Whether a line that moves can be shown while something takes its time. */
  readonly showsProgress: boolean
  /** Of the terminal that notes go to; infinite where there is none, or its size was never set. */
  readonly columns: number
  /** For what goes to stderr: plain until `useColour`, and after it where nobody wants colour. */
  readonly style: Styles
  /** From here on with colour, where that is wanted. What goes to a pipe on stdout has none, whatever is wanted. */
  useColour(setting: () => Colour): Promise<void>
  /** A result, with what a terminal would act on spelled out. */
  print(text: string): void
  /** For what `printStyled` prints: as `style`, for stdout. */
  readonly resultStyle: Styles
  /** As `print`, with `resultStyle`: what is not ours in it has nothing that a terminal would act on any more. */
  printStyled(text: string): void
  /** Commands for a shell, which must get every character as it is; on a terminal, where they are only looked at, as `print`. */
  script(text: string): void
  json(value: unknown): void
  /** JSON that is written already. */
  jsonText(text: string): void
  /** One line of JSON lines: a value, or JSON that somebody else wrote. */
  jsonLine(line: { readonly value: unknown } | { readonly text: string }): void
  /** A table that fits the terminal; in a pipe tab-separated values, which are whole. */
  table<Row>(rows: readonly Row[], columns: Columns<Row>, options?: TableOptions): Promise<void>
  /** From here on with headings in a pipe, too. */
  showHeadings(): void
  /** Something to know; never a result. Nothing with `--quiet`. As all words here, with what a terminal would act on spelled out, but `style`. */
  note(text: string): void
  /** What has to be read before something is done: also with `--quiet`. */
  tell(text: string): void
  /** From here on without notes. */
  beQuiet(): void
  fail(message: string, hint: string | undefined): void
  /** An error as one line of JSON on stderr. */
  failJson(error: object): void
  /** The bell of a terminal. */
  ring(): void
  /** `15:42`, local time; with the date where that is not today. */
  clock(time: string): string
  /** `3m ago`, or `in 12m`. */
  age(time: string): string
}

/** By heading; a map where the names are not ours: of an object, those that are numbers would come first. */
export type Columns<Row> = Map<string, (row: Row) => string> | Readonly<Record<string, (row: Row) => string>>

export interface Streams {
  readonly stdin: { readonly isTTY?: boolean }
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }
  readonly stderr: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }
}

export function createIo({ stdin, stdout, stderr }: Streams, environment: NodeJS.ProcessEnv, now: () => number): Io {
  let style = PLAIN
  let tableStyle = PLAIN
  let isQuiet = false
  let hasHeadings = false
  const note = (text: string): void => void (isQuiet || stderr.write(`${visibleButStyle(text)}\n`))
  return {
    stdoutIsTerminal: stdout.isTTY === true,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    // A terminal whose size was never set has 0 columns, on which a spinner can never be drawn over.
    showsProgress: stderr.isTTY === true && stderr.columns !== 0 && environment['TERM'] !== 'dumb',
    // Asked for anew each time: a window may be made smaller.
    get columns() {
      return stderr.isTTY === true && stderr.columns !== undefined && stderr.columns > 0 ? stderr.columns : Infinity
    },
    get style() {
      return style
    },
    async useColour(setting) {
      const [onStderr, onStdout] = [stderr, stdout].map((stream) => wantsColour(stream, environment, setting))
      if (onStderr !== true && onStdout !== true) return
      const coloured = await colouredStyles()
      if (onStderr === true) style = coloured
      if (onStdout === true) tableStyle = coloured
    },
    get resultStyle() {
      return tableStyle
    },
    printStyled: (text) => void stdout.write(`${visibleButStyle(text)}\n`),
    print: (text) => void stdout.write(`${visible(text)}\n`),
    script: (text) => void stdout.write(stdout.isTTY === true ? visible(text) : text),
    json: (value) => void stdout.write(`${visibleJson(JSON.stringify(value, null, 2))}\n`),
    jsonText: (text) => void stdout.write(`${visibleJson(text)}\n`),
    jsonLine: (line) => void stdout.write(`${visibleJson('text' in line ? line.text : JSON.stringify(line.value))}\n`),
    async table(rows, columns, options) {
      const named = columns instanceof Map ? [...columns] : Object.entries(columns)
      const oneLine = (text: string): string => visible(text).replaceAll(/[\t\n]/g, ' ')
      const headings = named.map(([name]) => oneLine(name))
      const cells = rows.map((row) => named.map(([, cell]) => oneLine(cell(row))))
      if (stdout.isTTY !== true) {
        for (const row of hasHeadings ? [headings, ...cells] : cells) stdout.write(`${row.join('\t')}\n`)
        return
      }
      const { fitTable } = await import('./table.ts')
      // A terminal whose size was never set has 0 columns, or none.
      const width = stdout.columns === undefined || stdout.columns === 0 ? Infinity : stdout.columns
      const { lines, leftOut } = fitTable(headings, cells, width, options, tableStyle.bold)
      for (const line of lines) stdout.write(`${line}\n`)
      if (leftOut.length > 0)
        note(`${leftOut.join(', ')} left out: the terminal has ${width} columns; --json prints everything`)
    },
    showHeadings: () => void (hasHeadings = true),
    note,
    tell: (text) => void stderr.write(`${visibleButStyle(text)}\n`),
    beQuiet: () => void (isQuiet = true),
    fail(message, hint) {
      stderr.write(`${style.red('pamctl:')} ${visible(message)}\n`)
      if (hint !== undefined) stderr.write(`${style.cyan('hint:')} ${visible(hint)}\n`)
    },
    failJson: (error) => void stderr.write(`${visibleJson(JSON.stringify(error))}\n`),
    ring: () => void (stdout.isTTY === true && stdout.write('\u0007')),
    clock: (time) => clockTime(time, new Date(now())),
    age(time) {
      const seconds = Math.round((now() - Date.parse(time)) / 1000)
      const text = inWords(Math.abs(seconds))
      return seconds < 0 ? `in ${text}` : `${text} ago`
    },
  }
}

/** Colours and bold type are ours, or harm nobody: they hide nothing and move nothing. */
function visibleButStyle(text: string): string {
  return text
    .split(STYLE)
    .map((piece, index) => (index % 2 === 0 ? visible(piece) : piece))
    .join('')
}

/** What `Styles` begin and end with: ECMA-48, 8.3.117. */
// oxlint-disable-next-line no-control-regex
const STYLE = /(\u001b\[(?:1|22|3[126]|39)m)/

function inWords(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
