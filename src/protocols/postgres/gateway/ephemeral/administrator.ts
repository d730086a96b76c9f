import type { CredentialLease } from '../../../../credentials/credential.ts'
import { PamError } from '../../../../shared/errors.ts'
import { socketChannel } from '../../../../shared/socket-channel.ts'
import { targetFailure } from '../../../../gateway/target-failure.ts'
import { TargetMessages, LONGEST_MESSAGE } from '../../../../gateway/target-messages.ts'
import { withDeadline } from '../../../../gateway/with-deadline.ts'
import { channelBindingOf, type PostgresTarget } from '../../target.ts'
import { TERMINATE } from '../../wire/client-message.ts'
import { Framer, type Frame } from '../../wire/framer.ts'
import { logIn, PINNED } from '../login/upstream-login.ts'
import { runCommand, runQueries } from '../login/upstream-query.ts'
import { openSocket } from '../login/upstream-socket.ts'

/** A connection of the gateway's own, to make roles and to drop them. */
export interface Administrator {
  /** Statements without rows, in one transaction. */
  change(statements: readonly string[]): Promise<void>
  /** The rows of one query. */
  ask(query: string): Promise<readonly (readonly (string | null)[])[]>
}

export interface AdministratorLogin {
  readonly config: PostgresTarget
  readonly lease: CredentialLease
  readonly baseDirectory: string
}

/** Logs in, does the work within a time limit, and logs out. An open transaction is given up. */
export async function asAdministrator<T>(
  { config, lease, baseDirectory }: AdministratorLogin,
  work: (administrator: Administrator, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withDeadline(MAX_TIME_MS, undefined, async (signal) => {
      const { socket, tls } = await openSocket(config, { lease, baseDirectory }, signal)
      const messages = new TargetMessages<Frame>(
        socketChannel(socket),
        signal,
        new Framer(LONGEST_MESSAGE, 'the target'),
      )
      await logIn(messages, {
        target: `${config.host}:${config.port}`,
        user: lease.user,
        database: config.database,
        password: lease.password,
        settings: new Map(Object.entries({ ...SETTINGS, ...PINNED })),
        methods: ['scram-sha-256'],
        tls,
        channelBinding: channelBindingOf(config),
      })
      messages.allow('the administration of roles', { bytes: 4 * 1024 * 1024, messages: 100_000 })
      const result = await work(
        {
          async change(statements) {
            for (const statement of ['begin', ...statements, 'commit']) await runCommand(messages, statement)
          },
          ask: async (query) => (await runQueries(messages, [query]))[0] ?? [],
        },
        signal,
      )
      messages.close(TERMINATE)
      return result
    })
  } catch (error) {
    throw error instanceof PamError ? error : targetFailure(config.name, error)
  }
}

/** Nothing that an account or a database has set decides how these statements are read, or how long they wait. */
const SETTINGS = {
  application_name: 'pam-gateway',
  search_path: 'pg_catalog',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  statement_timeout: '8000',
  lock_timeout: '4000',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
}
const MAX_TIME_MS = 15_000
