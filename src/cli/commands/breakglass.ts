import { UsageError } from '../../shared/errors.ts'
import { visibleInLine } from '../../shared/visible.ts'
import { durationOption, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

/** `pamctl breakglass`: access in an emergency, and its reviews. */
export const breakglass: AddCommand = (program, run) => {
  const group = program
    .command('breakglass')
    .description('take access in an emergency, and review such access afterwards')
  group
    .command('start <target>')
    .description(
      'take access now, without approval; webhooks, Slack, reviewers, auditors and operators are told, and it is reviewed afterwards',
    )
    .option('--reason <text>', 'what has happened, and what you are going to do')
    .addOption(
      durationOption('--for <duration>', 'duration of the access (default: as long as the rule allows)', 'PAMCTL_FOR'),
    )
    .addOption(jsonOption())
    .action(
      run(
        async (
          { io, client }: CliContext,
          target: string,
          options: { reason?: string; for?: number; json?: boolean },
        ) => {
          if (options.reason === undefined)
            throw new UsageError(
              'breaking the glass needs a reason',
              'give --reason "…": webhooks, Slack, reviewers, auditors and operators are told',
            )
          const use = await (
            await client()
          ).breakGlass.start({
            target,
            reason: options.reason,
            ...(options.for === undefined ? {} : { lengthMs: options.for }),
          })
          if (options.json) return io.json(use)
          const told = use.announced ?? []
          io.note(
            `you have access to ${use.target} until ${use.endsAt === undefined ? 'it is revoked' : io.clock(use.endsAt)}; ${told.length === 0 ? 'no channel has accepted the announcement yet' : `announced to ${told.join(', ')}`}`,
          )
          io.note(
            `${use.reviewers.map(visibleInLine).join(' or ')} will review it. Connect: pamctl connect ${use.target}`,
          )
          io.print(use.id)
        },
      ),
    )
  group
    .command('list')
    .description('list emergency access that is in use or awaits a review')
    .option('--all', 'include what was reviewed or refused')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, options: { all?: boolean; json?: boolean }) => {
        const items = await (await client()).breakGlass.list(options.all !== true)
        if (options.json) return io.json(items)
        if (items.length === 0) return io.note(options.all ? 'nobody has broken the glass' : 'no review is outstanding')
        await io.table(items, {
          ID: ({ id }) => id,
          WHO: ({ person }) => person.label,
          TARGET: ({ target }) => target,
          STATE: ({ state, reviewed }) => (reviewed === undefined ? state : `reviewed by ${reviewed.by}`),
          BEGAN: ({ createdAt }) => io.age(createdAt),
          ENDS: ({ endsAt }) => (endsAt === undefined ? '' : io.age(endsAt)),
          REASON: ({ reason }) => reason,
        })
      }),
    )
  group
    .command('review <id>')
    .description("close the review of somebody else's emergency access")
    .option('--comment <text>', 'what was done, and whether it was right')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, id: string, options: { comment?: string; json?: boolean }) => {
        needId(id, 'brk')
        if (options.comment === undefined)
          throw new UsageError('a review needs a comment', 'give --comment "…"; "pamctl sessions" lists what was run')
        const closed = await (await client()).breakGlass.review(id, options.comment)
        if (options.json) return io.json(closed)
        io.note(`closed the review of ${closed.id}: ${visibleInLine(closed.person.label)} on ${closed.target}`)
      }),
    )
}
