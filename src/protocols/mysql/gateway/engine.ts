import { sessionFor, type Caller, type Engine, type HandshakeLimits, type Session } from '../../../gateway/engine.ts'
import { waitingClient } from '../../../gateway/early-input.ts'
import { StaggeredClose } from '../../../gateway/staggered-close.ts'
import type { Channel } from '../../../shared/channel.ts'
import { CatalogShelf } from '../catalog/catalog-shelf.ts'
import { readBody } from '../dialect/read-body.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import type { MysqlTarget } from '../target.ts'
import { encodePackets } from '../wire/framer.ts'
import { admitHello } from './admit.ts'
import { toErr } from './error-packet.ts'
import { greetClient, type Hello } from './greeting.ts'
import { KnownServers } from './known-servers.ts'
import { connectUpstream, type UpstreamTarget } from './login/connect-upstream.ts'
import { OwnConnections } from './login/own-connections.ts'
import { createStatementRecorder, type StatementRecorder } from './pipeline/statement-recorder.ts'
import { probeMysql } from './probe.ts'
import { readOutsideSession } from './read-outside-session.ts'
import { serveConnected, type SharedParts } from './serve-connected.ts'
import { ThreadIds } from './thread-ids.ts'

/** Runs MySQL and MariaDB sessions, in the order of the protocol. The codecs are in wire/, decisions are made by the session. */
export function mysqlEngine(
  parser: SqlParser,
  baseDirectory: string,
  recorder: StatementRecorder = createStatementRecorder(),
): Engine<Hello, MysqlTarget> {
  const knownServers = new KnownServers()
  const threadIds = new ThreadIds()
  const ownConnections = new OwnConnections()
  const shared: SharedParts = {
    parser,
    recorder,
    threadIds,
    ownConnections,
    shelf: new CatalogShelf(readBody),
    staggeredClose: new StaggeredClose(),
  }
  /** The sequence id of the error for a client that is rejected during its login. */
  const sequences = new WeakMap<Channel, number>()

  async function greet(client: Channel, { target }: Caller<MysqlTarget>, limits: HandshakeLimits) {
    const threadId = threadIds.reserve()
    try {
      const hello = await greetClient(client, threadId, knownServers.of(target), limits)
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
      await serveConnected({ client, hello, session, tell, waiting, target, upstream }, shared)
    } finally {
      upstream.channel.destroy()
    }
  }

  return {
    protocol: 'mysql',
    greet,
    serve,
    read: (text, target) => readOutsideSession(text, parser, target?.database),
    probe: (target, lease, limits) => probeMysql({ config: target, lease, limits, baseDirectory, knownServers }),
    refuse(client, error) {
      client.write(encodePackets(toErr(error), sequences.get(client) ?? 2))
      client.end()
    },
    facts: () => ({}),
    async close() {
      ownConnections.close()
      await Promise.all([parser.close(), recorder.close()])
    },
  }
}
