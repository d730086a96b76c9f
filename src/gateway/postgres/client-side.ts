import { Framer, type Frame } from '../../wire/postgres/framer.ts'
import { formatAt, type Bind } from '../../wire/postgres/bind.ts'
import {
  bindNobody,
  CLIENT_PIECES,
  readBindNames,
  decodeClientMessage,
  describePortal,
  executeNobody,
  FLUSH,
  TERMINATE,
} from '../../wire/postgres/client-message.ts'
import type { Parse } from '../../wire/postgres/parse.ts'
import type { Execute } from '../../wire/postgres/execute.ts'
import type { Describe } from '../../wire/postgres/describe.ts'
import type { Close } from '../../wire/postgres/close.ts'
import { isEmptyPlan } from '../../masking/plan.ts'
import { PamError } from '../../shared/errors.ts'
import type { CommandDraft, Hold, Verdict } from '../engine.ts'
import type { StatementFacts, Taint } from './command-facts.ts'
import type { Conversation } from './conversation.ts'
import { nativeError, toErrorResponse, toNotice } from './error-response.ts'
import { draftCommand, noteChanges } from './command-draft.ts'
import { forgetNames } from './forget-names.ts'
import { startRun } from './pending.ts'
import { readableParameter } from './readable-parameter.ts'
import type { NameTable, Portal, Prepared } from './statement-table.ts'
import { wireFailure } from '../wire-failure.ts'
import type { Understanding } from './understand.ts'

/**
 * From the client to the server: every message is taken in order; what carries a statement is judged before a byte
 * of it goes on. After a refusal in an extended query everything up to the Sync is skipped, as the server would.
 */
export class ClientSide {
  readonly #conversation: Conversation
  readonly #understanding: Understanding
  readonly #framer: Framer
  readonly #masks: boolean
  readonly #waiting: Frame[] = []
  #waitingBytes = 0
  #out: Buffer[] = []
  #busy = false
  #upstreamFull = false
  #skipping = false
  /** What is left of a message that comes in pieces goes on; otherwise it is dropped. */
  #passing = false
  #hold: Hold | undefined
  #left = false

  constructor(conversation: Conversation, understanding: Understanding) {
    this.#conversation = conversation
    this.#understanding = understanding
    this.#framer = new Framer(conversation.session.limits.statementBytes, 'the client', CLIENT_PIECES)
    this.#masks = !isEmptyPlan(conversation.session.masking)
    conversation.sendCollected = () => this.#flush()
  }

  push(chunk: Buffer): void {
    this.#framer.push(chunk, this.#queue)
    if (this.#waitingBytes > MOST_WAITING) this.#conversation.client.pause()
    this.#work()
  }

  /** While a statement is held, what follows waits here: the connection stays read, so that its end is seen. */
  readonly #queue = (frame: Frame): void => {
    this.#waiting.push(this.#busy ? { ...frame, bytes: Buffer.from(frame.bytes) } : frame)
    this.#waitingBytes += frame.bytes.length
  }

  /** The client said goodbye, or its side is closed. */
  get left(): boolean {
    return this.#left
  }

  /** The client sends nothing more. */
  end(): void {
    this.#left = true
    this.#hold?.withdraw()
    this.#work()
  }

  /** A cancel request of this session's own client. True where a held statement was withdrawn. */
  cancelHold(): boolean {
    if (this.#hold === undefined) return false
    this.#hold.withdraw()
    return true
  }

  #work(): void {
    if (this.#busy) return
    const { session } = this.#conversation
    while (this.#waiting.length > 0 && !session.ended.aborted) {
      const frame = this.#waiting.shift() as Frame
      this.#waitingBytes -= frame.bytes.length
      let later: Promise<void> | undefined
      try {
        later = this.#handle(frame)
      } catch (error) {
        session.end(wireFailure(error))
        return
      }
      if (later === undefined) continue
      this.#busy = true
      // The chunk's memory belongs to the socket: what waits longer than this turn is copied.
      this.#waiting.splice(
        0,
        Infinity,
        ...this.#waiting.map((frame) => ({ ...frame, bytes: Buffer.from(frame.bytes) })),
      )
      later.then(
        () => {
          this.#busy = false
          this.#work()
          this.#readOn()
        },
        (error: unknown) => session.end(wireFailure(error)),
      )
      break
    }
    this.#flush()
    // A session that has ended says goodbye to the target itself.
    if (this.#left && !this.#busy && this.#waiting.length === 0 && !session.ended.aborted)
      this.#conversation.upstream.end()
  }

  #send(bytes: Buffer): void {
    this.#out.push(bytes)
  }

  #flush(): void {
    const out = this.#out
    if (out.length === 0) return
    this.#out = []
    const ready = this.#conversation.upstream.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out))
    if (ready) return
    this.#upstreamFull = true
    this.#conversation.client.pause()
  }

  /** The upstream takes more. */
  drained(): void {
    this.#upstreamFull = false
    this.#readOn()
  }

  #readOn(): void {
    if (!this.#upstreamFull && this.#waitingBytes <= MOST_WAITING) this.#conversation.client.resume()
  }

  /** An error, ours or the server's, skips everything up to the next Sync; it may come while a message is being judged. */
  get #isSkipped(): boolean {
    return this.#skipping || this.#conversation.serverSkips
  }

  /** One message. Undefined where it was dealt with at once. */
  #handle(frame: Frame): Promise<void> | undefined {
    const conversation = this.#conversation
    if (frame.piece === 'later') {
      if (this.#passing) this.#send(frame.bytes)
      return undefined
    }
    if (frame.piece === 'first') return this.#long(frame)
    const message = decodeClientMessage(frame)
    if (this.#isSkipped && message.type !== 'sync' && message.type !== 'terminate') return undefined
    switch (message.type) {
      case 'query':
        return this.#query(frame, message.sql)
      case 'parse':
        return this.#parse(frame, message)
      case 'bind':
        return this.#bind(frame, message)
      case 'describe':
        return this.#describe(frame, message)
      case 'execute':
        return this.#execute(frame, message)
      case 'close':
        this.#close(frame, message)
        return undefined
      case 'sync':
        this.#skipping = false
        conversation.serverSkips = false
        this.#send(frame.bytes)
        if (conversation.copyIn) return undefined
        conversation.expect({ type: 'sync' })
        conversation.batch++
        conversation.batchOpen = false
        return undefined
      case 'function-call': {
        const error = new PamError('FUNCTION_CALL_REFUSED', 'the FunctionCall message carries no SQL to judge', {
          hint: 'call the function in a SELECT',
        })
        conversation.reply(() => Buffer.concat([toErrorResponse(error), conversation.readyForQuery()]))
        return undefined
      }
      case 'copy-done':
      case 'copy-fail':
        conversation.copyIn = false
        this.#send(frame.bytes)
        return undefined
      case 'copy-data':
      case 'flush':
        this.#send(frame.bytes)
        return undefined
      case 'terminate':
        this.#send(TERMINATE)
        this.#left = true
        return undefined
    }
  }

  /** A message that is too long to be held: data goes on as it comes, a statement cannot be judged by its beginning. */
  #long(frame: Frame): Promise<void> | undefined {
    const conversation = this.#conversation
    this.#passing = false
    if (this.#isSkipped) return undefined
    const error = new PamError(
      'MESSAGE_TOO_LARGE',
      `the message is longer than ${conversation.session.limits.statementBytes} bytes, and has to be judged whole`,
    )
    switch (String.fromCharCode(frame.tag)) {
      case 'd':
        this.#passing = true
        this.#send(frame.bytes)
        return undefined
      case 'Q':
        conversation.reply(() => Buffer.concat([toErrorResponse(error), conversation.readyForQuery()]))
        return undefined
      case 'B':
        // Which formats the results have stands at its end: without them nothing can be masked.
        return this.#masks ? this.#refuseExtended(error) : this.#longBind(frame, error)
      default:
        return this.#refuseExtended(error)
    }
  }

  /** Its parameters are not kept, so nobody could decide about them; where the rules allow the statement as it is, it goes on. */
  #longBind(frame: Frame, error: PamError): Promise<void> | undefined {
    const { portal, statement } = readBindNames(frame)
    const message: Bind = {
      type: 'bind',
      portal,
      statement,
      parameterFormats: [],
      parameters: [
        Buffer.from(`‹parameters of a message longer than ${this.#conversation.session.limits.statementBytes} bytes›`),
      ],
      resultFormats: [],
    }
    return this.#bind(frame, message, error)
  }

  #query(frame: Frame, sql: string): Promise<void> | undefined {
    const facts = this.#understanding.of(sql)
    return facts instanceof Promise
      ? facts.then((known) => this.#judgeQuery(frame, sql, known))
      : this.#judgeQuery(frame, sql, facts)
  }

  #judgeQuery(frame: Frame, sql: string, facts: StatementFacts): Promise<void> | undefined {
    const conversation = this.#conversation
    if (this.#isSkipped) return undefined
    const draft = this.#draft(sql, [], facts)
    const forward = (decision: string): void => {
      conversation.batch++
      conversation.batchOpen = false
      const restore = forgetNames(conversation, facts)
      const notUnderstood = facts.parsed.length === 0 ? restore : undefined
      noteChanges(conversation, facts)
      conversation.expect({ type: 'query', run: startRun(decision, sql, facts, notUnderstood) })
      this.#send(frame.bytes)
    }
    const refuse = (error: PamError): void =>
      conversation.reply(() => Buffer.concat([toErrorResponse(error), conversation.readyForQuery()]))
    return this.#decide(draft, forward, refuse)
  }

  #parse(frame: Frame, message: Parse): Promise<void> | undefined {
    const facts = this.#understanding.of(message.sql)
    return facts instanceof Promise
      ? facts.then((known) => this.#judgeParse(frame, message, known))
      : this.#judgeParse(frame, message, facts)
  }

  #judgeParse(frame: Frame, message: Parse, facts: StatementFacts): undefined {
    const conversation = this.#conversation
    if (this.#isSkipped) return undefined
    const refusal = conversation.session.preview(this.#draft(message.sql, [], facts))
    if (refusal !== undefined) return this.#refuseExtended(refusal)
    const prepared: Prepared = {
      sql: message.sql,
      parameterTypes: message.parameterTypes,
      columns: undefined,
      described: false,
    }
    const change = conversation.statements.set(message.statement, prepared, conversation.batch)
    conversation.expect({ type: 'parse', change, tainted: facts.tainted })
    conversation.batchOpen = true
    this.#send(frame.bytes)
    return undefined
  }

  #bind(frame: Frame, message: Bind, unheld?: PamError): Promise<void> | undefined {
    return this.#named(this.#conversation.statements, message.statement, (prepared) => {
      if (prepared === undefined) {
        return this.#unknownName(
          bindNobody(),
          '26000',
          message.statement === ''
            ? 'unnamed prepared statement does not exist'
            : `prepared statement "${message.statement}" does not exist`,
        )
      }
      const facts = this.#understanding.of(prepared.sql)
      return facts instanceof Promise
        ? facts.then((known) => this.#judgeBind(frame, message, prepared, known, unheld))
        : this.#judgeBind(frame, message, prepared, facts, unheld)
    })
  }

  #judgeBind(
    frame: Frame,
    message: Bind,
    prepared: Prepared,
    facts: StatementFacts,
    unheld: PamError | undefined,
  ): Promise<void> | undefined {
    const conversation = this.#conversation
    if (this.#isSkipped) return undefined
    const parameters = message.parameters.map((value, index) =>
      value === null
        ? null
        : readableParameter(value, formatAt(message.parameterFormats, index), prepared.parameterTypes[index] ?? 0),
    )
    const forward = (decision: string): void => {
      const portal: Portal = { decision, prepared, facts, resultFormats: message.resultFormats }
      forgetNames(conversation, facts)
      const change = conversation.portals.set(message.portal, portal, conversation.batch)
      conversation.expect({ type: 'bind', change, tainted: facts.tainted, portal: { name: message.portal, facts } })
      conversation.batchOpen = true
      this.#send(frame.bytes)
    }
    const pass = (decision: string): void => {
      this.#passing = unheld !== undefined
      forward(decision)
    }
    return this.#decide(
      this.#draft(prepared.sql, parameters, facts),
      pass,
      (error) => this.#refuseExtended(error),
      unheld,
    )
  }

  #describe(frame: Frame, message: Describe): Promise<void> | undefined {
    const conversation = this.#conversation
    const forward = (of: Prepared | undefined, tainted: Taint): undefined => {
      if (of !== undefined) of.described = true
      conversation.expect({ type: 'describe', of, hidden: false, tainted })
      conversation.batchOpen = true
      this.#send(frame.bytes)
      return undefined
    }
    return message.subject === 'statement'
      ? this.#named(conversation.statements, message.name, (prepared) => forward(prepared, this.#masks && 'all'))
      : this.#named(conversation.portals, message.name, (portal) =>
          forward(portal?.prepared, portal?.facts.tainted ?? (this.#masks && 'all')),
        )
  }

  #execute(frame: Frame, message: Execute): Promise<void> | undefined {
    const conversation = this.#conversation
    return this.#named(conversation.portals, message.portal, (portal) => {
      if (portal === undefined)
        return this.#unknownName(executeNobody(), '34000', `portal "${message.portal}" does not exist`)
      const { prepared, facts } = portal
      // Rows can be masked only by columns that were described: where the client does not ask, we do.
      if (this.#masks && !prepared.described) {
        prepared.described = true
        conversation.expect({ type: 'describe', of: prepared, hidden: true, tainted: facts.tainted })
        this.#send(describePortal(message.portal))
      }
      noteChanges(conversation, facts)
      conversation.expect({ type: 'execute', run: startRun(portal.decision, prepared.sql, facts), portal })
      conversation.batchOpen = true
      this.#send(frame.bytes)
      return undefined
    })
  }

  #close(frame: Frame, message: Close): void {
    const conversation = this.#conversation
    const table = message.subject === 'statement' ? conversation.statements : conversation.portals
    const change = table.set(message.name, undefined, conversation.batch)
    conversation.expect({ type: 'close', change, tainted: false })
    conversation.batchOpen = true
    this.#send(frame.bytes)
  }

  /** What a name stands for; where an earlier batch may yet fail, only once that is known. */
  #named<T>(
    table: NameTable<T>,
    name: string,
    use: (value: T | undefined) => Promise<void> | undefined,
  ): Promise<void> | undefined {
    const conversation = this.#conversation
    const { value, certain } = table.lookUp(name, conversation.batch)
    if (certain) return use(value)
    return conversation.settled().then(() => {
      const now = table.lookUp(name, conversation.batch).value
      return this.#isSkipped ? undefined : use(now)
    })
  }

  #draft(sql: string, parameters: readonly (string | null)[], facts: StatementFacts): CommandDraft {
    return draftCommand(this.#conversation, this.#understanding, sql, parameters, facts)
  }

  /** Asks the session; a hold tells the client, then waits for a person. */
  #decide(
    draft: CommandDraft,
    forward: (decision: string) => void,
    refuse: (error: PamError) => void,
    unheld?: PamError,
  ): Promise<void> | undefined {
    const conversation = this.#conversation
    const decision = conversation.session.decide(draft)
    if (decision.type !== 'hold') return void this.#carryOut(decision, forward, refuse)
    if (unheld !== undefined) {
      decision.withdraw()
      return decision.verdict.then(() => refuse(unheld))
    }
    this.#hold = decision
    this.#flush()
    if (conversation.batchOpen) conversation.upstream.write(FLUSH)
    const hint = conversation.status === 'T' ? 'a transaction is open: its locks are held while this waits' : undefined
    conversation.reply(() => toNotice(decision.notice, hint))
    if (this.#left) decision.withdraw()
    return decision.verdict.then((verdict) => {
      this.#hold = undefined
      this.#carryOut(verdict, forward, refuse)
    })
  }

  #carryOut(verdict: Verdict, forward: (decision: string) => void, refuse: (error: PamError) => void): void {
    if (this.#conversation.session.ended.aborted || this.#isSkipped) return
    if (verdict.type === 'forward') forward(verdict.id)
    else refuse(verdict.error)
  }

  #refuseExtended(error: PamError): undefined {
    this.#skip(() => toErrorResponse(error))
  }

  /**
   * A name that we know nothing of is not passed on: the server may know one of that name that was never judged. A
   * name that nobody has goes in its place, so that the server fails, and its transaction with it, as it would itself.
   */
  #unknownName(message: Buffer, sqlstate: string, text: string): undefined {
    const conversation = this.#conversation
    conversation.expect({ type: 'unknown-name', sqlstate, error: nativeError(sqlstate, text) })
    conversation.batchOpen = true
    this.#send(message)
  }

  #skip(bytes: () => Buffer): void {
    this.#skipping = true
    this.#flush()
    this.#conversation.reply(bytes)
  }
}

/** Bytes of messages that wait behind a held one, until the client is not read any more. */
const MOST_WAITING = 1_048_576
