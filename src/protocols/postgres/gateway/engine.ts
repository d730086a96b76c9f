import { asPamError, PamError } from '../../../shared/errors.ts'
import { TERMINATE } from '../wire/client-message.ts'
import {
  authenticationOk,
  backendKeyData,
  negotiateProtocolVersion,
  parameterStatus,
  readyForQuery,
} from '../wire/server-message.ts'
import type { Channel } from '../../../shared/channel.ts'
import { Reading } from '../../../shared/reading.ts'
import { within } from '../../../shared/within.ts'
import { afterRecord } from '../../../gateway/recorded-channel.ts'
import { sessionFor, type CommandDraft, type Engine, type Session } from '../../../gateway/engine.ts'
import type { PostgresTarget } from '../target.ts'
import { admitStartup, readGreeting, type Hello } from './admit.ts'
import { CancelKeys } from './cancel-keys.ts'
import { CatalogShelf } from '../catalog/catalog-shelf.ts'
import { ClientSide } from './pipeline/client-side.ts'
import { connectUpstream, type Upstream } from './login/connect-upstream.ts'
import { Conversation } from './pipeline/pipeline-state.ts'
import { readDefinitions } from '../lineage/definitions.ts'
import { assumedCatalog } from '../catalog/catalog.ts'
import { resolveFacts, unparsed } from '../dialect/command-facts.ts'
import { maskingScope } from '../lineage/masking-scope.ts'
import { toErrorResponse } from './error-response.ts'
import { Goodbyes } from '../../../gateway/staggered-close.ts'
import { probePostgres } from './probe.ts'
import { ServerSide } from './pipeline/server-side.ts'
import type { ParsedStatement } from '../dialect/parsed-statement.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import { wireFailure } from '../../../gateway/session-end-reason.ts'
import { understanding } from './pipeline/analyze-statement.ts'

/** PostgreSQL sessions, in protocol order. Bytes belong to wire/postgres, decisions to the session. */
export function postgresEngine(parser: SqlParser, baseDirectory: string): Engine<Hello> {
  const cancelKeys = new CancelKeys()
  const shelf = new CatalogShelf()
  const goodbyes = new Goodbyes()
  return {
    protocol: 'postgres',
    async greet(client, personId, limits) {
      const greeting = await readGreeting(client, limits)
      if (!('cancel' in greeting)) return greeting
      cancelKeys.use(greeting.cancel, personId)
      return 'handled'
    },
    async serve(client, hello, anySession) {
      const session = sessionFor<PostgresTarget>('postgres', anySession)
      const settings = new Map(admitStartup(hello, session.config))
      if (session.readOnly) settings.set('default_transaction_read_only', 'on')
      const path = settings.get('search_path')
      if (path !== undefined) await judgeStartPath(path, session, parser)
      const { config, lease, limits } = session
      const waiting = waitingClient(client, hello.rest, session)
      const upstream = await connectUpstream(
        { config, lease, limits, baseDirectory },
        settings,
        shelf,
        (catalog, known, ask) => readDefinitions(catalog, session.masking, parser, known, ask),
        session.ended,
      )
      const { key, revoke } = cancelKeys.issue(session.person.id, Math.min(hello.minor, NEWEST_MINOR), () =>
        relay.cancel(),
      )
      const conversation = new Conversation({
        client,
        upstream: afterRecord(upstream.channel, session),
        session,
        parser,
        catalog: upstream.catalog,
        searchPath: upstream.searchPath,
        trees: upstream.trees,
        parameters: upstream.parameters,
        place: upstream.place,
        seenChanges: upstream.seenChanges,
        target: upstream,
      })
      const relay = startRelay(conversation, upstream, parser, goodbyes)
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
      const catalog = assumedCatalog(parsed)
      const { statements, refusal } = resolveFacts(parsed, catalog, maskingScope(NO_MASKING, catalog, new Map()))
      return { facts: { type: 'sql', statements }, refusal }
    },
    async probe(target, lease, limits) {
      return probePostgres(target as PostgresTarget, lease, { limits, baseDirectory, parser })
    },
    refuse(client, error) {
      client.write(toErrorResponse(error, 'FATAL'))
      client.end()
    },
    facts: () => ({}),
    close: () => parser.close(),
  }
}

/** A search path at start-up needs what `SET search_path` needs. Throws where the rules do not allow that. */
async function judgeStartPath(path: string, session: Session<PostgresTarget>, parser: SqlParser): Promise<void> {
  const text = `SET search_path TO ${path}`
  const parsed = await parser.parse(text)
  const [statement, ...more] = 'failure' in parsed ? [] : parsed
  if (statement === undefined || more.length > 0 || !isSetOfPath(statement))
    throw new PamError('STARTUP_REFUSED', 'the start-up setting search_path is no list of schemas', {
      hint: 'write it as in SET search_path TO "a", b',
    })
  const catalog = assumedCatalog([statement])
  const { statements, refusal } = resolveFacts([statement], catalog, maskingScope(NO_MASKING, catalog, new Map()))
  const draft: CommandDraft = {
    text,
    parameters: [],
    facts: { type: 'sql', statements },
    recorded: { text, parameters: [] },
    guesses: [],
    notes: () => ['at start-up'],
    estimate: () => Promise.resolve(undefined),
    refusal,
    context: { objects: '' },
    inTransaction: false,
    again: () => Promise.resolve(draft),
  }
  const decision = session.decide(draft)
  if (decision.type === 'refuse') throw decision.error
  if (decision.type === 'forward') return
  decision.withdraw()
  await decision.verdict
  throw new PamError('STARTUP_REFUSED', 'SET search_path needs approval, which nobody gives at start-up', {
    hint: 'use SET after connecting',
  })
}

const isSetOfPath = ({ kinds, settings }: ParsedStatement): boolean =>
  kinds.length === 1 && kinds[0] === 'set' && settings.length === 1 && settings[0]?.name === 'search_path'

/** What came from a client while the gateway connected for it. */
interface EarlyInput {
  readonly bytes: Buffer
  readonly hasEnded: boolean
}

/**
 * While the target is connected to, the client may leave: nobody needs the connection then. What it sends early waits, up to
 * a limit; one that sent all it has to say and closed its side is served.
 */
function waitingClient(client: Channel, rest: Buffer, session: Session): () => EarlyInput {
  let bytes = rest
  let hasEnded = false
  const leave = (): void => session.end(clientLeft())
  client.handler = {
    data(more) {
      bytes = Buffer.concat([bytes, more])
      if (bytes.length > MOST_EARLY) client.pause()
    },
    drained() {},
    ended() {
      hasEnded = true
      if (bytes.length === 0) leave()
    },
    closed: leave,
  }
  client.resume()
  return () => {
    client.pause()
    return { bytes, hasEnded }
  }
}

const clientLeft = (): PamError => new PamError('CLIENT_LEFT', 'the client closed the connection')

/** What a server says after the password: here there was none to ask for, the tunnel has authenticated the person. */
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

/** Two pumps between two channels, until one side leaves or the session must end. */
function startRelay(conversation: Conversation, upstream: Upstream, parser: SqlParser, goodbyes: Goodbyes) {
  const { client, session } = conversation
  const clientSide = new ClientSide(conversation, understanding(conversation, parser))
  const serverSide = new ServerSide(conversation)
  const open = new Set(['client', 'upstream'])
  const reading = new Reading<'client' | 'record'>(upstream.channel)
  let clientGone = (): void => {}
  let finish!: () => void
  const over = new Promise<void>((resolve) => (finish = resolve))

  const closed = (side: 'client' | 'upstream', reason: PamError): void => {
    open.delete(side)
    session.end(reason)
    if (open.size === 0) finish()
  }
  session.ended.addEventListener('abort', () => void endRelay(session.ended.reason as PamError), { once: true })

  return {
    over,
    run(waiting: () => EarlyInput): void {
      const { bytes: rest, hasEnded } = waiting()
      client.handler = {
        data: guarded((bytes: Buffer) => clientSide.push(bytes)),
        drained: () => reading.go('client'),
        ended: () => clientSide.end(),
        closed: () => {
          clientSide.end()
          clientGone()
          closed('client', clientLeft())
        },
      }
      upstream.channel.handler = {
        data: guarded((bytes: Buffer) => {
          const { recorder } = session
          if (!serverSide.push(bytes)) reading.wait('client')
          if (!recorder.isFull) return
          // A disk that does not keep up is felt by the target, and so by the client; nothing piles up here.
          reading.wait('record')
          recorder.whenRoom(() => reading.go('record'))
        }),
        drained: () => clientSide.drained(),
        ended: () => client.end(),
        closed: () => closed('upstream', clientSide.left ? clientLeft() : targetLeft()),
      }
      if (rest.length > 0) guarded(() => clientSide.push(rest))(rest)
      if (hasEnded) clientSide.end()
      client.resume()
      upstream.channel.resume()
      if (session.ended.aborted) void endRelay(session.ended.reason as PamError)
    },
    cancel(): void {
      if (!clientSide.cancelHold()) void upstream.cancel()
    },
  }

  function targetLeft(): PamError {
    return new PamError('TARGET_LEFT', `${session.target.name} closed the connection`, { side: 'upstream' })
  }

  function guarded(work: (bytes: Buffer) => void): (bytes: Buffer) => void {
    return (bytes) => {
      try {
        work(bytes)
      } catch (error) {
        session.end(wireFailure(error))
      }
    }
  }

  /** The client is told at once; then what runs upstream is cancelled, ended, and that it is gone made sure of. */
  async function endRelay(reason: PamError): Promise<void> {
    const { isIdle } = conversation
    // Whoever waits for an answer of the target hears at once that none comes.
    conversation.abandon()
    try {
      // From this moment on nothing of what the target says goes to the client.
      const gone = open.has('upstream') ? upstreamGone() : undefined
      if (open.has('client') && reason.code !== 'CLIENT_LEFT' && reason.code !== 'TARGET_LEFT') {
        client.write(toErrorResponse(reason, 'FATAL'))
        client.end()
        clientGone = goodbyes.told()
        // Where many end at once all are told before the first backend is: nothing of theirs goes upstream any more.
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (gone !== undefined) await endUpstream(gone, isIdle)
    } catch (error) {
      session.logger.error({ error: asPamError(error).code, cause: error }, 'session.end_failed')
    } finally {
      if (open.has('client')) client.destroy()
      clientGone()
      upstream.channel.destroy()
      open.clear()
      finish()
    }
  }

  function upstreamGone(): Promise<true> {
    return new Promise((resolve) => {
      upstream.channel.handler = { data() {}, drained() {}, ended: () => resolve(true), closed: () => resolve(true) }
    })
  }

  async function endUpstream(gone: Promise<true>, isIdle: boolean): Promise<void> {
    const goodbye = (): void => {
      upstream.channel.resume()
      // A Terminate that waits behind a running query is read once the cancel has ended that.
      upstream.channel.write(TERMINATE)
    }
    if (isIdle) await goodbyes.say(goodbye, gone)
    else {
      goodbye()
      await upstream.cancel()
    }
    if (await within(gone, CANCEL_WAIT)) return
    if (await upstream.terminate()) return
    session.recorder.outcome({
      type: 'notice',
      message: 'outcome unknown: that the target ended the last command could not be confirmed',
    })
    session.logger.warn({ session: session.id, target: session.target.name }, 'session.outcome_unknown')
  }
}

/** Protocol 3.2; 3.1 was never released, and differs from 3.0 in nothing. */
const NEWEST_MINOR = 2
const NO_MASKING = { columns: [], kinds: [] } as const
/** Bytes that a client may send before it is let in. */
const MOST_EARLY = 64 * 1024
/** Milliseconds that a cancelled backend has to leave by itself before it is terminated. */
const CANCEL_WAIT = 2000
