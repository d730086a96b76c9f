import { Option } from 'commander'
import {
  addPersonOption,
  durationOption,
  integer,
  jsonOption,
  personIn,
  type AddCommand,
  type PersonOptions,
} from '../command.ts'
import type { CliContext } from '../context.ts'
import { needKnownPerson } from '../known-person.ts'

interface SearchOptions extends PersonOptions {
  readonly since: number
  readonly target?: string
  readonly limit: number
  readonly json?: boolean
}

/** `pamctl search TEXT`: who ran what. */
export const search: AddCommand = (program, run) => {
  const command = program
    .command('search <text>')
    .description('find commands that contain a text, in the records visible to you')
    .addOption(durationOption('--since <duration>', 'how far back', 'PAMCTL_SINCE').default(7 * 86_400_000, '7d'))
  addPersonOption(command, 'only sessions of this person')
    .option('--target <name>', 'only sessions on this target')
    .addOption(new Option('--limit <n>', 'how many to show').default(100).argParser(integer))
    .addOption(jsonOption())
    .action(run(searchRecords))
}

async function searchRecords(context: CliContext, text: string, options: SearchOptions): Promise<void> {
  const { io, client, now } = context
  const { since, json, target, limit } = options
  const person = personIn(options, context)
  const rows: { session: string; at: string; person: string; target: string; verdict: string; text: string }[] = []
  const api = await client()
  const found = api.search({ user: person, target, limit, text, since: new Date(now() - since).toISOString() })
  for await (const line of found) {
    if (line.type === 'command') rows.push(line)
    else if (line.type === 'skipped') io.note(`${line.session} was not searched: ${line.reason}`)
    else io.note(`there are more than ${options.limit}: narrow the search or give --limit`)
  }
  if (rows.length === 0 && person !== undefined) await needKnownPerson(api, person)
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
