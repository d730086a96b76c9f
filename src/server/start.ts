import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { authenticate, hasRole } from '../api/authenticate.ts'
import { beginGrantFor } from '../api/begin-grants.ts'
import { ChangeFeed } from '../api/change-feed.ts'
import type { ApiDeps } from '../api/deps.ts'
import { clientAddress } from '../api/client-address.ts'
import { LiveEvents } from '../api/live-events.ts'
import { PendingConnections } from '../api/pending-connections.ts'
import { ReadingLog } from '../api/reading-log.ts'
import { RefusalCounter } from '../api/refusal-counter.ts'
import { problemText } from '../api/problem.ts'
import { ApprovalQuestions } from '../api/approval-questions.ts'
import { askForApproval } from '../notify/approval-webhook.ts'
import { createApi } from '../api/server.ts'
import { startEvaluationProvider } from '../evaluation-idp/provider.ts'
import { peopleFile } from '../evaluation-idp/people.ts'
import { accessTokens } from '../identity/access-token.ts'
import { identityVerifier } from '../identity/identity-token.ts'
import { ownIssuer } from '../identity/own-issuer.ts'
import { proofVerifier } from '../identity/proof.ts'
import { networks } from '../shared/networks.ts'
import { PamError } from '../shared/errors.ts'
import { createLogger, type Logger } from '../shared/logger.ts'
import { pause } from '../shared/pause.ts'
import { VERSION } from '../shared/version.ts'
import { gatewayState } from '../storage/gateway-state.ts'
import { recoverSessions, referAsked } from '../storage/recover.ts'
import { apiSettings, trustedIssuers } from './api-settings.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load-config.ts'
import { listenAt } from './listen.ts'
import { auditConfig, boundSignIns, reload, warn } from './reload.ts'
import type { Running } from './running.ts'
import { auditRefusals, keepTime, sweep } from './upkeep.ts'
import { readCertificate } from './listening-certificate.ts'
import { openStore } from './open-store.ts'
import { samlClients } from './saml-clients.ts'
import { noteClock } from '../storage/clock-state.ts'
import { openUsedProofs } from './used-proofs.ts'
import { tighten } from './private-files.ts'
import { listenForApps, type AppsListener } from './start-apps.ts'
import { startReaper } from './reap-accounts.ts'
import { startAuditDelivery } from './start-audit-delivery.ts'
import { startEvidence } from './start-evidence.ts'
import { startSecrets } from './start-secrets.ts'
import { startNotifications } from './start-notifications.ts'
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

async function startProvider(config: Config, callback: () => string) {
  const { evaluation } = config.identity
  if (evaluation === undefined) return undefined
  const people = peopleFile(resolve(config.baseDirectory, evaluation.people))
  return startEvaluationProvider(people, evaluation.port, callback)
}

/** Milliseconds that a connection may last of which nobody knows who calls on it. */
const UNKNOWN_CALLER_TIME = 60_000
const MAX_STOP_MS = 8000
