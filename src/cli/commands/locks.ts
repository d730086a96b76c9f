import { Option } from 'commander'
import type { NewLock } from '../../api/schemas/lock.ts'
import { UsageError } from '../../shared/errors.ts'
import { visibleInLine } from '../../shared/visible.ts'
import {
  addPersonOption,
  durationOption,
  jsonOption,
  personIn,
  type AddCommand,
  type PersonOptions,
} from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'

interface LockOptions extends PersonOptions {
  readonly target?: string
  readonly label?: string
  readonly all?: boolean
  readonly reason?: string
  readonly for?: number
  readonly includingMe?: boolean
  readonly json?: boolean
}

/** `pamctl lock`: ends all sessions of a person or on targets, and keeps out until it is lifted. */
export const lock: AddCommand = (program, run) => {
  const command = program
    .command('lock')
    .description('lock a person, or targets: end open sessions now and refuse new ones')
  addPersonOption(command, 'a person or service, by name, e-mail address or id')
    .option('--target <name>', 'a target')
    .option('--label <name=value>', 'every target with this label')
    .option('--all', 'every target')
    .option('--reason <text>', 'why; shown to everybody who is refused')
    .addOption(
      durationOption('--for <duration>', 'duration of the lock (default: until "pamctl unlock")', 'PAMCTL_LOCK_FOR'),
    )
    .option('--including-me', 'lock yourself; somebody else has to unlock you')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, options: LockOptions) => {
        const { io } = context
        const wanted = asked({ ...options, person: personIn(options, context) })
        const made = await (await context.client()).locks.create(wanted)
        if (options.json) return io.json(made)
        const ended = made.endedSessions ?? 0
        io.note(
          `${visibleInLine(made.what)} ${made.subject.type === 'person' ? 'is locked out' : 'is locked'}; ${ended} ${ended === 1 ? 'session' : 'sessions'} ended`,
        )
        io.print(made.id)
      }),
    )
}

function asked({ person, target, label, all, reason, for: lengthMs, includingMe }: LockOptions): NewLock {
  const count = [person, target, label, all].filter((given) => given !== undefined).length
  if (count !== 1)
    throw new UsageError(
      count === 0 ? 'no person or target to lock was given' : 'lock one thing at a time',
      'give one of --person, --target, --label and --all',
    )
  if (reason === undefined) throw new UsageError('a lock needs a reason', 'give --reason "…"')
  return {
    ...(person === undefined ? {} : { person }),
    ...(target === undefined ? {} : { target }),
    ...(label === undefined ? {} : { label: labelOf(label) }),
    ...(all === undefined ? {} : { all: true as const }),
    ...(lengthMs === undefined ? {} : { lengthMs }),
    ...(includingMe === true ? { includingSelf: true } : {}),
    reason,
  }
}

function labelOf(text: string): { name: string; value: string } {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`"${text}" is not a label`, 'write it as NAME=VALUE, such as env=prod')
  return { name: text.slice(0, at), value: text.slice(at + 1) }
}

/** `pamctl unlock LOCK`. */
export const unlock: AddCommand = (program, run) => {
  program
    .command('unlock <lock>')
    .description('lift a lock')
    .addOption(new Option('--reason <text>', 'why').default('', 'none'))
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, id: string, options: { reason: string; json?: boolean }) => {
        needId(id, 'lck')
        const lifted = await (await client()).locks.lift(id, options.reason)
        if (options.json) return io.json(lifted)
        io.note(`lifted ${lifted.id}: ${visibleInLine(lifted.what)}`)
      }),
    )
}

/** `pamctl locks`: what is locked. */
export const locks: AddCommand = (program, run) => {
  program
    .command('locks')
    .description('list locks')
    .option('--all', 'include those that were lifted or have ended')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, options: { all?: boolean; json?: boolean }) => {
        const items = await (await client()).locks.list(options.all !== true)
        if (options.json) return io.json(items)
        if (items.length === 0) return io.note('no locks')
        await io.table(
          items,
          {
            ID: ({ id }) => id,
            LOCKED: ({ what }) => what,
            STATE: ({ state }) => state,
            BY: ({ by }) => by,
            SINCE: ({ createdAt }) => io.age(createdAt),
            ENDS: ({ state, endsAt }) =>
              state === 'lifted' ? '' : endsAt === undefined ? 'when lifted' : io.age(endsAt),
            REASON: ({ reason }) => reason,
          },
          { leaveOutFirst: ['BY', 'SINCE', ...(options.all === true ? [] : ['STATE']), 'REASON'] },
        )
      }),
    )
}
