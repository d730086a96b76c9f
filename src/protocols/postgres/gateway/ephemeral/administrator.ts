import type { CredentialLease } from '../../../../credentials/credential.ts'
import { PamError } from '../../../../shared/errors.ts'
import { socketChannel } from '../../../../shared/socket-channel.ts'
import { targetFailure, TargetRefusal } from '../../../../gateway/target-failure.ts'
import { TargetMessages, MAX_MESSAGE_BYTES } from '../../../../gateway/target-messages.ts'
import type { PresenceConnection } from '../../../../gateway/presence.ts'
import { withDeadline } from '../../../../gateway/with-deadline.ts'
import { channelBindingOf, type PostgresTarget } from '../../target.ts'
import { TERMINATE } from '../../wire/client-message.ts'
import { Framer, type Frame } from '../../wire/framer.ts'
import { presenceOf, STAYING } from './role-statements.ts'
import { logIn, PINNED } from '../login/upstream-login.ts'
import { runCommand, runQueries } from '../login/upstream-query.ts'
import { openSocket } from '../login/upstream-socket.ts'

/** A connection of the gateway itself that creates and drops roles. */
export interface Administrator {
  /** Runs statements that return no rows in one transaction, which is rolled back if one of them fails. */
  change(statements: readonly string[]): Promise<void>
  /** Runs statements that return no rows and cannot run in a transaction block. */
  run(statements: readonly string[]): Promise<void>
  /** The rows of one query. */
  ask(query: string): Promise<readonly (readonly (string | null)[])[]>
}

export interface AdministratorLogin {
  readonly config: PostgresTarget
  readonly lease: CredentialLease
  readonly baseDirectory: string
}

/** Logs in, does the work within a time limit, and logs out. A transaction that is still open is rolled back. */
export async function asAdministrator<T>(
  login: AdministratorLogin,
  work: (administrator: Administrator, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withDeadline(MAX_TIME_MS, undefined, async (signal) => {
      const messages = await logInAs('pam-gateway', login, signal)
      messages.allow('the administration of roles', { bytes: 4 * 1024 * 1024, messages: 100_000 })
      const run = async (statements: readonly string[]): Promise<void> => {
        for (const statement of statements) await runCommand(messages, statement)
      }
      const result = await work(
        {
          async change(statements) {
            try {
              await run(['begin', ...statements, 'commit'])
            } catch (error) {
              await run(['rollback']).catch(() => {})
              throw error
            }
          },
          run,
          ask: async (query) => (await runQueries(messages, [query]))[0] ?? [],
        },
        signal,
      )
      messages.close(TERMINATE)
      return result
    })
  } catch (error) {
    throw error instanceof PamError ? error : targetFailure(login.config.name, error)
  }
}

/** Logs in and stays connected, so that `pg_stat_activity` shows the name of the run for as long as it lasts. */
export const openPresence = (login: AdministratorLogin, run: string): Promise<PresenceConnection> =>
  inSomeDatabase(login, async (where) => {
    try {
      return await withDeadline(MAX_TIME_MS, undefined, async (signal) => {
        const messages = await logInAs(presenceOf(run), where, signal)
        messages.allow('the beginning of a session', { bytes: 64 * 1024, messages: 100 })
        await runQueries(messages, [STAYING])
        messages.release()
        return { channel: messages.channel, goodbye: TERMINATE }
      })
    } catch (error) {
      throw error instanceof PamError ? error : targetFailure(where.config.name, error)
    }
  })

async function logInAs(
  application: string,
  { config, lease, baseDirectory }: AdministratorLogin,
  signal: AbortSignal,
): Promise<TargetMessages<Frame>> {
  const { socket, tls } = await openSocket(config, { lease, baseDirectory }, signal)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  const messages = new TargetMessages<Frame>(socketChannel(socket), signal, new Framer(MAX_MESSAGE_BYTES, 'the target'))
  await logIn(messages, {
    target: `${config.host}:${config.port}`,
    user: lease.user,
    database: config.database,
    password: lease.password,
    settings: new Map(Object.entries({ ...SETTINGS, ...PINNED, application_name: application })),
    methods: ['scram-sha-256'],
    tls,
    channelBinding: channelBindingOf(config),
  })
  return messages
}

/**
 * The same for work on roles only, which all databases share: if the target's own database accepts no connections, in another database. The
 * owner of a database can forbid connections to it, and a session may have the privileges of that owner.
 */
export async function asAdministratorAnywhere<T>(
  login: AdministratorLogin,
  work: (administrator: Administrator, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let isIn = false
  const noting = (administrator: Administrator, signal: AbortSignal): Promise<T> => {
    isIn = true
    return work(administrator, signal)
  }
  return inSomeDatabase(
    login,
    (where) => asAdministrator(where, noting),
    () => isIn,
  )
}

async function inSomeDatabase<T>(
  login: AdministratorLogin,
  attempt: (login: AdministratorLogin) => Promise<T>,
  isIn: () => boolean = () => false,
): Promise<T> {
  let failure: unknown
  for (const database of new Set([login.config.database, ...MAINTENANCE])) {
    try {
      return await attempt({ ...login, config: { ...login.config, database } })
    } catch (error) {
      failure ??= error
      if (isIn() || !(error instanceof PamError) || !(error.cause instanceof TargetRefusal)) throw error
    }
  }
  throw failure
}

/** Settings of the account or the database must not affect how these statements are read, or how long they wait. */
const SETTINGS = {
  search_path: 'pg_catalog',
  // The owner of the database can set another role, which would run the statements.
  role: 'none',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  statement_timeout: '8000',
  lock_timeout: '4000',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
}
const MAX_TIME_MS = 15_000
/** Networks drop idle connections. */
const KEEP_ALIVE_MS = 60_000
/** The databases that PostgreSQL's client programs use if another one is not available (manual, dropdb --maintenance-db). */
const MAINTENANCE = ['postgres', 'template1']
