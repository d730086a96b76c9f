import type { AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

/** `pamctl keep SESSION`: a legal hold on its record, or the end of one. */
export const keep: AddCommand = (program, run) => {
  program
    .command('keep <session>')
    .description('put a legal hold on a record, so that retention does not delete it (auditors)')
    .option('--reason <text>', 'why', '')
    .option('--lift', 'lift the hold; retention rules apply again')
    .action(
      run(async ({ io, client }: CliContext, id: string, { reason, lift }: { reason: string; lift?: boolean }) => {
        needId(id, 'ses')
        const { session } = await (await client()).sessions.legalHold(id, reason, lift !== true)
        io.note(
          lift === true
            ? `${session} follows the retention rules again`
            : `${session} is kept until the hold is lifted`,
        )
      }),
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
    .option('--reason <text>', 'why', '')
    .action(
      run(async ({ io, client }: CliContext, session: string, { reason }: { reason: string }) => {
        needId(session, 'ses')
        await (await client()).sessions.eraseDetached(session, reason)
        io.note(`erased the detached texts of ${session}`)
      }),
    )
}
