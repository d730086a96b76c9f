import { createHash } from 'node:crypto'
import { sessionFor, type Caller, type Engine, type HandshakeLimits, type Session } from '../../../gateway/engine.ts'
import { waitingClient, type EarlyInput } from '../../../gateway/early-input.ts'
import { Relay, type ProtocolEnd } from '../../../gateway/relay.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { RecordedChannel } from '../../../gateway/recorded-channel.ts'
import { StaggeredClose } from '../../../gateway/staggered-close.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError } from '../../../shared/errors.ts'
import { inSession, type Ask } from '../catalog/catalog.ts'
import { CatalogShelf, type CatalogPlace } from '../catalog/catalog-shelf.ts'
import { missingColumns } from '../masking/scope.ts'
import { readBody } from '../dialect/read-body.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import type { MysqlTarget } from '../target.ts'
import { encodePackets } from '../wire/framer.ts'
import { encodeOk } from '../wire/ok.ts'
import { admitHello } from './admit.ts'
import { toErr } from './error-packet.ts'
import { greetClient, type Hello } from './greeting.ts'
import { KnownServers } from './known-servers.ts'
import { connectUpstream, QUIT, READ_ONLY, type Upstream, type UpstreamTarget } from './login/connect-upstream.ts'
import { OwnConnections } from './login/own-connections.ts'
import { statementAnalyzer } from './pipeline/analyze-statement.ts'
import { ClientCommands } from './pipeline/client-commands.ts'
import { ClientSide } from './pipeline/client-side.ts'
import { CommandGate } from './pipeline/command-gate.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { ServerSide } from './pipeline/server-side.ts'
import { StatementTable } from './pipeline/statement-table.ts'
import { probeMysql } from './probe.ts'
import { readAlone } from './read-alone.ts'
import { ThreadIds } from './thread-ids.ts'

/** MySQL and MariaDB sessions, in protocol order. Bytes belong to wire, decisions to the session. */
export function mysqlEngine(parser: SqlParser, baseDirectory: string): Engine<Hello> {
  const knownServers = new KnownServers()
  const threadIds = new ThreadIds()
  const shelf = new CatalogShelf(readBody)
  const ownConnections = new OwnConnections()
  const staggeredClose = new StaggeredClose()
  /** Where in the login a client is that is turned away. */
  const sequences = new WeakMap<Channel, number>()

  async function greet(client: Channel, { target }: Caller, limits: HandshakeLimits) {
    const config = target as MysqlTarget
    const threadId = threadIds.reserve()
    try {
      const hello = await greetClient(client, threadId, knownServers.of(config), limits)
      sequences.set(client, hello.sequence)
      return { hello }
    } catch (error) {
      threadIds.release(threadId)
      throw error
    }
  }

  async function serve(client: Channel, hello: Hello, anySession: Session, tell: (notice: string) => void) {
    try {
      await serveGreeted(client, hello, sessionFor<MysqlTarget>('mysql', anySession), tell)
    } finally {
      threadIds.release(hello.threadId)
    }
  }

  async function serveGreeted(
    client: Channel,
    hello: Hello,
    session: Session<MysqlTarget>,
    tell: (notice: string) => void,
  ): Promise<void> {
    admitHello(hello, session.config)
    const { config, lease, limits, readOnly } = session
    const waiting = waitingClient(client, hello.rest, session)
    const target: UpstreamTarget = { config, lease, limits, baseDirectory, knownServers }
    const upstream = await connectUpstream(target, hello, readOnly, session.ended)
    try {
      await serveConnected({ client, hello, session, tell, waiting, target, upstream })
    } finally {
      upstream.channel.destroy()
    }
  }

  async function serveConnected(parts: Connected): Promise<void> {
    const { client, hello, session, tell, waiting, target, upstream } = parts
    const { config, readOnly } = session
    const key = connectionKey(target)
    const declared = { safeRoutines: config.safeRoutines, noOtherTriggers: config.unseenTriggers === 'none' }
    const place = shelf.find(key, upstream.version, declared)
    const ask: Ask = (sql) => ownConnections.ask(key, target, sql)
    await readDefinitions(session, place, ask)
    const analyzer = statementAnalyzer({ session, parser, place, ask, onChange: () => shelf.changed() })
    const pipeline = new Pipeline({
      client,
      upstream: new RecordedChannel(upstream.channel, session),
      session,
      capabilities: hello.capabilities,
      version: upstream.version,
      state: upstream.state,
      status: upstream.status,
      statements: new StatementTable(),
    })
    const gate = new CommandGate(pipeline, analyzer, tell)
    const commands = new ClientCommands(pipeline, analyzer, gate, {
      kill(kill) {
        const found = threadIds.find(kill.id, session.person.id, config.name)
        if (kill.of === 'query') found?.cancel()
        else found?.end()
        return found !== undefined
      },
      admit: (user, database, collation) =>
        admitHello({ user, database, collation: collation ?? hello.collation }, config, hello),
      onReset: () => analyzer.forgetSession(),
      beginning: readOnly ? [READ_ONLY] : [],
    })
    const clientSide = new ClientSide(pipeline, gate, commands)
    const serverSide = new ServerSide(pipeline, analyzer, clientSide)
    const protocol = protocolEnd(pipeline, upstream)
    const relay = new Relay({ session, client, upstream, clientSide, serverSide, protocol, staggeredClose })
    threadIds.serve(hello.threadId, {
      personId: session.person.id,
      target: config.name,
      serverId: upstream.threadId,
      // KILL QUERY: what is held is withdrawn, else what runs is ended.
      cancel: () => {
        if (!clientSide.cancelHold() && !pipeline.isIdle) void upstream.cancel()
      },
      end: () => session.end(new PamError('SESSION_KILLED', 'ended by KILL from another of your connections')),
    })
    client.write(encodePackets(encodeOk({ status: upstream.status }), hello.sequence))
    relay.run(waiting)
    await relay.over
  }

  return {
    protocol: 'mysql',
    greet,
    serve,
    read: (text, target) => readAlone(text, parser, (target as MysqlTarget | undefined)?.database),
    probe: (target, lease, limits) =>
      probeMysql({ config: target as MysqlTarget, lease, limits, baseDirectory, knownServers }),
    refuse(client, error) {
      client.write(encodePackets(toErr(error), sequences.get(client) ?? 2))
      client.end()
    },
    facts: () => ({}),
    close() {
      ownConnections.close()
      return parser.close()
    },
  }
}

/** Both sides of a connection that is not let in yet. */
interface Connected {
  readonly client: Channel
  readonly hello: Hello
  readonly session: Session<MysqlTarget>
  readonly tell: (notice: string) => void
  readonly waiting: () => EarlyInput
  readonly target: UpstreamTarget
  readonly upstream: Upstream
}

/** What ends a session in the protocol's own words. */
function protocolEnd(pipeline: Pipeline, { channel }: Upstream): ProtocolEnd {
  const { session } = pipeline
  return {
    unsaid: new Set(['CLIENT_LEFT']),
    // COM_QUIT is not passed on.
    hasLeft: () => false,
    // A server that sends nothing more is of no use to anybody.
    targetEnded: (left) => session.end(left),
    abandon: () => pipeline.abandon(),
    ending() {
      const { isIdle, isUploading, clientSequence } = pipeline
      return {
        isIdle,
        // In the middle of a packet nothing can be said.
        lastWords: (reason) =>
          clientSequence === undefined ? undefined : encodePackets(toErr(reason), clientSequence),
        // A server that reads a file would take a goodbye for a part of that.
        goodbye: () => (isUploading ? channel.end() : void channel.write(QUIT)),
      }
    },
  }
}

/** Nobody is let in before it is known what there is to protect. */
async function readDefinitions(
  { config, masking, ended, logger }: Session<MysqlTarget>,
  place: CatalogPlace,
  ask: Ask,
): Promise<void> {
  try {
    const definitions = await place.current(ask)
    const catalog = inSession(definitions, { database: config.database, temporary: new Set() })
    // A rule with a typing error would hide nothing: whoever runs the gateway must see it.
    for (const column of missingColumns(masking, catalog)) logger.warn({ column }, 'masking.column_missing')
  } catch (error) {
    throw ended.aborted ? ended.reason : error instanceof PamError ? error : targetFailure(config.name, error)
  }
  if (ended.aborted) throw ended.reason
}

/** Two sessions whose keys are the same reach the same server as the same account. */
function connectionKey({ config, lease }: UpstreamTarget): string {
  const { name, host, port, database, tls } = config
  const secret = createHash('sha256')
    .update(lease.password ?? '')
    .digest('hex')
  return JSON.stringify([name, host, port, database, tls, lease.user, secret])
}
