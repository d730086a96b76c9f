import { Command, CommanderError } from 'commander'
import { StatementError } from '../protocols/query-client.ts'
import { variable } from '../shared/environment.ts'
import { toErrorBody, UsageError, type PamError } from '../shared/errors.ts'
import { withNearestId } from './completion/suggest-id.ts'
import { createContext, type CliContext, type GlobalOptions } from './context.ts'
import { Exit, outcomeOf } from './exit-codes.ts'
import type { Colour } from './output/colours.ts'
import { createIo } from './output/io.ts'
import { createProgram } from './program.ts'
import type { ProgramStreams, Surroundings } from './surroundings.ts'

export interface RunOutcome {
  readonly exitCode: number
  /** Ends the process although something is still open that never answered. */
  readonly endsNow: boolean
}

/** One run of `pamctl`: parses the command line, runs one verb. Nothing of the process but its surroundings is used or changed. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<RunOutcome> {
  const { environment, streams, now } = surroundings
  const io = createIo(streams, environment, now)
  let context: CliContext | undefined
  const fail = (error: PamError): void =>
    wantsJsonErrors(args) ? io.failJson(errorJson(error)) : io.fail(error.message, error.hint)
  const program = createProgram(
    (work) =>
      async (...given) => {
        const options = program.opts<GlobalOptions>()
        const made = createContext(io, options, surroundings)
        context = made
        if (options.quiet === true) io.beQuiet()
        if (options.headers === true) io.showHeadings()
        if (!asksForJson(given)) await io.useColour(colourSetting(made))
        await work(made, ...given).catch(async (error: unknown) => {
          throw await withNearestId(error, made, given)
        })
      },
    (message, hint) => fail(new UsageError(message, hint)),
    args,
  )
  printHelpTo(program, streams)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return { exitCode: 0, endsNow: false }
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2, endsNow: false }
    const outcome = outcomeOf(error)
    if (outcome.error !== undefined) {
      fail(outcome.error)
      if (outcome.error.code === 'INTERNAL' && variable(environment, 'PAMCTL_DEBUG') !== undefined)
        io.note(String((outcome.error.cause as Error | undefined)?.stack))
    }
    return { exitCode: outcome.code, endsNow: error instanceof Exit && error.endsNow }
  } finally {
    context?.close()
  }
}

/** The library has the process's own streams otherwise. */
function printHelpTo(command: Command, { stdout, stderr }: Pick<ProgramStreams, 'stdout' | 'stderr'>): void {
  const widthOf = ({ isTTY, columns = USUAL_WIDTH }: typeof stdout): number => (isTTY === true ? columns : USUAL_WIDTH)
  command.configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    getOutHelpWidth: () => widthOf(stdout),
    getErrHelpWidth: () => widthOf(stderr),
  })
  for (const verb of command.commands) printHelpTo(verb, { stdout, stderr })
}

/** The last things that a verb is given are its options and itself. */
const asksForJson = (given: readonly unknown[]): boolean => {
  const command = given.at(-1)
  return command instanceof Command && command.optsWithGlobals<{ json?: boolean }>().json === true
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

/** Columns of help where there is no terminal. */
const USUAL_WIDTH = 80
