import type { CredentialLease } from '../../../../credentials/credential.ts'
import type { Channel } from '../../../../shared/channel.ts'
import { PamError } from '../../../../shared/errors.ts'
import { pause } from '../../../../shared/pause.ts'
import type { ConnectLimits } from '../../../../gateway/engine.ts'
import { targetFailure, TargetRefusal } from '../../../../gateway/target-failure.ts'
import type { TargetMessages } from '../../../../gateway/target-messages.ts'
import { withDeadline } from '../../../../gateway/with-deadline.ts'
import { capabilities } from '../../wire/capabilities.ts'
import { quotedName } from '../../catalog/quoted-name.ts'
import { commands } from '../../wire/command.ts'
import { encodePackets, type Frame } from '../../wire/framer.ts'
import { parseServerVersion, type ServerVersion } from '../../wire/server-version.ts'
import { pinnedOf, settingStatements } from '../../session-settings.ts'
import { authenticationOf, type MysqlTarget } from '../../target.ts'
import type { KnownServers } from '../known-servers.ts'
import { pinnedProblem, sessionStateOf, stateQuery, type SessionState } from './session-state.ts'
import { runQuery, type OwnRows } from './target-queries.ts'
import { logIn, offers } from './upstream-login.ts'
import { openTarget } from './upstream-socket.ts'

/** A connection that is logged in and idle. */
export interface Upstream {
  readonly channel: Channel
  readonly version: ServerVersion
  /** The server's own id. */
  readonly threadId: number
  /** Status flags after the login. */
  readonly status: number
  readonly state: SessionState
  /** Ends the running statement, from another connection; resolves when the server has accepted that, or does not answer. */
  cancel(): Promise<void>
  /** Ends the connection from another one; true when the server confirms that it is gone. */
  terminate(): Promise<boolean>
}

export interface UpstreamTarget {
  readonly config: MysqlTarget
  readonly lease: CredentialLease
  readonly baseDirectory: string
  readonly limits: ConnectLimits
  /** The last greeting of each target. */
  readonly knownServers: KnownServers
}

/** What the client has requested. */
export interface Wanted {
  readonly capabilities: number
  readonly collation: number
}

/**
 * Logs in with the session's credential and the client's capabilities, and asks how the server reads texts. Whatever the target does, this
 * ends at the time limit, and at once when `ended` aborts.
 */
export async function connectUpstream(
  target: UpstreamTarget,
  wanted: Wanted,
  readOnly: boolean,
  ended: AbortSignal,
): Promise<Upstream> {
  const { config, limits } = target
  try {
    return await withDeadline(limits.handshake, ended, async (signal) => {
      const { messages, version, threadId, status } = await openSession(target, wanted, signal)
      messages.allow('the beginning of a session', ENOUGH)
      for (const sql of [...sessionBeginning(config, readOnly), ...enteringOf(config)])
        await runQuery(messages, sql, wanted.capabilities)
      const pinned = pinnedOf(config.settings)
      const rows = await runQuery(messages, stateQuery(pinned), wanted.capabilities)
      const state = sessionStateOf(rows, version)
      if (state === undefined)
        throw new PamError('SETTING_REFUSED', 'the target reads texts in a character set that is not supported', {
          side: 'upstream',
          hint: 'use utf8mb4',
        })
      const problem = pinnedProblem(rows, pinned)
      if (problem !== undefined) throw problem
      signal.throwIfAborted()
      messages.release()
      return {
        channel: messages.channel,
        version,
        threadId,
        status,
        state,
        cancel: () => cancelStatement(target, threadId),
        terminate: () => endConnection(target, threadId),
      }
    })
  } catch (error) {
    throw ended.aborted ? ended.reason : targetFailure(config.name, error)
  }
}

interface OpenSession {
  readonly messages: TargetMessages<Frame>
  readonly version: ServerVersion
  readonly threadId: number
  readonly status: number
}

async function openSession(target: UpstreamTarget, wanted: Wanted, signal: AbortSignal): Promise<OpenSession> {
  const { config, lease, baseDirectory, knownServers } = target
  const greeted = await openTarget(config, { lease, baseDirectory }, wanted, signal)
  const { greeting, messages } = greeted
  const version = parseServerVersion(greeting.version)
  if (version === undefined)
    throw new PamError('TARGET_REFUSED', 'the target does not say which version it is', { side: 'upstream' })
  knownServers.note(config, greeting)
  if (!offers(greeting.capabilities, wanted.capabilities))
    throw new PamError('TARGET_REFUSED', 'the target offers less than it did when it was last connected to', {
      side: 'upstream',
      hint: 'connect again',
    })
  const status = await logIn(greeted, {
    user: lease.user,
    password: lease.password,
    // An account that is created for a session may not use any database until it has its role.
    database: config.ephemeral === undefined ? config.database : undefined,
    collation: wanted.collation,
    capabilities: wanted.capabilities,
    methods: authenticationOf(config),
    hasCertificate: lease.clientCertificate !== undefined,
  })
  return { messages, version, threadId: greeting.threadId, status }
}

/** A connection of the gateway's own to a target, for its own queries. */
export interface OwnConnection {
  readonly version: ServerVersion
  ask(sql: string): Promise<OwnRows>
  close(): void
  /** Gives up the idle connection to the caller: no more queries are run on it here. */
  release(): Channel
}

/** Opens such a connection until it is closed or the signal aborts; `settings` are its first statements. */
export async function openOwnConnection(
  target: UpstreamTarget,
  signal: AbortSignal,
  settings: readonly string[] = [...OWN_SETTINGS, ...beginningOf(target.config, true), ...enteringOf(target.config)],
): Promise<OwnConnection> {
  const { limits } = target
  try {
    const { messages, version } = await withDeadline(limits.handshake, signal, async (until) => {
      const session = await openSession(target, OWN, signal)
      until.throwIfAborted()
      session.messages.allow('the beginning of a session', ENOUGH)
      for (const sql of settings) await runQuery(session.messages, sql, OWN.capabilities)
      return session
    })
    let last: Promise<unknown> = Promise.resolve()
    const run = (sql: string): Promise<OwnRows> => {
      messages.allow('the reading of its catalogs', {
        bytes: limits.catalogBytes,
        messages: Math.ceil(limits.catalogBytes / MIN_ROW_BYTES),
      })
      return runQuery(messages, sql, OWN.capabilities)
    }
    return {
      version,
      ask(sql) {
        // Queries run one after the other.
        const answer = last.then(async () => {
          // No caller waits forever.
          const timer = setTimeout(() => messages.channel.destroy(), limits.catalogs)
          return run(sql).finally(() => clearTimeout(timer))
        })
        last = answer.catch(() => {})
        return answer
      },
      close: () => messages.close(QUIT),
      release() {
        messages.release()
        return messages.channel
      },
    }
  } catch (error) {
    throw targetFailure(target.config.name, error)
  }
}

async function cancelStatement(target: UpstreamTarget, threadId: number): Promise<void> {
  await withDeadline(CANCEL_TIMEOUT_MS, undefined, async (signal) => {
    const { messages } = await openSession(target, OWN, signal)
    messages.allow('the end of a statement', ENOUGH)
    await runQuery(messages, `KILL QUERY ${threadId}`, OWN.capabilities)
    messages.close(QUIT)
  }).catch(() => {})
}

async function endConnection(target: UpstreamTarget, threadId: number): Promise<boolean> {
  try {
    return await withDeadline(TERMINATE_TIMEOUT_MS, undefined, async (signal) => {
      const { messages } = await openSession(target, OWN, signal)
      messages.allow('the end of a connection', { bytes: 64 * 1024, messages: 1000 })
      await runQuery(messages, `KILL CONNECTION ${threadId}`, OWN.capabilities).catch((error: unknown) => {
        if (!(error instanceof TargetRefusal) || error.code !== NO_SUCH_THREAD) throw error
      })
      // Rolling back many changes takes time.
      while ((await runQuery(messages, stillThere(threadId), OWN.capabilities)).length > 0) await pause(POLL_MS)
      messages.close(QUIT)
      return true
    })
  } catch {
    return false
  }
}

const stillThere = (threadId: number): string => `SELECT id FROM information_schema.processlist WHERE id = ${threadId}`

/** utf8mb4_general_ci, which every server has. */
const UTF8MB4 = 45

/**
 * The capabilities of the gateway's own connections: one statement at a time, no files, and names in utf8mb4. No client can choose them.
 */
const OWN: Wanted = {
  capabilities:
    capabilities.longPassword |
    capabilities.longFlag |
    capabilities.protocol41 |
    capabilities.transactions |
    capabilities.secureConnection |
    capabilities.multiResults |
    capabilities.pluginAuth |
    capabilities.pluginAuthLengthEncoded,
  collation: UTF8MB4,
}

/**
 * An account may have limits and modes that are meant for people: definitions must be read completely, and written as the server itself
 * writes them.
 */
const OWN_SETTINGS = ["SET SESSION sql_mode = '', sql_select_limit = DEFAULT"]

/** What a session of a client begins with: also what is set for people, and not for the gateway's own connections. */
export const sessionBeginning = (config: Pick<MysqlTarget, 'ephemeral' | 'settings'>, readOnly: boolean): string[] => [
  ...beginningOf(config, readOnly),
  ...settingStatements(config.settings),
]

/** What every connection begins with. The server itself refuses to write; an account that is made for a session has a role, which no server activates by itself. */
const beginningOf = ({ ephemeral }: Pick<MysqlTarget, 'ephemeral'>, readOnly: boolean): string[] => [
  ...(readOnly ? ['SET SESSION TRANSACTION READ ONLY'] : []),
  ...(ephemeral === undefined ? [] : [`SET ROLE ${quotedName(ephemeral.grantedRole)}`]),
]

const enteringOf = ({ ephemeral, database }: MysqlTarget): string[] =>
  ephemeral === undefined ? [] : [`USE ${quotedName(database)}`]

export const QUIT = encodePackets(Buffer.of(commands.quit), 0)

const ENOUGH = { bytes: 64 * 1024, messages: 100 }
const NO_SUCH_THREAD = '1094'
/** Milliseconds for a target to end a statement, and a connection, including the login. */
const CANCEL_TIMEOUT_MS = 2000
const TERMINATE_TIMEOUT_MS = 6000
const POLL_MS = 50
/** The average size of a catalog row on the wire, in bytes; where rows are smaller, they are counted. */
const MIN_ROW_BYTES = 32
