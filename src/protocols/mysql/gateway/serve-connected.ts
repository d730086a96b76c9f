import { createHash } from 'node:crypto'
import type { Session } from '../../../gateway/engine.ts'
import type { EarlyInput } from '../../../gateway/early-input.ts'
import { Relay, type ProtocolEnd } from '../../../gateway/relay.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { RecordedChannel } from '../../../gateway/recorded-channel.ts'
import { StaggeredClose } from '../../../gateway/staggered-close.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError } from '../../../shared/errors.ts'
import { inSession, type Ask } from '../catalog/catalog.ts'
import { CatalogShelf, type CatalogPlace } from '../catalog/catalog-shelf.ts'
import { missingColumns } from '../masking/scope.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import type { MysqlTarget } from '../target.ts'
import { encodePackets } from '../wire/framer.ts'
import { encodeOk } from '../wire/ok.ts'
import { admitHello } from './admit.ts'
import { toErr } from './error-packet.ts'
import type { Hello } from './greeting.ts'
import { QUIT, sessionBeginning, type Upstream, type UpstreamTarget } from './login/connect-upstream.ts'
import { OwnConnections } from './login/own-connections.ts'
import { statementAnalyzer } from './pipeline/analyze-statement.ts'
import { ClientCommands } from './pipeline/client-commands.ts'
import { ClientSide } from './pipeline/client-side.ts'
import { CommandGate } from './pipeline/command-gate.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { ServerSide } from './pipeline/server-side.ts'
import type { StatementRecorder } from './pipeline/statement-recorder.ts'
import { StatementTable } from './pipeline/statement-table.ts'
import { ThreadIds } from './thread-ids.ts'

/** Serves a connection, from reading the definitions to its end. */
export async function serveConnected(
  { client, hello, session, tell, waiting, target, upstream }: Connected,
  { parser, recorder, threadIds, shelf, ownConnections, staggeredClose }: SharedParts,
): Promise<void> {
  const { config, readOnly } = session
  const { connection, definitions } = keysOf(target)
  const declared = { safeRoutines: config.safeRoutines, noOtherTriggers: config.unseenTriggers === 'none' }
  const place = shelf.find(definitions, upstream.version, declared)
  const ask: Ask = (sql) => ownConnections.ask(connection, target, sql)
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
  const gate = new CommandGate({ pipeline, analyzer, recorder }, tell)
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
    beginning: sessionBeginning(config, readOnly),
  })
  const clientSide = new ClientSide(pipeline, gate, commands)
  const serverSide = new ServerSide(pipeline, analyzer, clientSide)
  const protocol = protocolEnd(pipeline, upstream)
  const relay = new Relay({ session, client, upstream, clientSide, serverSide, protocol, staggeredClose })
  threadIds.serve(hello.threadId, {
    personId: session.person.id,
    target: config.name,
    serverId: upstream.threadId,
    // KILL QUERY withdraws the held statement, or else ends the running one.
    cancel: () => {
      if (!clientSide.cancelHold() && !pipeline.isIdle) void upstream.cancel()
    },
    end: () => session.end(new PamError('SESSION_KILLED', 'ended by KILL from another of your connections')),
  })
  client.write(encodePackets(encodeOk({ status: upstream.status }), hello.sequence))
  relay.run(waiting)
  await relay.over
}

/** Both sides of a connection that is not served yet. */
export interface Connected {
  readonly client: Channel
  readonly hello: Hello
  readonly session: Session<MysqlTarget>
  readonly tell: (notice: string) => void
  readonly waiting: () => EarlyInput
  readonly target: UpstreamTarget
  readonly upstream: Upstream
}

/** What the sessions of one engine have in common. */
export interface SharedParts {
  readonly parser: SqlParser
  readonly recorder: StatementRecorder
  readonly threadIds: ThreadIds
  readonly ownConnections: OwnConnections
  readonly shelf: CatalogShelf
  readonly staggeredClose: StaggeredClose
}

/** How the protocol ends a session. */
function protocolEnd(pipeline: Pipeline, { channel }: Upstream): ProtocolEnd {
  const { session } = pipeline
  return {
    unsaid: new Set(['CLIENT_LEFT']),
    // COM_QUIT is not passed on.
    hasLeft: () => false,
    // A target that has closed its side is of no further use.
    targetEnded: (left) => session.end(left),
    abandon: () => pipeline.abandon(),
    ending() {
      const { isIdle, isUploading, clientSequence } = pipeline
      return {
        isIdle,
        // No message can be sent in the middle of a packet.
        lastWords: (reason) =>
          clientSequence === undefined ? undefined : encodePackets(toErr(reason), clientSequence),
        // A server that reads a file would take COM_QUIT for a part of it.
        goodbye: () => (isUploading ? channel.end() : void channel.write(QUIT)),
      }
    },
  }
}

/** No session starts before the definitions to protect are known. */
async function readDefinitions(
  { config, masking, ended, logger }: Session<MysqlTarget>,
  place: CatalogPlace,
  ask: Ask,
): Promise<void> {
  try {
    const definitions = await place.current(ask)
    const catalog = inSession(definitions, { database: config.database, temporary: new Set() })
    // A rule with a typing error would mask nothing: the administrator must see it.
    for (const column of missingColumns(masking, catalog)) logger.warn({ column }, 'masking.column_missing')
  } catch (error) {
    throw ended.aborted ? ended.reason : error instanceof PamError ? error : targetFailure(config.name, error)
  }
  if (ended.aborted) throw ended.reason
}

/**
 * Two sessions with the same keys reach the same server as the same account, and see the same definitions; for accounts that are created
 * for one session, these are the same for the same role.
 */
function keysOf({ config, lease }: UpstreamTarget): { readonly connection: string; readonly definitions: string } {
  const { name, host, port, database, tls, ephemeral } = config
  const secret = createHash('sha256')
    .update(lease.password ?? '')
    .digest('hex')
  const where = [name, host, port, database, tls]
  const connection = JSON.stringify([...where, lease.user, secret])
  const definitions = ephemeral === undefined ? connection : JSON.stringify([...where, lease.account, ephemeral])
  return { connection, definitions }
}
