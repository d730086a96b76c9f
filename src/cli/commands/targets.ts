import type { Target } from '../../api/schemas/access.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'

/** `pamctl targets`: what you may have, and what of it you have. */
export const targets: AddCommand = (program, run) => {
  program
    .command('targets')
    .description('list the targets available to you, and until when you have access')
    .addOption(jsonOption())
    .action(run(listTargets))
}

async function listTargets(
  context: Pick<CliContext, 'io' | 'client' | 'agent'>,
  options: { json?: boolean },
): Promise<void> {
  const { io } = context
  const api = await context.client()
  const items = await withWhatIsHeld(context, api, await api.targets())
  if (options.json) return io.json(items)
  if (items.length === 0) return io.note('no targets')
  await io.table(
    items,
    {
      NAME: ({ name }) => name,
      TYPE: ({ type }) => type,
      LABELS: ({ labels }) =>
        Object.entries(labels)
          .map((pair) => pair.join('='))
          .join(','),
      ACCESS: ({ access, locked, revoked }) =>
        locked !== undefined ? 'locked' : revoked !== undefined ? 'revoked' : access,
      ...(items.some(({ appUrl }) => appUrl !== undefined) ? { APP: ({ appUrl = '' }) => appUrl } : {}),
      ...(items.some(({ held, port }) => held !== undefined || port !== undefined)
        ? {
            UNTIL: ({ held, grant }) =>
              held === undefined ? '' : grant === 'standing' ? 'standing' : io.clock(held.endsAt),
            PORT: ({ port }) => (port === undefined ? '' : String(port)),
            SESSIONS: ({ sessions }) => (sessions === 0 ? '' : String(sessions)),
          }
        : {}),
    },
    // Whether there is access, and until when, is what the list is for.
    { clipFirst: ['LABELS', 'TYPE', 'APP', 'ACCESS'], leaveOutFirst: ['LABELS', 'TYPE', 'APP', 'SESSIONS', 'PORT'] },
  )
}

/** A target with the caller's current grant, the port that the agent serves it on, and how many sessions are open. */
type HeldTarget = Target & {
  readonly held?: { readonly grantId: string; readonly endsAt: string }
  readonly port?: number
  readonly sessions: number
}

async function withWhatIsHeld(
  { agent }: Pick<CliContext, 'agent'>,
  api: ApiClient,
  targets: readonly Target[],
): Promise<HeldTarget[]> {
  const [grants, sessions, who, { listeners }] = await Promise.all([
    api.grants.list({ active: true, limit: 100 }),
    api.sessions.list({ active: true, mine: true, limit: 100 }),
    api.whoami(),
    agent().then((connection) => connection.call('status', {})),
  ])
  return targets.map((target) => {
    const grant = grants.items.find(({ target: of, state }) => of === target.name && state === 'active')
    // A port without a number is a Unix socket of one client.
    const ports = listeners.filter(
      ({ gateway, person, target: of, port }) =>
        gateway === api.gateway && person === who.person.id && of === target.name && port > 0,
    )
    // The one that is there for everything.
    const open = ports.find(({ kept }) => kept !== undefined) ?? ports[0]
    return {
      ...target,
      ...(grant === undefined ? {} : { held: { grantId: grant.id, endsAt: grant.endsAt } }),
      ...(open === undefined ? {} : { port: open.port }),
      sessions: sessions.items.filter(({ target: of }) => of === target.name).length,
    }
  })
}
