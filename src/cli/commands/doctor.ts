import { openSecretStore } from '../../agent/secret-store.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import type { Check } from '../doctor/check.ts'
import { examine } from '../doctor/examine.ts'
import { Exit } from '../exit-codes.ts'
import { variable } from '../../shared/environment.ts'

/** `pamctl doctor`: looks at everything that a connection needs, and says what to do about what is wrong. */
export const doctor: AddCommand = (program, run) => {
  program
    .command('doctor')
    .description('check the gateway, your sign-in and this machine, and say what to do about problems')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, options: { readonly json?: boolean }) => {
        const { io } = context
        const checks = await examine(context)
        if (options.json === true) io.json({ checks })
        else for (const one of checks) io.print(lineOf(one, io.stdoutIsTerminal))
        throw new Exit(checks.some(({ state }) => state === 'failed') ? 1 : 0, { endsNow: true })
      }),
    )
  program.command('doctor-secret-store', { hidden: true }).action(
    run(async ({ io, paths, environment }: CliContext) => {
      const { store } = await openSecretStore(paths().secrets, variable(environment, 'PAMCTL_SECRET_STORE'))
      io.print(store.kind)
    }),
  )
}

const MARKS = { ok: '✓', warning: '!', failed: '✗' } as const
const NAME_WIDTH = 'secret store'.length

/** One line for each check: marked on a terminal, with tabs and in words in a pipe. */
function lineOf({ name, state, message, remedy }: Check, isTerminal: boolean): string {
  if (!isTerminal) return [state, name, message, ...(remedy === undefined ? [] : [remedy])].join('\t')
  return `${MARKS[state]} ${name.padEnd(NAME_WIDTH)}  ${message}${remedy === undefined ? '' : ` → ${remedy}`}`
}
