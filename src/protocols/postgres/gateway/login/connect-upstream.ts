import type { CredentialLease } from '../../../../credentials/credential.ts'
import { socketChannel } from '../../../../shared/socket-channel.ts'
import type { Channel } from '../../../../shared/channel.ts'
import { TERMINATE } from '../../wire/client-message.ts'
import type { BackendKeyData } from '../../wire/session-start.ts'
import { encodeStartupPacket } from '../../wire/startup.ts'
import type { ConnectLimits } from '../../../../gateway/engine.ts'
import { authenticationOf, channelBindingOf, type PostgresTarget } from '../../target.ts'
import { checkPinnedRows, pinnedOf, pinnedQuery } from '../../session-settings.ts'
import { targetFailure, TargetRefusal } from '../../../../gateway/target-failure.ts'
import { MAX_MESSAGE_BYTES, TargetMessages } from '../../../../gateway/target-messages.ts'
import { withDeadline } from '../../../../gateway/with-deadline.ts'
import { Framer, type Frame } from '../../wire/framer.ts'
import type { DefinitionTrees } from '../../../../sql/masking/masking-scope.ts'
import { textOf } from '../../catalog/catalog-mirror.ts'
import type { AskAll } from '../../catalog/catalog-mirror.ts'
import type { CatalogPlace, CatalogShelf } from '../../catalog/catalog-shelf.ts'
import { prepareCatalog } from '../../catalog/build-catalog.ts'
import type { Seen } from '../../catalog/change-log.ts'
import type { CatalogRows } from '../../catalog/rows.ts'
import { namesOf, STATE } from '../pipeline/known-definitions.ts'
import type { KnownTexts } from '../../masking/definitions.ts'
import { OwnQueryFailed, shield } from '../pipeline/gateway-query.ts'
import { logIn, PINNED, type LoggedIn } from './upstream-login.ts'
import { runQueries, runShielded } from './upstream-query.ts'
import { openSocket } from './upstream-socket.ts'

/** A connection that is logged in and idle. */
export interface Upstream {
  readonly channel: Channel
  /** What the server reported at login (ParameterStatus), by name. */
  readonly parameters: ReadonlyMap<string, string>
  readonly catalog: CatalogRows
  readonly searchPath: readonly string[]
  readonly trees: DefinitionTrees
  /** The cached catalogs of its database, and the changes of its definitions that had been seen when they were read. */
  readonly place: CatalogPlace
  readonly seen: Seen
  /** When the catalogs were read, by `performance.now()`. */
  readonly readAt: number
  /** The process id of the backend, where the target reports it. */
  readonly processId: number | undefined
  /** Runs queries on a separate connection, which is closed afterwards. */
  aside<T>(read: (ask: AskAll) => Promise<T>): Promise<T>
  /**
   * Asks the server, on a separate connection, to cancel the running query. Resolves when the server has accepted the request, or does not
   * answer.
   */
  cancel(): Promise<void>
  /** Terminates the backend from another connection; true when the server confirms that it is gone. */
  terminate(): Promise<boolean>
}

export interface UpstreamTarget {
  readonly config: PostgresTarget
  readonly lease: CredentialLease
  readonly baseDirectory: string
  readonly limits: ConnectLimits
  /** No decision of the session depends on definitions: the catalogs are only needed for the record. */
  readonly readsForRecordAlone: boolean
}

/**
 * Logs in with the session's credential and reads the catalogs. Whatever the target does, this ends at the time limit, and at once when
 * `ended` aborts.
 */
export async function connectUpstream(
  target: UpstreamTarget,
  settings: ReadonlyMap<string, string>,
  shelf: CatalogShelf,
  definitions: (catalog: CatalogRows, known: KnownTexts, ask: Ask) => Promise<DefinitionTrees>,
  ended: AbortSignal,
): Promise<Upstream> {
  const { config, lease, limits } = target
  try {
    return await withDeadline(limits.handshake, ended, async (signal, goOnFor) => {
      const { messages, parameters, key } = await openSession(
        target,
        new Map([...settings, ...Object.entries(PINNED)]),
        signal,
      )
      const pinned = pinnedOf(config.settings)
      const query = pinnedQuery(pinned)
      if (query !== undefined) checkPinnedRows((await runQueries(messages, [query]))[0] ?? [], pinned, settings)
      goOnFor(limits.catalogs)
      messages.allow('the reading of its catalogs', {
        bytes: limits.catalogBytes,
        messages: Math.ceil(limits.catalogBytes / MIN_ROW_BYTES),
      })
      const { host, port, database } = config
      // A role that is created for one session sees the same catalogs as every role with the same privileges.
      const account = [lease.account ?? lease.user, config.ephemeral?.grantedRoles, config.ephemeral?.settings]
      const ask: AskAll = (queries) => runShielded(messages, shield(limits.catalogs), queries.map(textOf))
      const found = await shelf.find(JSON.stringify([host, port, database, account]), STATE, (queries) =>
        runQueries(messages, queries.map(textOf)),
      )
      const { place } = found
      const searchPath = namesOf(found.state[0])
      const { rows: catalog, since, seen } = await place.readAtLogin(found, target.readsForRecordAlone, ask)
      await prepareCatalog(catalog, config.safeFunctions)
      const trees = await definitions(catalog, place.texts, async (text) => (await ask([text]))[0] ?? [])
      signal.throwIfAborted()
      messages.release()
      return {
        channel: messages.channel,
        parameters,
        catalog,
        searchPath,
        trees,
        place,
        seen,
        readAt: since,
        processId: key === undefined ? undefined : key.processId | 0,
        aside: (read) => aside(target, read, ended),
        cancel: () => sendCancel(target, key),
        terminate: () => terminateBackend(target, key),
      }
    })
  } catch (error) {
    throw ended.aborted ? ended.reason : targetFailure(config.name, error)
  }
}

/** Runs one of the gateway's own queries while it logs in. */
type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>

async function aside<T>(target: UpstreamTarget, read: (ask: AskAll) => Promise<T>, ended: AbortSignal): Promise<T> {
  const { limits } = target
  try {
    return await withDeadline(limits.handshake + limits.catalogs, ended, async (signal) => {
      const { messages } = await openSession(target, new Map(Object.entries(PINNED)), signal)
      messages.allow('the reading of its catalogs', {
        bytes: limits.catalogBytes,
        messages: Math.ceil(limits.catalogBytes / MIN_ROW_BYTES),
      })
      const found = await read((queries) => runShielded(messages, shield(limits.catalogs), queries.map(textOf)))
      messages.close(TERMINATE)
      return found
    })
  } catch (error) {
    if (ended.aborted) throw ended.reason
    throw new OwnQueryFailed(error instanceof TargetRefusal ? error.code : CONNECTION_FAILURE, '')
  }
}

interface OpenSession extends LoggedIn {
  readonly messages: TargetMessages<Frame>
}

async function openSession(
  { config, lease, baseDirectory }: UpstreamTarget,
  settings: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<OpenSession> {
  const { socket, tls } = await openSocket(config, { lease, baseDirectory }, signal)
  const messages = targetMessages(socketChannel(socket), signal)
  const loggedIn = await logIn(messages, {
    target: `${config.host}:${config.port}`,
    user: lease.user,
    database: config.database,
    password: lease.password,
    settings,
    methods: authenticationOf(config),
    tls,
    channelBinding: channelBindingOf(config),
  })
  return { messages, ...loggedIn }
}

const targetMessages = (channel: Channel, signal: AbortSignal): TargetMessages<Frame> =>
  new TargetMessages(channel, signal, new Framer(MAX_MESSAGE_BYTES, 'the target'))

/** As libpq does, on a separate connection, which the server closes once it has accepted the request. */
async function sendCancel(target: UpstreamTarget, key: BackendKeyData | undefined): Promise<void> {
  if (key === undefined) return
  const { config, lease, baseDirectory } = target
  await withDeadline(CANCEL_TIMEOUT_MS, undefined, async (signal) => {
    const { socket } = await openSocket(config, { lease, baseDirectory }, signal)
    const messages = targetMessages(socketChannel(socket), signal)
    messages.allow('a cancel request', { bytes: 1024, messages: 1 })
    const { processId, secretKey } = key
    messages.send(encodeStartupPacket({ type: 'cancel-request', processId, secretKey }))
    await messages.next()
  }).catch(() => {})
}

async function terminateBackend(target: UpstreamTarget, key: BackendKeyData | undefined): Promise<boolean> {
  if (key === undefined) return false
  const pid = key.processId | 0
  try {
    return await withDeadline(TERMINATE_TIMEOUT_MS, undefined, async (signal) => {
      const { messages } = await openSession(target, new Map(Object.entries(PINNED)), signal)
      messages.allow('the end of a backend', { bytes: 64 * 1024, messages: 1000 })
      const ask = async (text: string) => (await runQueries(messages, [text]))[0]
      // Before version 14 the function has no timeout argument.
      await ask(`select pg_catalog.pg_terminate_backend(${pid}, 2000)`).catch(() =>
        ask(`select pg_catalog.pg_terminate_backend(${pid})`),
      )
      const left = await ask(`select 1 from pg_catalog.pg_stat_activity where pid operator(pg_catalog.=) ${pid}`)
      messages.close(TERMINATE)
      return left?.length === 0
    })
  } catch {
    return false
  }
}

/** connection_failure. Source: manual, appendix A. */
const CONNECTION_FAILURE = '08006'
/** Milliseconds for a cancel request, and for terminating a backend, including the login. */
const CANCEL_TIMEOUT_MS = 2000
const TERMINATE_TIMEOUT_MS = 6000
/** Average bytes of a catalog row on the wire; where a target sends less, rows are counted. */
const MIN_ROW_BYTES = 32
