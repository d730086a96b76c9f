import { TERMINATE } from '../wire/client-message.ts'
import {
  authenticationOk,
  backendKeyData,
  negotiateProtocolVersion,
  parameterStatus,
  readyForQuery,
} from '../wire/server-message.ts'
import { RecordedChannel } from '../../../gateway/recorded-channel.ts'
import { sessionFor, type Engine } from '../../../gateway/engine.ts'
import type { PostgresTarget } from '../target.ts'
import { startSettings } from '../session-settings.ts'
import { assumedFacts } from './assumed-facts.ts'
import { admitStartup, readGreeting, type Hello } from './admit.ts'
import { CancelKeys } from './cancel-keys.ts'
import { waitingClient } from '../../../gateway/early-input.ts'
import { Relay, type ProtocolEnd } from '../../../gateway/relay.ts'
import { judgeStartPath } from './judge-start-path.ts'
import { CatalogShelf } from '../catalog/catalog-shelf.ts'
import { connectUpstream, type Upstream } from './login/connect-upstream.ts'
import { statementAnalyzer } from './pipeline/analyze-statement.ts'
import { ClientSide } from './pipeline/client-side.ts'
import { PipelineState } from './pipeline/pipeline-state.ts'
import { dependsOnDefinitions } from './pipeline/depends-on-definitions.ts'
import { ServerSide } from './pipeline/server-side.ts'
import { createStatementRecorder } from './pipeline/statement-recorder.ts'
import { readDefinitions } from '../masking/definitions.ts'
import { unparsed } from '../dialect/resolve-statement.ts'
import { toErrorResponse } from './error-response.ts'
import { StaggeredClose } from '../../../gateway/staggered-close.ts'
import { probePostgres } from './probe.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'

/**
 * Runs PostgreSQL sessions, in the order of the protocol. The codecs are in wire/, decisions are made by the session. `observe` gets the
 * counter of the statements that the fast lane takes, for each connection.
 */
export function postgresEngine(
  parser: SqlParser,
  baseDirectory: string,
  observe: (lane: { readonly taken: number }) => void = () => {},
): Engine<Hello, PostgresTarget> {
  const cancelKeys = new CancelKeys()
  const recorder = createStatementRecorder()
  const shelf = new CatalogShelf()
  const staggeredClose = new StaggeredClose()
  return {
    protocol: 'postgres',
    async greet(client, { personId }, limits) {
      const greeting = await readGreeting(client, limits)
      if (!('cancel' in greeting)) return greeting
      cancelKeys.use(greeting.cancel, personId)
      return 'handled'
    },
    async serve(client, hello, anySession) {
      const session = sessionFor<PostgresTarget>('postgres', anySession)
      const { person, id, config } = session
      const names = { person: person.label, session: id, target: config.name }
      const settings = new Map(startSettings(admitStartup(hello, config), config.settings, names))
      if (session.readOnly) settings.set('default_transaction_read_only', 'on')
      const path = settings.get('search_path')
      if (path !== undefined) await judgeStartPath(path, session, parser)
      const { lease, limits } = session
      const waiting = waitingClient(client, hello.rest, session)
      const upstream = await connectUpstream(
        { config, lease, limits, baseDirectory, readsForRecordAlone: !dependsOnDefinitions(session) },
        settings,
        shelf,
        (catalog, known, ask) => readDefinitions(catalog, session.masking, parser, known, ask),
        session.ended,
      )
      // A cancel request of the client withdraws the held command, or else cancels the running one.
      const { key, revoke } = cancelKeys.issue(session.person.id, Math.min(hello.minor, NEWEST_MINOR), () => {
        if (!clientSide.cancelHold()) void upstream.cancel()
      })
      const pipeline = new PipelineState({
        client,
        upstream: new RecordedChannel(upstream.channel, session),
        session,
        parser,
        catalog: upstream.catalog,
        searchPath: upstream.searchPath,
        trees: upstream.trees,
        parameters: upstream.parameters,
        place: upstream.place,
        seen: upstream.seen,
        readAt: upstream.readAt,
        target: upstream,
      })
      observe(pipeline.lane)
      const clientSide = new ClientSide(pipeline, statementAnalyzer(pipeline, parser), recorder)
      const serverSide = new ServerSide(pipeline)
      const protocol = protocolEnd(pipeline, clientSide, upstream)
      const relay = new Relay({ session, client, upstream, clientSide, serverSide, protocol, staggeredClose })
      client.write(greeting(hello, upstream, key))
      relay.run(waiting)
      try {
        await relay.over
      } finally {
        revoke()
      }
    },
    async read(text) {
      const parsed = await parser.parse(text)
      if ('failure' in parsed)
        return { facts: { type: 'sql', statements: [unparsed(parsed.failure)] }, refusal: undefined }
      const { statements, refusal } = assumedFacts(parsed)
      return { facts: { type: 'sql', statements }, refusal }
    },
    async probe(target, lease, limits) {
      return probePostgres(target, lease, { limits, baseDirectory, parser })
    },
    refuse(client, error) {
      client.write(toErrorResponse(error, 'FATAL'))
      client.end()
    },
    facts: () => ({}),
    async close() {
      await Promise.all([parser.close(), recorder.close()])
    },
  }
}

/** How the protocol ends a session. */
function protocolEnd(pipeline: PipelineState, clientSide: ClientSide, { channel }: Upstream): ProtocolEnd {
  return {
    // A target that closes the connection has sent its reason, which the client has received.
    unsaid: new Set(['CLIENT_LEFT', 'TARGET_LEFT']),
    hasLeft: () => clientSide.left,
    targetEnded: () => pipeline.client.end(),
    abandon: () => pipeline.abandon(),
    ending: () => ({
      isIdle: pipeline.inFlight.isIdle,
      lastWords: (reason) => toErrorResponse(reason, 'FATAL'),
      goodbye: () => void channel.write(TERMINATE),
    }),
  }
}

/** The messages that a server sends after the password. The gateway asked for none: the tunnel has authenticated the person. */
function greeting(hello: Hello, upstream: Upstream, key: Buffer): Buffer {
  const unknownOptions = [...hello.parameters.keys()].filter((name) => name.startsWith('_pq_.'))
  const minor = Math.min(hello.minor, NEWEST_MINOR)
  const negotiation =
    hello.minor > minor || unknownOptions.length > 0 ? [negotiateProtocolVersion(minor, unknownOptions)] : []
  return Buffer.concat([
    ...negotiation,
    authenticationOk(),
    ...[...upstream.parameters].map(([name, value]) => parameterStatus(name, value)),
    backendKeyData(key.readUInt32BE(0), key.subarray(4)),
    readyForQuery('I'),
  ])
}

/** Protocol 3.2; 3.1 was never released, and does not differ from 3.0. */
const NEWEST_MINOR = 2
