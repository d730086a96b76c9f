import type { CredentialLease } from '../../../../credentials/credential.ts'
import { PamError } from '../../../../shared/errors.ts'
import { socketChannel } from '../../../../shared/socket-channel.ts'
import { targetFailure, TargetSaidNo } from '../../../../gateway/target-failure.ts'
import { TargetMessages, LONGEST_MESSAGE } from '../../../../gateway/target-messages.ts'
import type { PresenceConnection } from '../../../../gateway/presence.ts'
import { withDeadline } from '../../../../gateway/with-deadline.ts'
import { channelBindingOf, type PostgresTarget } from '../../target.ts'
import { TERMINATE } from '../../wire/client-message.ts'
import { Framer, type Frame } from '../../wire/framer.ts'
import { presenceOf, STAYING } from './role-statements.ts'
import { logIn, PINNED } from '../login/upstream-login.ts'
import { runCommand, runQueries } from '../login/upstream-query.ts'
import { openSocket } from '../login/upstream-socket.ts'

/** A connection of the gateway's own, to make roles and to drop them. */
export interface Administrator {
  /** Statements without rows, in one transaction, which is undone where one fails. */
  change(statements: readonly string[]): Promise<void>
  /** Statements without rows that cannot be in a transaction. */
  run(statements: readonly string[]): Promise<void>
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

/** Logs in and stays, to be seen: `pg_stat_activity` has the name of the run, as long as that is. */
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
  const messages = new TargetMessages<Frame>(socketChannel(socket), signal, new Framer(LONGEST_MESSAGE, 'the target'))
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
 * The same for what concerns roles alone, which are of all databases: where the target's own database lets nobody in, in another one. Its owner can
 * forbid connections to it, and a session may have the rights of that owner.
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
      if (isIn() || !(error instanceof PamError) || !(error.cause instanceof TargetSaidNo)) throw error
    }
  }
  throw failure
}

/** Nothing that an account or a database has set decides how these statements are read, or how long they wait. */
const SETTINGS = {
  search_path: 'pg_catalog',
  // Whoever owns the database can give it another one, which the statements would run as.
  role: 'none',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  statement_timeout: '8000',
  lock_timeout: '4000',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
}
const MAX_TIME_MS = 15_000
/** Networks forget connections on which nothing is sent. */
const KEEP_ALIVE_MS = 60_000
/** Where the programs of PostgreSQL connect to when a database of its own is not to be had (manual, dropdb --maintenance-db). */
const MAINTENANCE = ['postgres', 'template1']
