import type { AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

/** `pamctl keep SESSION`: a legal hold on its record, or the end of one. */
export const keep: AddCommand = (program, run) => {
  program
    .command('keep <session>')
    .description('keep the record of a session from being deleted by age (auditors)')
    .option('--reason <text>', 'why', '')
    .option('--lift', 'let the rules decide again')
    .action(
      run(async ({ io, client }: CliContext, id: string, { reason, lift }: { reason: string; lift?: boolean }) => {
        needId(id, 'ses')
        const { session } = await (await client()).sessions.legalHold(id, reason, lift !== true)
        io.note(lift === true ? `${session} is kept as the rules say` : `${session} is kept until that is lifted`)
      }),
    )
}

/** `pamctl erase-texts SESSION`: deletes the texts that stand apart from its record. */
export const eraseTexts: AddCommand = (program, run) => {
  program
    .command('erase-texts <session>')
    .description(
      'erase the detached texts of a session (commands that could not be parsed); the recording stays verifiable (auditors)',
    )
    .option('--reason <text>', 'why', '')
    .action(
      run(async ({ io, client }: CliContext, session: string, { reason }: { reason: string }) => {
        needId(session, 'ses')
        await (await client()).sessions.eraseApart(session, reason)
        io.note(`the texts beside the record of ${session} are gone`)
      }),
    )
}
