import { CommanderError } from 'commander'
import { errorCodes } from '../shared/error-codes.ts'
import { asError, asPamError } from '../shared/errors.ts'
import { keepFilesPrivate } from './private-files.ts'
import { createProgram } from './program.ts'
import { startProblem } from './start-problem.ts'

/** `pam-gateway`: the composition root of the server. */
export async function main(args: readonly string[]): Promise<void> {
  keepFilesPrivate()
  const code = await run(args)
  if (code !== undefined) process.exit(code)
}

/** One run: parses the command line, runs one command. Resolves to the exit code of one that could not be run, or that only showed help. */
export async function run(args: readonly string[]): Promise<number | undefined> {
  const program = createProgram(fail)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : errorCodes.USAGE.exit
    const { code, message, hint } = asPamError(startProblem(error))
    fail(message, hint)
    if (code === 'INTERNAL') process.stderr.write(`${String(asError(error).stack)}\n`)
    return errorCodes[code].exit
  }
}

function fail(message: string, hint: string | undefined): void {
  process.stderr.write(message.replace(/^/gm, 'pam-gateway: ') + '\n')
  if (hint !== undefined) process.stderr.write(`hint: ${hint}\n`)
}
