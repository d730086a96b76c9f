import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

/** `pamctl grants`: what you have, and had. */
export const grants: AddCommand = (program, run) => {
  program
    .command('grants')
    .description('list your grants')
    .option('--all', 'grants of all users (auditors and operators)')
    .option('--active', 'only active grants')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, options: { all?: boolean; active?: boolean; json?: boolean }) => {
        const { all = false, active = false } = options
        const { items } = await (await client()).grants.list({ all, active, limit: 100 })
        if (options.json) return io.json(items)
        if (items.length === 0) return io.note(all ? 'no grants' : 'you have no grants')
        await io.table(items, {
          ID: ({ id }) => id,
          WHO: ({ person }) => person.label,
          TARGET: ({ target }) => target,
          STATE: ({ state, revoked }) => (revoked === undefined ? state : `revoked by ${revoked.by}`),
          ENDS: ({ endsAt }) => io.age(endsAt),
          REASON: ({ reason }) => reason,
        })
      }),
    )
}

/** `pamctl revoke GRANT`: takes access back now; sessions under it end. */
export const revoke: AddCommand = (program, run) => {
  program
    .command('revoke <grant>')
    .description('end access now')
    .option('--reason <text>', 'why', '')
    .option('--lift', 'allow standing access again after it was revoked')
    .addOption(jsonOption())
    .action(
      run(
        async ({ io, client }: CliContext, id: string, options: { reason: string; lift?: boolean; json?: boolean }) => {
          needId(id, 'grt')
          const { grants: api } = await client()
          const grant = options.lift ? await api.lift(id) : await api.revoke(id, options.reason)
          if (options.json) return io.json(grant)
          io.note(
            options.lift
              ? `${grant.person.label} may have ${grant.target} again`
              : `revoked ${grant.id}: ${grant.person.label} on ${grant.target}`,
          )
        },
      ),
    )
}
