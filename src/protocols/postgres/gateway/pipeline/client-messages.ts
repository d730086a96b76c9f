import type { Frame } from '../../wire/framer.ts'
import { formatAt, type Bind } from '../../wire/bind.ts'
import {
  bindNobody,
  readBindNames,
  decodeClientMessage,
  describePortal,
  executeNobody,
  parseNothing,
  queryNothing,
  TERMINATE,
} from '../../wire/client-message.ts'
import type { Parse } from '../../wire/parse.ts'
import type { Execute } from '../../wire/execute.ts'
import type { Describe } from '../../wire/describe.ts'
import type { Close } from '../../wire/close.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { StatementFacts, Taint } from '../../dialect/command-facts.ts'
import type { Conversation } from './pipeline-state.ts'
import { nativeError, toErrorResponse } from '../error-response.ts'
import { beforePublishing, noteChanges, publishedBy } from './command-draft.ts'
import type { CommandGate } from './command-gate.ts'
import { forgetNames } from './invalidate-names.ts'
import { startRun } from './pending.ts'
import { commits, restsOn } from './touches.ts'
import { readableParameter } from './readable-parameter.ts'
import type { ColumnNames, NameTable, Portal, Prepared } from './name-table.ts'
import type { Understanding } from './analyze-statement.ts'

/**
 * What becomes of each message of the client: what carries a statement is judged before a byte of it goes on. After a refusal in
 * an extended query everything up to the Sync is skipped, as the server would.
 */
export class ClientMessages {
  readonly #conversation: Conversation
  readonly #understanding: Understanding
  readonly #gate: CommandGate
  readonly #send: (bytes: Buffer) => void
  readonly #masks: boolean
  /** What is left of a message that comes in pieces goes on; otherwise it is dropped. */
  #passing = false

  /** `send`: what goes on, in order; it may be collected until `conversation.sendCollected`. */
  constructor(
    conversation: Conversation,
    understanding: Understanding,
    gate: CommandGate,
    send: (bytes: Buffer) => void,
  ) {
    this.#conversation = conversation
    this.#understanding = understanding
    this.#gate = gate
    this.#send = send
    this.#masks = !isEmptyPlan(conversation.session.masking)
  }

  /** One message. Undefined where it was dealt with at once. */
  handle(frame: Frame): Promise<void> | undefined {
    const conversation = this.#conversation
    if (frame.piece === 'later') {
      if (this.#passing) this.#send(frame.bytes)
      return undefined
    }
    if (frame.piece === 'first') return this.#long(frame)
    const message = decodeClientMessage(frame)
    if (this.#gate.isSkipped && message.type !== 'sync' && message.type !== 'terminate') return undefined
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
        return this.#sync(frame)
      case 'function-call': {
        const error = new PamError(
          'FUNCTION_CALL_REFUSED',
          'FunctionCall messages are not supported: they contain no SQL to evaluate',
          {
            hint: 'call the function in a SELECT',
          },
        )
        conversation.reply(() => Buffer.concat([toErrorResponse(error), conversation.readyForQuery()]))
        return undefined
      }
      case 'copy-done':
      case 'copy-fail':
        if (conversation.copyIn) conversation.copyIn = false
        else if (!conversation.isIdle) conversation.expect({ type: 'copy-end' })
        this.#send(frame.bytes)
        return undefined
      case 'copy-data':
      case 'flush':
        this.#send(frame.bytes)
        return undefined
      case 'terminate':
        this.#send(TERMINATE)
        this.#gate.left = true
        return undefined
    }
  }

  /** A message that is too long to be held: data goes on as it comes, a statement cannot be judged by its beginning. */
  #long(frame: Frame): Promise<void> | undefined {
    const conversation = this.#conversation
    this.#passing = false
    if (this.#gate.isSkipped) return undefined
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
        return this.#masks ? this.#gate.refuseExtended(error) : this.#longBind(frame, error)
      default:
        return this.#gate.refuseExtended(error)
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

  /** It ends the implicit transaction of what came before it. */
  #sync(frame: Frame): Promise<void> | undefined {
    const conversation = this.#conversation
    const touches = conversation.batchOpen ? conversation.publishes(undefined, false) : undefined
    const published = touches === undefined ? undefined : { touches, waitFor: true }
    const go = (): undefined => {
      this.#gate.goOn()
      // The server ignores it until the data ends. If it had failed meanwhile, whether it counts would depend on the moment.
      if (conversation.copyIn) return undefined
      this.#send(frame.bytes)
      const pending = { type: 'sync' } as const
      conversation.expect(pending)
      if (published !== undefined) conversation.publish(pending, published.touches, true)
      conversation.noteEnd()
      conversation.batch++
      conversation.batchOpen = false
      return undefined
    }
    const wait = beforePublishing(conversation, published)
    return wait === undefined ? go() : wait.then(go)
  }

  #query(frame: Frame, sql: string): Promise<void> | undefined {
    const facts = this.#understanding.of(sql)
    return facts instanceof Promise
      ? facts.then((known) => this.#publishQuery(frame, sql, known, 1))
      : this.#publishQuery(frame, sql, facts, 1)
  }

  /** What others have on its way comes first; what the text means is asked again afterwards. */
  #publishQuery(frame: Frame, sql: string, facts: StatementFacts, times: number): Promise<void> | undefined {
    if (!facts.changesCatalog && this.#conversation.changed === undefined) return this.#judgeQuery(frame, sql, facts)
    const wait = beforeText(this.#conversation, facts)
    if (wait === undefined || times > MOST_WAITS) return this.#judgeQuery(frame, sql, facts)
    return wait
      .then(() => this.#understanding.of(sql))
      .then((known) => this.#publishQuery(frame, sql, known, times + 1))
  }

  #judgeQuery(frame: Frame, sql: string, facts: StatementFacts): Promise<void> | undefined {
    const conversation = this.#conversation
    if (this.#gate.isSkipped) return undefined
    const forward = (decision: string): void => {
      conversation.batch++
      conversation.batchOpen = false
      const restore = forgetNames(conversation, facts)
      const notUnderstood = facts.parsed.length === 0 ? restore : undefined
      const published = publishedBy(conversation, facts)
      noteChanges(conversation, facts)
      const run = startRun(decision, sql, facts, notUnderstood)
      const pending = { type: 'query', run, rests: restsOn(facts) } as const
      conversation.expect(pending)
      if (published !== undefined) conversation.publish(pending, published.touches, published.waitFor)
      this.#send(frame.bytes)
    }
    const refuse = (error: PamError): void => {
      const bytes = syntaxError(error, facts)
      if (bytes === undefined || (conversation.isIdle && conversation.status === 'I'))
        conversation.reply(() => Buffer.concat([bytes ?? toErrorResponse(error), conversation.readyForQuery()]))
      else {
        // The server fails as well, and its transaction with it.
        conversation.batch++
        conversation.batchOpen = false
        const run = startRun(error.id ?? '', sql, { ...facts, changesCatalog: false })
        conversation.expect({ type: 'query', run, error: { sqlstate: SYNTAX_ERROR, bytes } })
        this.#send(queryNothing())
      }
    }
    return this.#gate.decide({ sql, parameters: [], facts }, forward, refuse)
  }

  #parse(frame: Frame, message: Parse): Promise<void> | undefined {
    const facts = this.#understanding.of(message.sql, message.parameterTypes)
    return facts instanceof Promise
      ? facts.then((known) => this.#judgeParse(frame, message, known))
      : this.#judgeParse(frame, message, facts)
  }

  #judgeParse(frame: Frame, message: Parse, facts: StatementFacts): undefined {
    const conversation = this.#conversation
    if (this.#gate.isSkipped) return undefined
    const refusal = this.#gate.preview({ sql: message.sql, parameters: [], facts })
    if (refusal !== undefined) {
      const error = syntaxError(refusal, facts)
      if (error === undefined) return this.#gate.refuseExtended(refusal)
      conversation.expect({ type: 'made-to-fail', sqlstate: SYNTAX_ERROR, error })
      conversation.batchOpen = true
      this.#send(parseNothing(message.statement))
      return undefined
    }
    const prepared: Prepared = {
      sql: message.sql,
      parameterTypes: message.parameterTypes,
      columns: undefined,
      described: undefined,
      names: this.#namesOf(facts),
    }
    const change = conversation.statements.set(message.statement, prepared, conversation.batch)
    conversation.expect({ type: 'parse', change, tainted: facts.tainted, rests: restsOn(facts) })
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
      const facts = this.#understanding.of(prepared.sql, prepared.parameterTypes)
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
    if (this.#gate.isSkipped) return undefined
    const parameters = message.parameters.map((value, index) =>
      value === null
        ? null
        : readableParameter(value, formatAt(message.parameterFormats, index), prepared.parameterTypes[index] ?? 0),
    )
    const forward = (decision: string): void => {
      const portal: Portal = { decision, prepared, facts, resultFormats: message.resultFormats }
      forgetNames(conversation, facts)
      const change = conversation.portals.set(message.portal, portal, conversation.batch)
      conversation.expect({
        type: 'bind',
        change,
        tainted: facts.tainted,
        portal: { name: message.portal, facts },
        rests: restsOn(facts),
      })
      conversation.batchOpen = true
      this.#send(frame.bytes)
    }
    const pass = (decision: string): void => {
      this.#passing = unheld !== undefined
      forward(decision)
    }
    return this.#gate.decide(
      { sql: prepared.sql, parameters, facts },
      pass,
      (error) => this.#gate.refuseExtended(error),
      unheld,
    )
  }

  #describe(frame: Frame, message: Describe): Promise<void> | undefined {
    const conversation = this.#conversation
    const forward = (of: Prepared | undefined, tainted: Taint, names: ColumnNames): undefined => {
      if (of !== undefined) of.described = conversation.catalogGeneration
      conversation.expect({ type: 'describe', of, hidden: false, tainted, names })
      conversation.batchOpen = true
      this.#send(frame.bytes)
      return undefined
    }
    return message.subject === 'statement'
      ? this.#named(conversation.statements, message.name, (prepared) =>
          forward(prepared, this.#masks && 'all', prepared?.names ?? UNKNOWN_NAMES),
        )
      : this.#named(conversation.portals, message.name, (portal) =>
          forward(
            portal?.prepared,
            portal?.facts.tainted ?? (this.#masks && 'all'),
            portal === undefined ? UNKNOWN_NAMES : this.#namesOf(portal.facts),
          ),
        )
  }

  #execute(frame: Frame, message: Execute): Promise<void> | undefined {
    const conversation = this.#conversation
    return this.#named(conversation.portals, message.portal, (portal) => {
      if (portal === undefined) {
        if (conversation.cursors.has(message.portal)) return this.#executeCursor(frame, message.portal)
        return this.#unknownName(executeNobody(), '34000', `portal "${message.portal}" does not exist`)
      }
      const { prepared, facts } = portal
      // Rows can be masked only by columns that were described, with the definitions of now: where the client does not ask, we do.
      if (this.#masks && prepared.described !== conversation.catalogGeneration) {
        prepared.described = conversation.catalogGeneration
        conversation.expect({
          type: 'describe',
          of: prepared,
          hidden: true,
          tainted: facts.tainted,
          names: this.#namesOf(facts),
        })
        this.#send(describePortal(message.portal))
      }
      const touches = commits(facts) ? conversation.publishes(undefined, true) : undefined
      const published = touches === undefined ? undefined : { touches, waitFor: true }
      const go = (): undefined => {
        noteChanges(conversation, facts)
        const pending = {
          type: 'execute',
          run: startRun(portal.decision, prepared.sql, facts),
          portal,
        } as const
        conversation.expect(pending)
        if (published !== undefined) conversation.publish(pending, published.touches, true)
        conversation.batchOpen = true
        this.#send(frame.bytes)
        return undefined
      }
      const wait = beforePublishing(conversation, published)
      return wait === undefined ? go() : wait.then(() => (this.#gate.isSkipped ? undefined : go()))
    })
  }

  /** A cursor of SQL and a portal share their names: executing it is a FETCH, and judged as one. */
  #executeCursor(frame: Frame, name: string): Promise<void> | undefined {
    const sql = `FETCH ALL FROM "${name.replaceAll('"', '""')}"`
    const facts = this.#understanding.of(sql)
    return facts instanceof Promise
      ? facts.then((known) => this.#judgeCursor(frame, name, sql, known))
      : this.#judgeCursor(frame, name, sql, facts)
  }

  #judgeCursor(frame: Frame, name: string, sql: string, facts: StatementFacts): Promise<void> | undefined {
    const conversation = this.#conversation
    if (this.#gate.isSkipped) return undefined
    const prepared: Prepared = {
      sql,
      parameterTypes: [],
      columns: undefined,
      described: conversation.catalogGeneration,
      names: { tainted: facts.tainted, outputs: conversation.cursors.get(name) },
    }
    const forward = (decision: string): void => {
      if (this.#masks) {
        const { names } = prepared
        conversation.expect({ type: 'describe', of: prepared, hidden: true, tainted: facts.tainted, names })
        this.#send(describePortal(name))
      }
      // Whoever executes it gets text, also of a cursor that is declared BINARY: that is said to FETCH alone.
      const portal: Portal = { decision, prepared, facts, resultFormats: [] }
      conversation.expect({ type: 'execute', run: startRun(decision, sql, facts), portal })
      conversation.batchOpen = true
      this.#send(frame.bytes)
    }
    return this.#gate.decide({ sql, parameters: [], facts }, forward, (error) => this.#gate.refuseExtended(error))
  }

  #close(frame: Frame, message: Close): void {
    const conversation = this.#conversation
    const table = message.subject === 'statement' ? conversation.statements : conversation.portals
    const change = table.set(message.name, undefined, conversation.batch)
    conversation.expect({ type: 'close', change, tainted: false })
    conversation.batchOpen = true
    this.#send(frame.bytes)
  }

  /** What the text calls the columns of its result; of FETCH the text of its cursor. */
  #namesOf({ tainted, lineage, parsed }: StatementFacts): ColumnNames {
    const [statement] = parsed
    const [cursor] = statement?.kinds.includes('fetch') === true ? statement.names : []
    return { tainted, outputs: cursor === undefined ? lineage[0]?.outputs : this.#conversation.cursors.get(cursor) }
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
      return this.#gate.isSkipped ? undefined : use(now)
    })
  }

  /**
   * A name that we know nothing of is not passed on: the server may know one of that name that was never judged. A
   * name that nobody has goes in its place, so that the server fails, and its transaction with it, as it would itself.
   */
  #unknownName(message: Buffer, sqlstate: string, text: string): undefined {
    const conversation = this.#conversation
    conversation.expect({ type: 'made-to-fail', sqlstate, error: nativeError(sqlstate, text) })
    conversation.batchOpen = true
    this.#send(message)
  }
}

/** Of a name that nothing was seen being prepared under. */
const UNKNOWN_NAMES: ColumnNames = { tainted: 'all', outputs: undefined }

/** What the server itself says of a text that does not parse. */
const syntaxError = ({ code }: PamError, { syntaxError: problem }: StatementFacts): Buffer | undefined =>
  code === 'SYNTAX_ERROR' && problem !== undefined
    ? nativeError(SYNTAX_ERROR, problem.message, problem.position)
    : undefined
const SYNTAX_ERROR = '42601'
/** Before a text that changes definitions, or commits what was changed. */
function beforeText(conversation: Conversation, facts: StatementFacts): Promise<void> | undefined {
  const { changed } = conversation
  if (changed !== undefined && !changed.named && !facts.changesCatalog && conversation.isIdle && commits(facts))
    return conversation.hasChanged().then((has) => {
      conversation.changed = has ? { ...changed, named: true } : undefined
      return has ? beforePublishing(conversation, publishedBy(conversation, facts)) : undefined
    })
  return beforePublishing(conversation, publishedBy(conversation, facts))
}

/** How often a text waits for what others have on its way. */
const MOST_WAITS = 5
