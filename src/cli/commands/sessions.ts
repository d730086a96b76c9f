import { Option } from 'commander'
import { integer, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

/** `pamctl sessions`: the sessions you may see, newest first. */
export const sessions: AddCommand = (program, run) => {
  program
    .command('sessions')
    .description('list sessions')
    .option('--active', 'only open sessions')
    .addOption(new Option('--limit <n>', 'how many to show').default(30).argParser(integer))
    .addOption(jsonOption())
    .action(run(listSessions))
}

async function listSessions(
  { io, client }: Pick<CliContext, 'io' | 'client'>,
  options: { active?: boolean; limit: number; json?: boolean },
): Promise<void> {
  const { items } = await (await client()).sessions.list({ active: options.active ?? false, limit: options.limit })
  if (options.json) return io.json(items)
  if (items.length === 0) return io.note('no sessions')
  await io.table(items, {
    ID: ({ id }) => id,
    WHO: ({ person }) => person.label,
    TARGET: ({ target }) => target,
    STARTED: ({ openedAt }) => io.age(openedAt),
    // The gateway counts in memory: where it was stopped, 0 says nothing.
    COMMANDS: ({ commands, ended }) => (commands === 0 && ended?.code === 'GATEWAY_STOPPED' ? '' : String(commands)),
    ENDED: ({ ended }) => (ended === undefined ? 'open' : `${io.age(ended.at)}, ${ended.message}`),
  })
}

/** `pamctl kill SESSION`: ends one session now. */
export const kill: AddCommand = (program, run) => {
  program
    .command('kill <session>')
    .description('end a session now')
    .addOption(new Option('--reason <text>', 'shown to the connected user').default('', 'none'))
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, id: string, options: { reason: string; json?: boolean }) => {
        needId(id, 'ses')
        const session = await (await client()).sessions.kill(id, options.reason)
        if (options.json) return io.json(session)
        io.note(`ended ${session.id}: ${session.person.label} on ${session.target}`)
      }),
    )
}
