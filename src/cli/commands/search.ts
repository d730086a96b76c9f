import { Option } from 'commander'
import { durationOption, integer, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needKnownPerson } from '../known-person.ts'

interface SearchOptions {
  readonly since: number
  readonly user?: string
  readonly target?: string
  readonly limit: number
  readonly json?: boolean
}

/** `pamctl search TEXT`: who ran what. */
export const search: AddCommand = (program, run) => {
  program
    .command('search <text>')
    .description('find commands that contain a text, in the records visible to you')
    .addOption(durationOption('--since <duration>', 'how far back', 'PAMCTL_SINCE').default(7 * 86_400_000, '7d'))
    .option('--user <who>', 'only sessions of this person')
    .option('--target <name>', 'only sessions on this target')
    .addOption(new Option('--limit <n>', 'how many to show').default(100).argParser(integer))
    .addOption(jsonOption())
    .action(run(searchRecords))
}

async function searchRecords({ io, client, now }: CliContext, text: string, options: SearchOptions): Promise<void> {
  const { since, json, ...filter } = options
  const rows: { session: string; at: string; person: string; target: string; verdict: string; text: string }[] = []
  const api = await client()
  const found = api.search({ ...filter, text, since: new Date(now() - since).toISOString() })
  for await (const line of found) {
    if (line.type === 'command') rows.push(line)
    else if (line.type === 'skipped') io.note(`${line.session} was not searched: ${line.reason}`)
    else io.note(`there are more than ${options.limit}: narrow the search or give --limit`)
  }
  if (rows.length === 0 && filter.user !== undefined) await needKnownPerson(api, filter.user)
  if (json === true) return io.json(rows)
  if (rows.length === 0) return io.note('nothing found')
  await io.table(
    rows,
    {
      SESSION: ({ session }) => session,
      WHEN: ({ at }) => (io.stdoutIsTerminal ? io.clock(at) : at),
      WHO: ({ person }) => person,
      TARGET: ({ target }) => target,
      VERDICT: ({ verdict }) => verdict,
      COMMAND: ({ text: command }) => command,
    },
    { leaveOutFirst: ['WHEN', 'VERDICT', 'TARGET'] },
  )
}
