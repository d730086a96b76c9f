import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Session } from '../../src/gateway/engine.ts'
import { createSession } from '../../src/gateway/session.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { NO_ROWS, type CatalogRows } from '../../src/protocols/postgres/catalog/rows.ts'
import { CatalogPlace } from '../../src/protocols/postgres/catalog/catalog-shelf.ts'
import { seenFirst } from '../../src/protocols/postgres/catalog/change-log.ts'
import { SharedDefinitions } from '../../src/protocols/postgres/catalog/shared-definitions.ts'
import type { SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { statementAnalyzer } from '../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import { ClientSide } from '../../src/protocols/postgres/gateway/pipeline/client-side.ts'
import { PipelineState } from '../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { ServerSide } from '../../src/protocols/postgres/gateway/pipeline/server-side.ts'
import type { PostgresTarget } from '../../src/protocols/postgres/target.ts'
import type { EventBody } from '../../src/recording/event.ts'
import type { Recorder } from '../../src/recording/recorder.ts'
import type { PamError } from '../../src/shared/errors.ts'
import { sessionEndReason } from '../../src/gateway/session-end-reason.ts'
import { ModelPostgres } from './model-postgres.ts'
import { policyOf, SessionBench } from './session-parts.ts'
import { TestChannel } from './test-channel.ts'

const CATALOG: CatalogRows = {
  ...NO_ROWS,
  relations: [['20000', 'public', 'people']],
  columns: [
    ['20000', 'id', '1', null, null],
    ['20000', 'email', '2', null, null],
  ],
  valueTypes: [
    ['23', 'int4send', null, ','],
    ['25', 'textsend', null, ','],
  ],
  unique: [['20000', 'id']],
}

export const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands:
  - { name: writes need a WHERE, match: { kinds: [delete, update], missingWhere: true }, deny: not without WHERE }
  - name: everyday work
    match: { kinds: [select, select-for-update, insert, update, delete, begin, commit, rollback, set, discard, deallocate, prepare] }
    allow: true`
export const EMAIL_RULES = `${RULES}
masking:
  - { name: addresses, targets: { labels: { env: prod } }, columns: [people.email], style: partial }`
export const KIND_RULES = `${RULES}
masking:
  - { name: addresses, targets: { labels: { env: prod } }, kinds: [email], style: partial }`

export interface ConnectionParts {
  readonly parser: SqlParser
  readonly rules?: string
  readonly policy?: Policy
  readonly definitions?: SharedDefinitions
  /** Without it everything goes the slow way. */
  readonly hasLane?: boolean
  readonly recordRows?: number
  readonly config?: Partial<PostgresTarget>
}

/** One connection between a client that is the test and a model of a server, with what is put on record. */
export class LaneConnection {
  readonly events: EventBody[] = []
  readonly client = new TestChannel()
  readonly upstream = new TestChannel()
  readonly server = new ModelPostgres()
  readonly bench: SessionBench
  readonly pipeline: PipelineState
  readonly session: Session<PostgresTarget>
  /** What of the bytes on their way the server has not seen, and what it said that has not come. */
  #seen = 0
  /** How often what was known before a transaction was noted. */
  #beginnings = 0
  #due: Buffer = Buffer.alloc(0)
  readonly #ids = new Map<string, number>()
  readonly #clientSide: ClientSide
  readonly #serverSide: ServerSide
  /** Called with each event before it is taken: it may throw as a recorder does. */
  onEvent: (event: EventBody) => void = () => {}

  constructor({ parser, definitions, hasLane = true, ...parts }: ConnectionParts) {
    this.bench = new SessionBench(parts.policy ?? parts.rules ?? RULES)
    const record = (event: EventBody): void => {
      this.onEvent(event)
      this.events.push(event)
    }
    const recorder = { intent: record, outcome: record, detach: () => ({ id: '1', sha256: '' }) }
    const session = createSession(
      this.bench.parts({
        recorder: recorder as unknown as Recorder,
        config: {
          name: 'store',
          type: 'postgres',
          labels: { env: 'prod' },
          recordRows: parts.recordRows ?? 0,
          safeFunctions: [],
          reading: 'ours',
          ...parts.config,
        } as unknown as PostgresTarget,
        limits: { statementBytes: 2000, resultMessageBytes: 2500, catalogs: 1000, catalogBytes: 1e6, handshake: 1000 },
        logger: { warn() {}, error() {}, info() {} } as never,
      }),
    ) as unknown as Session<PostgresTarget>
    this.session = hasLane ? session : { ...session, repeated: () => undefined }
    const place = new CatalogPlace(definitions ?? new SharedDefinitions())
    this.pipeline = new PipelineState({
      client: this.client,
      upstream: this.upstream,
      session: this.session,
      parser,
      catalog: CATALOG,
      trees: new Map(),
      searchPath: ['pg_catalog', 'public'],
      place,
      seen: seenFirst(place.definitions.changes),
      readAt: performance.now(),
      parameters: new Map([['application_name', '']]),
      target: {
        processId: undefined,
        cancel: () => Promise.resolve(),
        aside: () => Promise.reject(new Error('nothing is read')),
      },
    })
    const { known } = this.pipeline
    const note = known.noteBeginning.bind(known)
    known.noteBeginning = () => {
      this.#beginnings++
      note()
    }
    this.#clientSide = new ClientSide(this.pipeline, statementAnalyzer(this.pipeline, parser))
    this.#serverSide = new ServerSide(this.pipeline)
  }

  /** Statements that the lane took. */
  get taken(): number {
    return this.pipeline.lane.taken
  }

  /** As a socket gives it: in memory of its own. The server has what goes on at once. */
  fromClient(bytes: Buffer): void {
    this.#guarded(() => this.#clientSide.push(Buffer.from(bytes)))
    this.deliver()
  }

  /** How much the server has said that was not passed on. */
  get due(): number {
    this.#due = Buffer.concat([this.#due, ...this.server.out.splice(0)])
    return this.#due.length
  }

  /** So many bytes of what the server has said. */
  fromServer(count = this.due): void {
    if (this.due === 0) return
    const bytes = this.#due.subarray(0, count)
    this.#due = this.#due.subarray(count)
    this.say(bytes)
  }

  /** Bytes that the model would not say. */
  say(bytes: Buffer): void {
    if (!this.session.ended.aborted) this.#guarded(() => this.#serverSide.push(Buffer.from(bytes)))
    this.deliver()
  }

  /** The server has what was sent. */
  deliver(): void {
    const { written } = this.upstream
    for (; this.#seen < written.length; this.#seen++) this.server.push(written[this.#seen] as Buffer)
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.session.end(sessionEndReason(error))
    }
  }

  /** All that anybody could tell two connections apart by since the last time: bytes, the record but for times, what the next message would meet. */
  news(): unknown {
    const ids = this.#ids
    const idOf = (id: string): number => ids.get(id) ?? ids.set(id, ids.size).size - 1
    const events = this.events.splice(0).map((event) => {
      if (event.type === 'command') return { ...event, id: idOf(event.id) }
      if (event.type === 'result') return { ...event, command: idOf(event.command), durationMs: 0 }
      return event
    })
    const { status, batch, batchOpen, serverSkips, copyIn, block, isInBlock, transactionSince } = this.pipeline
    // Names that nobody has, and decisions that an error names, are random.
    const bytesOf = (written: Buffer[]): string =>
      Buffer.concat(written.splice(0))
        .toString('latin1')
        .replace(/pam_[0-9a-f-]{36}/g, 'pam_')
        .replace(/dec_[0-9a-z]{13}/g, (id) => `dec_${idOf(id)}`)
    this.#seen = 0
    return {
      toServer: bytesOf(this.upstream.written),
      toClient: bytesOf(this.client.written),
      events,
      ended: (this.session.ended.reason as PamError | undefined)?.code,
      commands: (this.session as unknown as { tally(): unknown }).tally(),
      flow: {
        status,
        batch,
        batchOpen,
        serverSkips,
        copyIn,
        block,
        isInBlock,
        hasBegun: transactionSince > 0,
        beginnings: this.#beginnings,
      },
    }
  }

  /** What stands behind names, and on its way: asking for it hands over what the lane has. */
  inside(): unknown {
    const { pipeline } = this
    const prepared = pipeline.names.statements.lookUp('', pipeline.batch)
    const portal = pipeline.names.portals.lookUp('', pipeline.batch)
    return {
      prepared: { ...prepared, value: prepared.value && this.#shown(prepared.value) },
      portal: {
        ...portal,
        value: portal.value && {
          ...portal.value,
          decision: '',
          bound: undefined,
          prepared: this.#shown(portal.value.prepared),
        },
      },
      cursors: [...pipeline.names.cursors],
      unanalysed: pipeline.unanalysed().map((one) => ({ ...one, since: 0 })),
      isIdle: pipeline.inFlight.isIdle,
      head: pipeline.inFlight.head?.type,
    }
  }

  /** When something was decided differs; what the lane has decided is decided again at an Execute on the slow path. */
  #shown(prepared: object): object {
    const { rewrites: _rewrites, bound: _bound, ...shown } = prepared as { rewrites?: unknown; bound?: unknown }
    return shown
  }
}

/** The same connection twice, one without a lane: whatever is done to both must come out the same, at every step. */
export class Twins {
  readonly lane: LaneConnection
  readonly slow: LaneConnection

  constructor(parts: ConnectionParts) {
    const policy = readPolicy(parts.rules ?? RULES)
    this.lane = new LaneConnection({ ...parts, policy })
    this.slow = new LaneConnection({ ...parts, policy, hasLane: false })
  }

  get all(): readonly LaneConnection[] {
    return [this.lane, this.slow]
  }

  async each(work: (connection: LaneConnection) => void): Promise<void> {
    for (const connection of this.all) work(connection)
    await this.#turn()
    this.compare()
  }

  /** Each answered before the next, without looking. */
  async prepare(...chunks: Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      for (const connection of this.all) connection.fromClient(chunk)
      await this.#turn()
      for (const connection of this.all) connection.fromServer()
      await this.#turn()
    }
  }

  async run(...messages: Buffer[]): Promise<void> {
    await this.each((connection) => connection.fromClient(Buffer.concat(messages)))
    await this.each((connection) => connection.fromServer())
  }

  /** What has waited for an answer goes on. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    for (const connection of this.all) connection.deliver()
  }

  compare(): void {
    expectSame(this.lane.news(), this.slow.news())
  }

  compareInside(): void {
    expectSame(this.lane.inside(), this.slow.inside())
  }
}

/** `toEqual`, asked only for what it says: where nothing differs a strict comparison says so sooner, and the tests make very many. */
function expectSame(one: unknown, other: unknown): void {
  if (!isDeepStrictEqual(one, other)) expect(one).toEqual(other)
}

/** Rules are read once, however many connections have them. */
function readPolicy(rules: string): Policy {
  const policy = policies.get(rules) ?? policyOf(rules)
  policies.set(rules, policy)
  return policy
}
const policies = new Map<string, Policy>()
