import type { Server } from 'node:http'
import { createOperations, type Readiness } from '../api/operations.ts'
import type { SessionRegistry } from '../gateway/session-registry.ts'
import type { SteadyClock } from '../shared/clock.ts'
import { CLOCK_TOLERANCE_MS } from '../storage/clock-state.ts'
import type { Config } from './config/config.ts'
import { listenAt } from './listen.ts'
import type { AuditDelivery } from './start-audit-delivery.ts'
import type { Evidence } from './start-evidence.ts'
import type { RunningSecrets } from './start-secrets.ts'

/** The parts of a running gateway whose state is shown; a reload replaces the configuration. */
interface WatchedParts {
  readonly clock: Pick<SteadyClock, 'behind'>
  readonly live: { readonly config: Config }
  readonly evidence: Pick<Evidence, 'spool' | 'transfer'>
  readonly secrets: Pick<RunningSecrets, 'problems'>
  readonly registry: Pick<SessionRegistry, 'size' | 'ending'>
}

/** Serves readiness and metrics at `listen.operations`, where that is configured. */
export async function startOperations(config: Config, readiness: () => Readiness): Promise<Server | undefined> {
  const { operations } = config.listen
  if (operations === undefined) return undefined
  const server = createOperations(readiness)
  const { host, port } = operations
  await listenAt(
    { key: 'listen.operations', host, port },
    () =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, resolve)
      }),
  )
  return server
}

/** Whether sessions can be opened, and what is wrong with all that they need. */
export function readinessOf(
  {
    clock,
    live: { config },
    evidence: { spool, transfer },
    secrets: { problems: credentials },
    registry,
  }: WatchedParts,
  { streams, checkpoints }: AuditDelivery,
): Readiness {
  const { health } = spool
  const { problem } = transfer
  const problems = [...checkpoints.problems].map(([name, what]) => `${name}: ${what}`)
  return {
    ready: health.ok,
    recording: health,
    spool: { bytes: spool.bytes, limit: config.recording.spoolLimit, unsealed: spool.unsealed },
    home: { ok: problem === undefined, waiting: transfer.waiting, ...(problem === undefined ? {} : { problem }) },
    sessions: registry.size - registry.ending,
    ending: registry.ending,
    auditStreams: streams.map((stream) => ({
      name: stream.name,
      ok: stream.problem === undefined,
      ...(stream.problem === undefined ? {} : { problem: stream.problem }),
    })),
    checkpoints: { ok: problems.length === 0, problems },
    clock: clockReadiness(clock.behind()),
    credentials: { ok: credentials.length === 0, problems: credentials },
  }
}

const clockReadiness = (behind: number): Readiness['clock'] => ({
  ok: behind <= CLOCK_TOLERANCE_MS,
  behindSeconds: Math.round(behind / 1000),
})
