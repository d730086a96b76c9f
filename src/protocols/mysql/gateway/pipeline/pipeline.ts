import type { Session } from '../../../../gateway/engine.ts'
import type { Channel } from '../../../../shared/channel.ts'
import { PamError, reasonOf } from '../../../../shared/errors.ts'
import { Answer, type AnswerKind } from '../../wire/answer.ts'
import { capabilities, has, statusFlags } from '../../wire/capabilities.ts'
import { commands } from '../../wire/command.ts'
import { encodePackets, sequenceAfter } from '../../wire/framer.ts'
import type { ReadingContext } from '../../dialect/reading-context.ts'
import type { MysqlTarget } from '../../target.ts'
import type { SessionChange } from '../../wire/ok.ts'
import type { ServerVersion } from '../../wire/server-version.ts'
import { pinnedOf } from '../../session-settings.ts'
import type { PinnedSettings } from '../../../../sql/pinned-settings.ts'
import { pinnedProblem, sessionStateOf, stateQuery, type SessionState } from '../login/session-state.ts'
import type { OwnRows } from '../login/target-queries.ts'
import type { Exchange } from './exchange.ts'
import type { StatementTable } from './statement-table.ts'

/** The initial state of a connection. */
export interface PipelineParts {
  readonly client: Channel
  readonly upstream: Channel
  readonly session: Session<MysqlTarget>
  /** The capabilities, which are the same on both sides. */
  readonly capabilities: number
  readonly version: ServerVersion
  readonly state: SessionState
  readonly status: number
  readonly statements: StatementTable
}

/**
 * The state that both directions of a connection share: the command being answered, and how the server reads texts. It makes no decisions.
 */
export class Pipeline {
  readonly client: Channel
  readonly upstream: Channel
  readonly session: Session<MysqlTarget>
  readonly capabilities: number
  readonly version: ServerVersion
  readonly statements: StatementTable
  /** The status flags that the server sent last. */
  status: number
  /** When the open transaction was first seen, in milliseconds since 1970. */
  transactionSince = 0
  /** Whether the client is sending a file that the target has requested. */
  isUploading = false
  /** Sequence id of the next packet to the client; undefined in the middle of one. */
  clientSequence: number | undefined = 1
  /** Sequence id of the next packet from the server. */
  serverSequence = 1
  /** Called when an answer is complete, so that the next command can be handled. */
  onAnswered: () => void = () => {}
  #exchange: Exchange | undefined
  #state: SessionState | undefined
  /** Whether the state may have changed since it was read. */
  #isStateOld = false
  #multiStatements: boolean
  readonly #pinned: PinnedSettings
  #waiters: (() => void)[] = []

  constructor(parts: PipelineParts) {
    this.client = parts.client
    this.upstream = parts.upstream
    this.session = parts.session
    this.#pinned = pinnedOf(parts.session.config.settings)
    this.capabilities = parts.capabilities
    this.version = parts.version
    this.statements = parts.statements
    this.status = parts.status
    this.#state = parts.state
    this.#multiStatements = has(parts.capabilities, capabilities.multiStatements)
  }

  get isInTransaction(): boolean {
    return has(this.status, statusFlags.inTransaction)
  }

  /** Notes the status and changes that the server reports with an answer. */
  noteStatus(status: number, changes: readonly SessionChange[]): void {
    const was = this.isInTransaction
    this.status = status
    if (!was && this.isInTransaction) this.transactionSince = Date.now()
    if (has(status, statusFlags.sessionStateChanged) || changes.length > 0) this.#isStateOld = true
  }

  // ── how texts are read ───────────────────────────────────────────────────────────────────────────────────────────

  /** From now on the state must be read before any text. */
  noteStateMayChange(): void {
    this.#isStateOld = true
  }

  set multiStatements(isOn: boolean) {
    this.#multiStatements = isOn
  }

  /** The context of texts sent now; undefined if the server reads them in a way that the gateway does not support. */
  get context(): (ReadingContext & Pick<SessionState, 'results'>) | undefined {
    const state = this.#state
    return state && { ...state, server: this.version, multiStatements: this.#multiStatements }
  }

  /** Asks the server how it reads texts, if that may have changed. Nothing may be in flight. */
  refreshState(): Promise<void> | undefined {
    if (!this.#isStateOld) return undefined
    return this.ask(stateQuery(this.#pinned)).then(
      (rows) => {
        this.#isStateOld = false
        const problem = pinnedProblem(rows, this.#pinned)
        if (problem !== undefined) this.session.end(problem)
        this.#state = problem === undefined ? sessionStateOf(rows, this.version) : undefined
      },
      (error: unknown) => {
        if (!(error instanceof OwnQueryFailed)) throw error
        this.session.logger.warn({ cause: error }, 'state.not_read')
        this.#state = undefined
      },
    )
  }

  // ── messages in flight ───────────────────────────────────────────────────────────────────────────────────────────

  get exchange(): Exchange | undefined {
    return this.#exchange
  }

  get isIdle(): boolean {
    return this.#exchange === undefined
  }

  /** Notes that a command is sent, whose answer begins with this sequence id. */
  begin(exchange: Exchange, sequence: number): void {
    if (this.#exchange !== undefined) throw new Error('a command is being answered')
    this.#exchange = exchange
    this.serverSequence = sequence
  }

  /** The answer is complete. */
  answered(error?: OwnQueryFailed): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.isUploading = false
    if (exchange?.type === 'client') this.clientSequence = 1
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
    if (exchange?.type === 'own') exchange.done(error)
    else this.onAnswered()
  }

  /** Resolves when everything that was sent is answered. */
  whenIdle(): Promise<void> | undefined {
    if (this.isIdle) return undefined
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** Runs one of the gateway's fixed queries on the client's connection, between its commands. */
  ask(sql: string): Promise<OwnRows> {
    return this.#own('results', Buffer.concat([Buffer.of(commands.query), Buffer.from(sql)]))
  }

  /** A command of the gateway's own that is answered with an OK. */
  async askOk(command: Buffer): Promise<void> {
    await this.#own('done', command)
  }

  #own(kind: AnswerKind, command: Buffer): Promise<OwnRows> {
    return new Promise((resolve, reject) => {
      const { ended, limits } = this.session
      if (ended.aborted) return reject(reasonOf(ended))
      const rows: OwnRows = []
      const own: Exchange = {
        type: 'own',
        answer: new Answer(kind, this.capabilities),
        rows,
        columns: 0,
        room: limits.catalogBytes,
        done: (error) => (error === undefined ? resolve(rows) : reject(error)),
      }
      this.begin(own, sequenceAfter(command.length, 0))
      this.upstream.write(encodePackets(command, 0))
    })
  }

  /** The gateway's own answer to a command that the target does not get. */
  reply(payload: Buffer): void {
    const sequence = this.clientSequence
    if (sequence === undefined) return this.outOfStep('the middle of a packet')
    this.client.write(encodePackets(payload, sequence))
    // The next command begins a new sequence.
    this.clientSequence = 1
  }

  /** The server and the gateway are out of step: nothing after this could be trusted. */
  outOfStep(what: string): void {
    this.session.end(new PamError('PROTOCOL_VIOLATION', `the target sent ${what}`, { side: 'upstream' }))
  }

  /** No more answers will arrive. */
  abandon(): void {
    const exchange = this.#exchange
    if (exchange?.type === 'own') exchange.done(new Error('the session has ended'))
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}

/** The target has refused a query of the gateway. */
export class OwnQueryFailed extends Error {
  readonly code: number

  constructor(code: number) {
    super(`the target answered ${code} to a query of the gateway`)
    this.name = 'OwnQueryFailed'
    this.code = code
  }
}
