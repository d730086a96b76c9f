import { Option } from 'commander'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'
import type { Grant } from '../../api/schemas/access.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'

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
        await io.table(
          items,
          {
            ID: ({ id }) => id,
            WHO: ({ person }) => person.label,
            TARGET: ({ target }) => target,
            STATE: ({ state, revoked, automatic }) =>
              revoked === undefined
                ? `${state}${automatic === undefined ? '' : `, approved by ${automatic.by}`}`
                : `revoked by ${revoked.by}`,
            ENDS: ({ endsAt, revoked }) => (revoked === undefined ? io.age(endsAt) : ''),
            REASON: ({ reason }) => reason,
          },
          { leaveOutFirst: all ? ['REASON'] : ['REASON', 'WHO'] },
        )
      }),
    )
}

/** `pamctl revoke GRANT`: takes access back now; sessions under it end. */
export const revoke: AddCommand = (program, run) => {
  program
    .command('revoke <grant>')
    .description('end access now')
    .addOption(new Option('--reason <text>', 'why').default('', 'none'))
    .option('--lift', 'allow standing access, and approval by rule, again after it was revoked')
    .addOption(jsonOption())
    .action(
      run(
        async ({ io, client }: CliContext, id: string, options: { reason: string; lift?: boolean; json?: boolean }) => {
          needId(id, 'grt')
          const api = await client()
          const grant = options.lift ? await api.grants.lift(id) : await api.grants.revoke(id, options.reason)
          if (options.json) return io.json(grant)
          const { label } = grant.person
          if (options.lift) return io.note(`${label} may have ${grant.target} again`)
          io.note(`revoked ${grant.id}: ${label} on ${grant.target}`)
          for (const other of await othersOf(api, grant))
            io.note(`${label} still has access to ${grant.target} by ${other.id}: pamctl revoke ${other.id}`)
        },
      ),
    )
}

/** What else the person has the target by: access ends with the last of them. */
async function othersOf(api: ApiClient, { id, person, target }: Grant): Promise<readonly Grant[]> {
  const isOwn = (await api.whoami()).person.id === person.id
  const { items } = await api.grants.list({ all: !isOwn, active: true, limit: 100 })
  return items.filter((other) => other.id !== id && other.target === target && other.person.id === person.id)
}
