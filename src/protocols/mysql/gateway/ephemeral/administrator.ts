import type { CredentialLease } from '../../../../credentials/credential.ts'
import type { PresenceConnection } from '../../../../gateway/presence.ts'
import { targetFailure } from '../../../../gateway/target-failure.ts'
import { withDeadline } from '../../../../gateway/with-deadline.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { MysqlTarget } from '../../target.ts'
import { KnownServers } from '../known-servers.ts'
import { openOwnConnection, QUIT, type OwnConnection } from '../login/connect-upstream.ts'
import { REGISTRY, showing } from './account-statements.ts'

export interface AdministratorLogin {
  readonly config: MysqlTarget
  readonly lease: CredentialLease
  readonly baseDirectory: string
}

/** Logs in, does the work within a time limit, and logs out. */
export async function asAdministrator<T>(
  login: AdministratorLogin,
  work: (administrator: OwnConnection, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return inTime(login, async (signal) => {
    const connection = await open(login, signal)
    const result = await work(connection, signal)
    connection.close()
    return result
  })
}

/** Logs in and stays connected, visible by the lock that it holds. */
export const openPresence = (login: AdministratorLogin, presence: string): Promise<PresenceConnection> =>
  inTime(login, async (signal) => {
    const connection = await open(login, signal)
    const [[isHeld] = []] = await connection.ask(showing(presence))
    if (isHeld !== '1')
      throw new PamError('TARGET_REFUSED', `${login.config.name} did not give the gateway a lock of its own`, {
        side: 'upstream',
      })
    return { channel: connection.release(), goodbye: QUIT }
  })

/** Connects to the database of the registry: the administrator needs no privilege on that of the target. */
const open = ({ config, lease, baseDirectory }: AdministratorLogin, signal: AbortSignal): Promise<OwnConnection> =>
  openOwnConnection(
    {
      config: { ...config, database: REGISTRY, password: 'env:NOT_READ', ephemeral: undefined },
      lease,
      baseDirectory,
      limits: LIMITS,
      knownServers,
    },
    signal,
    SETTINGS,
  )

async function inTime<T>({ config }: AdministratorLogin, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await withDeadline(MAX_TIME_MS, undefined, work)
  } catch (error) {
    throw error instanceof PamError ? error : targetFailure(config.name, error)
  }
}

/**
 * Settings of the account or the server must not affect how these statements are read, or how long they wait; a connection that stays is
 * idle on purpose.
 */
const SETTINGS = [
  "SET SESSION sql_mode = '', sql_select_limit = DEFAULT, autocommit = 1, lock_wait_timeout = 4, innodb_lock_wait_timeout = 4, wait_timeout = 2147483",
  'SET SESSION TRANSACTION READ WRITE',
  'SET ROLE NONE',
]
const MAX_TIME_MS = 15_000
/** In milliseconds, and in bytes of the answer to one statement. */
const LIMITS = { handshake: 10_000, catalogs: 10_000, catalogBytes: 4 * 1024 * 1024 }
const knownServers = new KnownServers()
