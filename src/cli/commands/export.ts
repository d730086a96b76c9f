import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Option } from 'commander'
import { UsageError } from '../../shared/errors.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { exportFormats } from '../output/export-formats.ts'
import { identityOption, openRecord, readEvents } from '../record-source.ts'

interface ExportOptions {
  readonly output?: string
  readonly format: 'pamrec' | keyof typeof exportFormats
  readonly identity?: string
  readonly json?: boolean
}

/** `pamctl export ID|FILE`: the record as a file: as it is, to keep or to verify, or in a form for something else. */
export const exportRecord: AddCommand = (program, run) => {
  program
    .command('export <session-or-file>')
    .description('save the record of a session to a file')
    .addOption(
      new Option('--format <format>', 'pamrec is the signed record itself, which can be verified')
        .choices(['pamrec', ...Object.keys(exportFormats)])
        .default('pamrec'),
    )
    .option('--output <file>', 'output file, - for standard output; default: the session’s id')
    .addOption(identityOption())
    .addOption(jsonOption())
    .action(run(saveRecord))
}

async function saveRecord(context: CliContext, source: string, options: ExportOptions): Promise<void> {
  const { format } = options
  if (options.json === true && options.output === '-')
    throw new UsageError('--json and --output - both write to standard output', 'leave out one of them')
  const name = source.replace(/^.*\//, '').replace(/\.pamrec$/, '')
  const file = options.output ?? `${await fullId(context, name)}.${format === 'text' ? 'txt' : format}`
  const bytes =
    format === 'pamrec'
      ? await openRecord(context, source, 'exported')
      : await begun(exportFormats[format](readEvents(context, source, { ...options, purpose: 'exported' })))
  const out = file === '-' ? context.streams.stdout : createWriteStream(file, { flags: 'wx', mode: 0o600 })
  try {
    await pipeline(Readable.from(bytes), out, { end: file !== '-' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || file === '-' || !(error as Error).message.includes(file)) throw error
    throw code === 'EEXIST'
      ? new UsageError(`${file} already exists`, 'files are not overwritten: choose another --output')
      : new UsageError(fileProblem(file, error, 'written'))
  }
  if (options.json === true) context.io.json({ file, format })
  else if (file !== '-') context.io.print(file)
}

/** With its first piece read: what cannot be exported so leaves no empty file. */
async function begun<T>(pieces: AsyncGenerator<T, void, undefined>): Promise<AsyncGenerator<T, void, undefined>> {
  const first = await pieces.next()
  return (async function* () {
    if (first.done === true) return
    yield first.value
    yield* pieces
  })()
}

async function fullId({ client }: CliContext, name: string): Promise<string> {
  return /^ses_.{0,12}$/.test(name) ? (await (await client()).sessions.get(name)).id : name
}
