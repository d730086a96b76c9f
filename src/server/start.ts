import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { authenticate, hasRole } from '../api/authenticate.ts'
import { beginGrantFor, beginGrants } from '../api/begin-grants.ts'
import { remindOfBreakGlass } from '../api/break-glass.ts'
import { ChangeFeed } from '../api/change-feed.ts'
import type { ApiDeps } from '../api/deps.ts'
import { clientAddress } from '../api/client-address.ts'
import { LiveEvents } from '../api/live-events.ts'
import { endOverdueWebSessions } from '../api/web-sessions.ts'
import { PendingConnections } from '../api/pending-connections.ts'
import { ReadingLog } from '../api/reading-log.ts'
import { RefusalCounter } from '../api/refusal-counter.ts'
import { problemText } from '../api/problem.ts'
import { ApprovalQuestions } from '../api/approval-questions.ts'
import { askForApproval } from '../notify/approval-webhook.ts'
import { createApi } from '../api/server.ts'
import { startEvaluationProvider, type EvaluationProvider } from '../evaluation-idp/provider.ts'
import { peopleFile } from '../evaluation-idp/people.ts'
import { accessTokens } from '../identity/access-token.ts'
import { identityVerifier } from '../identity/identity-token.ts'
import { ownIssuer } from '../identity/own-issuer.ts'
import { proofVerifier } from '../identity/proof.ts'
import type { SteadyClock } from '../shared/clock.ts'
import { networks, type Networks } from '../shared/networks.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { createLogger, type Logger } from '../shared/logger.ts'
import { pause } from '../shared/pause.ts'
import { VERSION } from '../shared/version.ts'
import { appendAudit, lastAudit } from '../storage/audit.ts'
import type { Database } from '../storage/database.ts'
import { gatewayState } from '../storage/gateway-state.ts'
import { longestProof } from '../identity/login.ts'
import { activeLocks, endLocks } from '../storage/locks.ts'
import { boundLogins } from '../storage/logins.ts'
import { closeAbandoned, expireRequests, recoverSessions, referAsked } from '../storage/recover.ts'
import { boundWebSessions } from '../storage/web-sessions.ts'
import { apiSettings, trustedIssuers } from './api-settings.ts'
import type { Config } from './config/config.ts'
import { loadConfig, prepareConfig } from './config/load-config.ts'
import type { GatewayKeys } from './keys.ts'
import { listenAt } from './listen.ts'
import { readCertificate, renewCertificate } from './listening-certificate.ts'
import { openStore } from './open-store.ts'
import { samlClients } from './saml-clients.ts'
import type { LatestTime } from './latest-time.ts'
import { noteClock } from '../storage/clock-state.ts'
import { openUsedProofs } from './used-proofs.ts'
import { tighten } from './private-files.ts'
import { listenForApps, type AppsListener } from './start-apps.ts'
import { startReaper } from './reap-accounts.ts'
import { startAuditDelivery, type AuditDelivery } from './start-audit-delivery.ts'
import { startEvidence, type Evidence } from './start-evidence.ts'
import { startSecrets, type RunningSecrets } from './start-secrets.ts'
import { startNotifications, type Notifications } from './start-notifications.ts'
import { readinessOf, startOperations } from './start-operations.ts'
import { ComparisonBudget } from '../gateway/comparison-budget.ts'
import { firstUseIn } from '../storage/first-use.ts'
import { assertionKeyOf } from '../protocols/http/assertion-key.ts'
import { closeProtocols, createProtocols } from './protocols.ts'
import type { TunnelParts } from '../gateway/tunnel-parts.ts'
import { SessionRegistry } from '../gateway/session-registry.ts'
import { SharedSessions } from '../gateway/shared-sessions.ts'
import { listenForTunnels } from '../gateway/tunnel-listener.ts'
import { serveTunnel } from '../gateway/tunnel.ts'

/** What a running gateway consists of. A reload replaces the configuration and the identity providers; the rest stays. */
interface Running {
  readonly logger: Logger
  readonly clock: SteadyClock
  readonly latestTime: LatestTime
  readonly keys: GatewayKeys
  readonly db: Database
  readonly evidence: Evidence
  readonly registry: SessionRegistry
  readonly secrets: RunningSecrets
  readonly protocols: Awaited<ReturnType<typeof createProtocols>>
  readonly provider: EvaluationProvider | undefined
  /** Read by parts that are built before the rest. */
  readonly live: { config: Config; proxies: Networks; publicUrl: string }
  issuers: ReturnType<typeof trustedIssuers>
  saml: ReturnType<typeof samlClients>
  readonly usedProofs: ReturnType<typeof openUsedProofs>
  identities: ReturnType<typeof identityVerifier>
  /** Both start once the gateway listens. */
  delivery?: AuditDelivery
  notifications?: Notifications
}

/** A gateway that listens. */
export interface StartedGateway {
  readonly url: string
  /** Of the evaluation provider, where one is configured. */
  readonly issuer: string | undefined
  readonly logger: Logger
  /** Reads the file again; resolves once it holds, or was refused. */
  reload(): Promise<void>
  /** Ends all sessions, closes everything and resolves; the same promise for each call. */
  stop(): Promise<void>
}

/**
 * Builds everything of a gateway and listens. `log` is the file descriptor of its log; default: standard error. Throws what keeps it
 * from starting: then parts of it may be open.
 */
export async function start(file: string, log?: number): Promise<StartedGateway> {
  const running = await prepare(loadConfig(file), log)
  const { logger, db, evidence, registry } = running
  const { config } = running.live
  const deps = apiDeps(running)
  const tls = readCertificate(config)
  const tunnelParts = tunnelPartsOf(running, deps)
  const idle = (): number => running.live.config.web.idle
  const apps = listenForApps({ deps, tunnelParts, idle })
  const api = await createApi(deps, tls, (request, response) => apps.take(request, response))
  const tunnels = serveTunnels(api.server, deps, { tunnelParts, apps })
  const { host, port: wanted } = config.listen
  await listenAt({ key: 'listen', host, port: wanted }, () => api.listen({ host, port: wanted }))
  const { port } = api.server.address() as AddressInfo
  const ownUrl = `${tls === undefined ? 'http' : 'https'}://${config.listen.host}:${port}`
  if (config.publicUrl === undefined) running.live.publicUrl = ownUrl
  const delivery = startAuditDelivery(config, { db, home: evidence.home, signer: running.keys.signer, logger })
  const notifications = startNotifications(config, deps)
  Object.assign(running, { delivery, notifications })
  const operations = await startOperations(config, () => readinessOf(running, delivery))
  const sweeping = setInterval(() => void sweep(running, deps), 10_000)
  const sums = setInterval(() => void auditRefusals(db, deps, logger), 60_000)
  const stopReaper = startReaper({
    config: () => running.live.config,
    protocols: running.protocols,
    secrets: () => running.secrets.secrets,
    digestKey: running.keys.digest,
    db,
    clock: running.clock,
    logger,
  })
  await auditConfig(running, config, 'config.loaded')
  const url = running.live.publicUrl
  const issuer = running.provider?.issuer
  const said = { url, ...(issuer === undefined ? {} : { issuer }), version: VERSION, targets: config.targets.length }
  logger.info(said, 'gateway.started')

  let stopped: Promise<void> | undefined
  let reloading = Promise.resolve()
  return {
    url,
    issuer,
    logger,
    // One at a time: the file is read anew for each.
    reload: () => (reloading = reloading.then(() => reload(file, running, api.server))),
    stop: () => (stopped ??= stop()),
  }

  async function stop(): Promise<void> {
    clearInterval(sweeping)
    clearInterval(sums)
    stopReaper()
    await auditRefusals(db, deps, logger)
    await endSessions(registry)
    tunnels.close()
    api.server.closeAllConnections()
    await api.close()
    await running.provider?.close()
    operations?.close()
    await closeProtocols(running.protocols)
    running.secrets.stop()
    await evidence.stop()
    await notifications?.stop()
    await delivery.stop()
    // While the store's lock keeps the next gateway from reading it.
    keepTime(running)
    await db.close()
    running.usedProofs.close()
    logger.info('gateway.stopped')
  }
}

/** Opens the store and recovers what a stop left open. Nobody can connect yet. */
async function prepare(config: Config, log: number | undefined): Promise<Running> {
  const logger = createLogger(config.logLevel, log)
  warn(config, logger)
  const tightened = tighten(config.dataDirectory)
  if (tightened.length > 0) logger.warn({ files: tightened.length, first: tightened.slice(0, 5) }, 'files.made_private')
  const { keys, db, clock, latestTime, audited, restored } = await openStore(config.dataDirectory)
  await noteClock(db, clock.behind(), clock.now())
  // After an upgrade there may be new ones; otherwise somebody removed them, and what they were for cannot be read.
  if (audited.entries > 0 && keys.made.length > 0) logger.warn({ files: keys.made }, 'keys.made')
  if (audited.altered !== undefined) logger.error(audited.altered, 'audit.altered')
  if (restored.length > 0)
    logger.error({ sessions: restored.length, first: restored.slice(0, 5) }, 'recordings.altered')
  await recoverSessions(db, audited.openSessions, clock.now())
  await referAsked(db, clock.now())
  await boundSignIns(config, { db, clock, logger })
  const live = {
    config,
    proxies: networks(config.listen.trustedProxies),
    publicUrl: config.publicUrl?.replace(/\/$/, '') ?? '',
  }
  const evidence = await startEvidence({ config: () => live.config, keys, db, clock, logger }, audited)
  const provider = await startProvider(config, () => `${live.publicUrl}/auth/callback`)
  const issuers = trustedIssuers(config, provider?.issuer)
  const protocols = await createProtocols(config, { identity: keys.identity, firstUse: firstUseIn(db, clock), logger })
  const secrets = await startSecrets(config, { db, clock, logger })
  const identities = identityVerifier(issuers)
  const registry = new SessionRegistry()
  const saml = samlClients(config)
  const usedProofs = openUsedProofs(config.dataDirectory, clock.now())
  return {
    logger,
    clock,
    latestTime,
    keys,
    db,
    evidence,
    registry,
    secrets,
    protocols,
    provider,
    live,
    issuers,
    saml,
    identities,
    usedProofs,
  }
}

function apiDeps(running: Running): ApiDeps {
  const { db, logger, clock, keys, registry, evidence, protocols } = running
  const deps: ApiDeps = {
    db,
    registry,
    identities: () => running.identities,
    proofs: proofVerifier(clock.now(), running.usedProofs),
    tokens: accessTokens(keys.token, 'pam-gateway'),
    ownIssuer: ownIssuer(keys.issuer),
    clock,
    logger,
    changes: new ChangeFeed(),
    events: new LiveEvents(db, (login, role) => hasRole(login, role, deps), logger),
    refusals: new RefusalCounter(),
    approvalQuestions: new ApprovalQuestions((hook, request) =>
      askForApproval(hook, request, { now: () => clock.now(), publicUrl: running.live.publicUrl }),
    ),
    connections: new PendingConnections(
      // A proxy has the connections of everybody.
      (address) =>
        running.live.proxies.has(address)
          ? Number.POSITIVE_INFINITY
          : running.live.config.limits.pendingConnectionsPerAddress,
      UNKNOWN_CALLER_TIME,
    ),
    addressOf: (request) => clientAddress(request, running.live.proxies),
    readings: new ReadingLog(db, clock),
    evidence,
    readCommand({ name, type }, text) {
      const engine = protocols.get(type)?.engine
      if (engine === undefined) throw new PamError('TARGET_TYPE', `rules cannot be tried for targets of type ${type}`)
      const target = running.live.config.targets.find((one) => one.name === name && one.type === type)
      return engine.read(text, target)
    },
    auditStatus: () => ({
      streams: running.delivery?.streams.map(({ name, problem }) => ({ name, problem })) ?? [],
      checkpoints: { keepers: running.delivery?.checkpoints.keepers ?? [] },
    }),
    slackCall(call) {
      if (running.notifications === undefined)
        throw new PamError('SHUTTING_DOWN', 'the gateway is starting', { side: 'gateway' })
      running.notifications.slackCall(call)
    },
    recordingKeys: keys.recordingKeys,
    webKey: keys.web,
    assertionKeys: keys.identity.http === undefined ? [] : [assertionKeyOf(keys.identity.http).jwk],
    webDirectory: fileURLToPath(new URL('../web', import.meta.url)),
    publicUrl: () => running.live.publicUrl,
    settings: () => apiSettings(running.live.config, running, protocols),
  }
  return deps
}

/** What sessions are opened with, of a caller at this address. */
function tunnelPartsOf(running: Running, deps: ApiDeps): (from: string) => TunnelParts {
  const { db, logger, clock, keys, registry, evidence, secrets, protocols } = running
  const state = gatewayState(db, (person, target) => beginGrantFor(person, target, deps))
  const comparisonBudget = new ComparisonBudget()
  const sharedSessions = new SharedSessions(clock, (error) => logger.error({ cause: error }, 'session.close_failed'))
  return (from) => ({
    from,
    settings: () => running.live.config,
    protocols,
    state,
    registry,
    sharedSessions,
    spool: evidence.spool,
    digestKey: keys.digest,
    comparisonBudget,
    secrets: () => secrets.secrets,
    clock,
    logger,
  })
}

function serveTunnels(
  server: Server,
  deps: ApiDeps,
  {
    tunnelParts,
    apps,
  }: { readonly tunnelParts: (from: string) => TunnelParts; readonly apps: Pick<AppsListener, 'takeUpgrade'> },
): ReturnType<typeof listenForTunnels> {
  return listenForTunnels(server, {
    authenticate: (request) => authenticate({ method: 'GET', url: request.url ?? '', headers: request.headers }, deps),
    admitted: (socket) => deps.connections.settled(socket),
    addressOf: (request) => deps.addressOf(request),
    serve: (channel, login, target, from) => serveTunnel(channel, login, target, tunnelParts(from)),
    takeOther: (request, socket, head) => apps.takeUpgrade(request, socket, head),
    problem: problemText,
  })
}

function warn({ warnings }: Config, logger: Logger): void {
  for (const warning of warnings) logger.warn({ warning }, 'config.warned')
}

/** A bad file changes nothing. */
async function reload(file: string, running: Running, server: Server): Promise<void> {
  const { db, logger, clock, registry, provider } = running
  try {
    await prepareConfig(file)
    const config = loadConfig(file)
    const issuers = trustedIssuers(config, provider?.issuer)
    const saml = samlClients(config)
    renewCertificate(server, config)
    Object.assign(running.live, { config, proxies: networks(config.listen.trustedProxies) })
    // The rules hold from here on: what they take away ends before anything that can fail.
    registry.rulesChanged(config)
    registry.locked(await activeLocks(db.read, clock.now()), config.targets)
    warn(config, logger)
    await boundSignIns(config, running)
    running.issuers = issuers
    running.saml = saml
    running.identities = identityVerifier(issuers)
    await running.secrets.reconfigure(config)
    await auditConfig(running, config, 'config.reloaded')
    logger.info({ policy: config.policy.version, targets: config.targets.length }, 'config.reloaded')
  } catch (error) {
    logger.error({ problem: asPamError(error).message }, 'config.refused')
  }
}

async function endSessions(registry: SessionRegistry): Promise<void> {
  registry.endWhere(
    () => true,
    new PamError('SHUTTING_DOWN', 'the gateway is shutting down', {
      side: 'gateway',
      hint: 'connect again in a moment',
    }),
  )
  // The time limit starts again with each session that ends.
  for (let waited = 0, left = registry.size; left > 0 && waited < MAX_STOP_MS; waited += 50) {
    await pause(50)
    if (registry.size < left) waited = 0
    left = registry.size
  }
}

/** Metrics and readiness in detail, where an address for them is configured. */
async function startProvider(config: Config, callback: () => string) {
  const { evaluation } = config.identity
  if (evaluation === undefined) return undefined
  const people = peopleFile(resolve(config.baseDirectory, evaluation.people))
  return startEvaluationProvider(people, evaluation.port, callback)
}

/** What is configured, as digests, and which sections differ from the last time. */
const auditConfig = (
  { db, clock }: Pick<Running, 'db' | 'clock'>,
  config: Config,
  type: 'config.loaded' | 'config.reloaded',
): Promise<void> =>
  db.change(async (tx) => {
    const { sections } = config
    const before = await lastAudit(tx, 'config')
    const known = (before?.data['sections'] ?? {}) as Readonly<Record<string, string>>
    const names = [...new Set([...Object.keys(known), ...Object.keys(sections)])]
    await appendAudit(tx, clock.now(), {
      type,
      actor: 'gateway',
      subject: 'config',
      data: {
        policy: config.policy.version,
        targets: config.targets.map(({ name }) => name),
        sections,
        changed: before === undefined ? undefined : names.filter((name) => known[name] !== sections[name]),
      },
    })
  })

/** Callers who were turned away before anybody knew who they are: once a minute, as sums. */
async function auditRefusals(db: Database, { refusals, clock }: ApiDeps, logger: Logger): Promise<void> {
  const counts = refusals.take()
  if (counts === undefined) return
  const entry = { type: 'callers.refused' as const, actor: 'gateway', subject: 'callers', data: counts }
  await db
    .change((tx) => appendAudit(tx, clock.now(), entry))
    .catch((error: unknown) => logger.error({ cause: error }, 'refusals.audit_failed'))
}

async function sweep(running: Running, deps: ApiDeps): Promise<void> {
  const { db, clock, registry, logger } = running
  const { changes } = deps
  keepTime(running)
  try {
    await noteClock(db, clock.behind(), clock.now())
    for (const id of await expireRequests(db, clock.now())) changes.changed(id)
    for (const id of await closeAbandoned(db, registry, clock.now())) changes.changed(id)
    await endOverdueWebSessions(deps)
    await endLocks(db, clock.now())
    await beginGrants(deps)
    await remindOfBreakGlass(deps)
  } catch (error) {
    logger.error({ cause: error }, 'sweep.failed')
  }
}

/** A disk that takes nothing ends nothing: the time of this process goes on, and the next start has that of the last entry of the audit chain. */
function keepTime({ latestTime, clock, logger }: Pick<Running, 'latestTime' | 'clock' | 'logger'>): void {
  try {
    latestTime.keep(clock.now())
  } catch (cause) {
    logger.error({ cause }, 'clock.not_kept')
  }
}

/** Nobody is signed in for longer than the configuration allows whoever signs in now, whatever the store says. */
async function boundSignIns(
  { identity, web }: Config,
  { db, clock, logger }: Pick<Running, 'db' | 'clock' | 'logger'>,
): Promise<void> {
  const now = clock.now()
  const shortened = await db.change(
    async (tx) =>
      (await boundLogins(tx, now, longestProof(identity.reverifyEvery))) +
      (await boundWebSessions(tx, now, web.maxDuration)),
  )
  if (shortened > 0) logger.warn({ signIns: shortened }, 'sign_ins.shortened')
}

/** Milliseconds that a connection may last of which nobody knows who calls on it. */
const UNKNOWN_CALLER_TIME = 60_000
const MAX_STOP_MS = 8000
