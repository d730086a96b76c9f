import { Command, CommanderError } from 'commander'
import { StatementError } from '../protocols/query-client.ts'
import { variable } from '../shared/environment.ts'
import { toErrorBody, UsageError, type PamError } from '../shared/errors.ts'
import { createContext, type CliContext, type GlobalOptions } from './context.ts'
import { Exit, outcomeOf } from './exit-codes.ts'
import type { Colour } from './output/colours.ts'
import { createIo } from './output/io.ts'
import { createProgram } from './program.ts'
import { withNearestId } from './completion/suggest-id.ts'

/** `pamctl`: parses the command line, runs one verb, sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const io = createIo(process, process.env, Date.now)
  let context: CliContext | undefined
  const fail = (error: PamError): void =>
    wantsJsonErrors(args) ? io.failJson(errorJson(error)) : io.fail(error.message, error.hint)
  const program = createProgram(
    (work) =>
      async (...given) => {
        const options = program.opts<GlobalOptions>()
        const made = createContext(io, options, process.env)
        context = made
        if (options.quiet === true) io.beQuiet()
        if (options.headers === true) io.showHeadings()
        if (!asksForJson(given)) await io.useColour(colourSetting(made))
        await work(made, ...given).catch(async (error: unknown) => {
          throw await withNearestId(error, made, given)
        })
      },
    (message, hint) => fail(new UsageError(message, hint)),
  )
  // A pipe that closes early (`pamctl sessions | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  // A terminal that was closed takes no more notes: what the command still has to do goes on.
  process.stderr.on('error', () => {})
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else {
      const outcome = outcomeOf(error)
      process.exitCode = outcome.code
      if (outcome.error !== undefined) {
        fail(outcome.error)
        if (outcome.error.code === 'INTERNAL' && variable(process.env, 'PAMCTL_DEBUG') !== undefined)
          io.note(String((outcome.error.cause as Error | undefined)?.stack))
      }
    }
    // Once all that was printed has been taken: a pipe may be slow.
    if (error instanceof Exit && error.endsNow) process.stdout.write('', () => process.exit())
  } finally {
    context?.close()
  }
}

/** The last things that a verb is given are its options and itself. */
const asksForJson = (given: readonly unknown[]): boolean => {
  const command = given.at(-1)
  return command instanceof Command && command.opts<{ json?: boolean }>().json === true
}

/** Also where the command line is wrong: what stands behind `--` is another program's. */
function wantsJsonErrors(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  const own = end < 0 ? args : args.slice(0, end)
  const format =
    own.find((word) => word.startsWith('--format='))?.slice('--format='.length) ?? own[own.indexOf('--format') + 1]
  return (
    own.includes('--json') || (own.some((word) => word.startsWith('--format')) && /^(?:nd)?json$/.test(format ?? ''))
  )
}

const errorJson = (error: PamError): object => ({
  ...toErrorBody(error),
  ...(error instanceof StatementError ? { sqlstate: error.sqlstate } : {}),
})

/** What is wrong with the settings is said by the verbs that need them; `pamctl config path` still works. */
const colourSetting =
  ({ settings }: CliContext) =>
  (): Colour => {
    try {
      return settings().colour ?? 'auto'
    } catch {
      return 'auto'
    }
  }
