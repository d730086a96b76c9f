import { Option } from 'commander'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

/** `pamctl keep SESSION`: a legal hold on its record, or the end of one. */
export const keep: AddCommand = (program, run) => {
  program
    .command('keep <session>')
    .description('put a legal hold on a record, so that retention does not delete it (auditors)')
    .addOption(new Option('--reason <text>', 'why').default('', 'none'))
    .option('--lift', 'lift the hold; retention rules apply again')
    .addOption(jsonOption())
    .action(
      run(
        async ({ io, client }: CliContext, id: string, options: { reason: string; lift?: boolean; json?: boolean }) => {
          needId(id, 'ses')
          const { reason, lift = false, json } = options
          const held = await (await client()).sessions.legalHold(id, reason, !lift)
          if (json === true) return io.json(held)
          io.note(
            lift
              ? `${held.session} follows the retention rules again`
              : `${held.session} is kept until the hold is lifted`,
          )
        },
      ),
    )
}

/** `pamctl erase-detached SESSION`: deletes the detached texts beside its recording. `erase-texts` was its name before. */
export const eraseDetached: AddCommand = (program, run) => {
  program
    .command('erase-detached <session>')
    .alias('erase-texts')
    .description(
      'erase the detached texts of a session (commands that could not be parsed); the recording stays verifiable (auditors)',
    )
    .addOption(new Option('--reason <text>', 'why').default('', 'none'))
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, session: string, options: { reason: string; json?: boolean }) => {
        needId(session, 'ses')
        await (await client()).sessions.eraseDetached(session, options.reason)
        if (options.json === true) return io.json({ session })
        io.note(`erased the detached texts of ${session}`)
      }),
    )
}
