import { UsageError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import { addPersonOption, jsonOption, personIn, type AddCommand, type PersonOptions } from '../command.ts'
import type { CliContext } from '../context.ts'

/** `pamctl passkeys`: yours; and, for operators, those of others. They are registered in the dashboard alone. */
export const passkeys: AddCommand = (program, run) => {
  const group = program
    .command('passkeys')
    .description('list the passkeys that approvals are confirmed with; remove those of somebody who lost them')
  const list = group.command('list').description('list your passkeys, or those of somebody else')
  addPersonOption(list, 'somebody else, by name, e-mail address or id (operators)')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, options: PersonOptions & { json?: boolean }) => {
        const { io } = context
        const person = personIn(options, context)
        const api = await context.client()
        const items = await api.passkeys.list(person)
        if (options.json) return io.json(items)
        if (items.length === 0)
          return io.note(
            person === undefined
              ? `you have no passkeys; to register one, open ${visible(api.gateway)}/account`
              : `${visible(person)} has no passkeys`,
          )
        await io.table(
          items,
          {
            ID: ({ id }) => id,
            NAME: ({ name }) => name,
            REGISTERED: ({ createdAt }) => io.age(createdAt),
            'LAST USED': ({ lastUsedAt }) => (lastUsedAt === undefined ? 'never' : io.age(lastUsedAt)),
          },
          { clipFirst: ['NAME'], leaveOutFirst: ['REGISTERED'] },
        )
      }),
    )
  group
    .command('remove <person>')
    .description('remove all passkeys of a person, who then registers another one (operators)')
    .option('--reason <text>', 'why; shown in the audit log')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, who: string, { reason, json }: { reason?: string; json?: boolean }) => {
        if (reason === undefined) throw new UsageError('removing passkeys needs a reason', 'give --reason "…"')
        const removed = await (await client()).passkeys.removeAll(who, reason)
        if (json) return io.json(removed)
        const count = removed.length
        io.note(`removed ${count} ${count === 1 ? 'passkey' : 'passkeys'} of ${visible(who)}`)
      }),
    )
}
