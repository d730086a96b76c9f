import { PamError } from '../../../../shared/errors.ts'
import type { HeldBytes } from '../../../../wire/held-bytes.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import { readAlike } from '../../dialect/reading-context.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { Answer, type AnswerKind } from '../../wire/answer.ts'
import { textTypes } from '../../wire/binary-value.ts'
import { readChangeUser } from '../../wire/change-user.ts'
import { decodeStatement, decodeText } from '../../wire/charsets.ts'
import { commands, documentedName } from '../../wire/command.ts'
import { payloadOf, type Frame } from '../../wire/framer.ts'
import { encodeOk } from '../../wire/ok.ts'
import {
  readFetch,
  readFieldList,
  readProcessKill,
  readSendLongData,
  readSetOption,
  readStatementId,
} from '../../wire/statement-commands.ts'
import { readExecuteId, readStmtExecute, type StmtExecute } from '../../wire/stmt-execute.ts'
import type { StmtPrepareOk } from '../../wire/stmt-prepare-ok.ts'
import { nativeErr, toErr } from '../error-packet.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { Command } from './command-draft.ts'
import type { CommandGate } from './command-gate.ts'
import { startRun, type ClientExchange, type Run } from './exchange.ts'
import { killOf, MAX_KILL_BYTES, type Kill } from './kill.ts'
import { OwnQueryFailed, type Pipeline } from './pipeline.ts'
import type { Prepared } from './statement-table.ts'
import type { Steps } from '../../../../gateway/steps.ts'
import { fileOf } from './local-file.ts'

/** What the commands need of the connection that is not the pipeline's. */
export interface CommandParts {
  /** Reaches a connection of the same person; false where there is none of that id. */
  kill(kill: Kill): boolean
  /** Checks that somebody may go on as this user, in this database. */
  admit(user: Buffer, database: Buffer | undefined, collation: number | undefined): void
  /** What a session begins with; the server forgets it when the connection is reset. */
  readonly beginning: readonly string[]
  /** The server has forgotten what the session has made for itself. */
  onReset(): void
}

/** What becomes of each command of the client: what carries a statement is judged before a byte of it goes on; what is not listed is refused. */
export class ClientCommands {
  readonly #pipeline: Pipeline
  readonly #analyzer: StatementAnalyzer
  readonly #gate: CommandGate
  readonly #parts: CommandParts
  /** Bytes that one command may have. */
  readonly #limit: number
  /** A command that is too long, of which more comes: where the answer to it will be numbered. */
  #tooLong: { readonly command: number | undefined } | undefined

  constructor(pipeline: Pipeline, analyzer: StatementAnalyzer, gate: CommandGate, parts: CommandParts) {
    this.#pipeline = pipeline
    this.#analyzer = analyzer
    this.#gate = gate
    this.#parts = parts
    this.#limit = pipeline.session.limits.statementBytes
  }

  /** What becomes of one command. */
  *handle(frame: Frame): Steps {
    if (frame.piece !== undefined) return this.#long(frame)
    if (frame.sequence !== 0) throw new WireError('the client sent packets out of order')
    const pipeline = this.#pipeline
    pipeline.clientSequence = frame.next
    const payload = payloadOf(frame)
    switch (frame.head) {
      case commands.query:
        return yield* this.#query(frame, payload)
      case commands.stmtPrepare:
        return yield* this.#prepare(frame, payload)
      case commands.stmtExecute:
        return yield* this.#execute(frame, payload)
      case commands.stmtFetch:
        return this.#fetch(frame, payload)
      case commands.stmtSendLongData:
        return this.#longData(frame, payload)
      case commands.stmtClose:
        return this.#close(frame, payload)
      case commands.stmtReset:
        return this.#reset(frame, payload)
      case commands.initDb:
        return yield* this.#initDb(frame, payload)
      case commands.fieldList:
        return yield* this.#fieldList(frame, payload)
      case commands.statistics:
        return yield* this.#as('SHOW STATUS', { frame, kind: 'text' })
      case commands.processInfo:
        return yield* this.#as('SHOW PROCESSLIST', { frame, kind: 'results' })
      case commands.processKill:
        return yield* this.#processKill(payload)
      case commands.ping:
        return this.#forward(frame.bytes, 'done')
      case commands.setOption:
        return this.#setOption(frame, payload)
      case commands.resetConnection:
        return yield* this.#resetConnection()
      case commands.changeUser:
        return yield* this.#changeUser(payload)
      case commands.quit:
        this.#gate.leave()
        return
      case undefined:
      default:
        return this.#refuseByName(frame.head)
    }
  }

  #refuseByName(command: number | undefined): void {
    const name = command === undefined ? 'an empty command' : documentedName(command)
    this.#refuse(
      new PamError('FEATURE_REFUSED', `${name} is not supported: it contains no statement to evaluate`, {
        hint: 'use an SQL statement',
      }),
    )
  }

  /** A command has to be judged whole; one that is too long is left out to its end. */
  #long(frame: Frame): void {
    if (frame.piece === 'first') {
      if (frame.sequence !== 0) throw new WireError('the client sent packets out of order')
      this.#tooLong = { command: frame.head }
    }
    this.#pipeline.clientSequence = frame.next
    if (!frame.isEnd) return
    const command = this.#tooLong?.command
    this.#tooLong = undefined
    // It has no answer; the execution that it was for has.
    if (command === commands.stmtSendLongData) return this.#noteLostLongData()
    this.#refuse(
      new PamError(
        'MESSAGE_TOO_LARGE',
        `the command is longer than ${this.#limit} bytes; it must be evaluated as a whole`,
      ),
    )
  }

  /** A part of a value that was left out makes every value that it may be of another one. */
  #noteLostLongData(): void {
    this.#pipeline.session.end(
      new PamError('MESSAGE_TOO_LARGE', `parameters that came in parts are longer than ${this.#limit} bytes`),
    )
  }

  // ── statements as text ───────────────────────────────────────────────────────────────────────────────────────────

  *#query(frame: Frame, payload: Buffer): Steps {
    const bytes = payload.subarray(1)
    if (bytes.length <= MAX_KILL_BYTES && this.#kill(killOf(decodeText(bytes, 'utf8mb4') ?? ''))) return
    const command = yield* this.#read(bytes)
    if (command === undefined) return
    const decision = yield* this.#decided(command)
    if (decision === undefined) return
    this.#run(frame.bytes, 'results', command, decision, { file: fileOf(command.sql, command.facts) })
  }

  /** The text of a statement, as the server reads it, and what it does. Undefined: it was refused. */
  *#read(bytes: Buffer): Steps<Command | undefined> {
    const pipeline = this.#pipeline
    yield* this.#current()
    const { context } = pipeline
    const sql = decodeStatement(bytes, context?.charset ?? 'binary')
    if (sql === undefined) {
      this.#refuse(
        new PamError(
          'ENCODING_REFUSED',
          `the statement is not in ${context?.charset ?? 'a character set'}, in which it is sent`,
        ),
      )
      return undefined
    }
    return yield* this.#analysed(sql)
  }

  *#analysed(sql: string): Steps<Command> {
    const { context } = this.#pipeline
    return withoutKill(yield* this.#gate.analysed({ sql, context, parameters: [] }))
  }

  /** How the server reads texts is known. */
  *#current(): Steps {
    const refreshed = this.#pipeline.refreshState()
    if (refreshed !== undefined) yield refreshed
  }

  /** The id of a decision to forward. Undefined: it was refused, and the client told. */
  *#decided(command: Command): Steps<string | undefined> {
    const verdict = yield* this.#gate.decide(command)
    if (verdict.type === 'forward') return verdict.id
    this.#refuse(verdict.error)
    return undefined
  }

  /** A command that is judged as a statement that says the same. */
  *#as(
    sql: string,
    forward?: { readonly frame: Frame; readonly kind: AnswerKind; readonly onDone?: () => void },
  ): Steps {
    yield* this.#current()
    const command = yield* this.#analysed(sql)
    const decision = yield* this.#decided(command)
    if (decision === undefined || forward === undefined) return
    this.#run(forward.frame.bytes, forward.kind, command, decision, { onDone: forward.onDone })
  }

  /** It changes the default database as USE does. */
  *#initDb(frame: Frame, payload: Buffer): Steps {
    const name = yield* this.#name(payload.subarray(1))
    if (name === undefined) return
    yield* this.#as(`USE ${quoted(name)}`, { frame, kind: 'done' })
  }

  *#fieldList(frame: Frame, payload: Buffer): Steps {
    const { table } = readFieldList(payload)
    const name = yield* this.#name(table)
    if (name === undefined) return
    yield* this.#as(`SHOW COLUMNS FROM ${quoted(name)}`, { frame, kind: 'fields' })
  }

  *#name(bytes: Buffer): Steps<string | undefined> {
    yield* this.#current()
    const name = decodeText(bytes, this.#pipeline.context?.charset ?? 'binary')
    if (name !== undefined && name !== '' && !name.includes('\0')) return name
    this.#refuse(new PamError('ENCODING_REFUSED', 'the name is not in the character set of the connection'))
    return undefined
  }

  // ── prepared statements ──────────────────────────────────────────────────────────────────────────────────────────

  *#prepare(frame: Frame, payload: Buffer): Steps {
    const pipeline = this.#pipeline
    if (pipeline.statements.isFull)
      return pipeline.reply(nativeErr(1461, '42000', "Can't create more than max_prepared_stmt_count statements"))
    const command = yield* this.#read(payload.subarray(1))
    if (command === undefined) return
    const { sql, context } = command
    const refusal = this.#gate.preview(command)
    if (refusal !== undefined) return this.#refuse(refusal)
    this.#forward(frame.bytes, 'prepared', {
      onPrepared: ({ id, parameters }: StmtPrepareOk) =>
        pipeline.statements.set(id, { sql, context, parameters, types: [], long: new Map(), cursor: undefined }),
    })
  }

  *#execute(frame: Frame, payload: Buffer): Steps {
    const prepared = this.#prepared(readExecuteId(payload), 'mysqld_stmt_execute')
    if (prepared === undefined) return
    yield* this.#current()
    const { sql, context } = prepared
    const { long } = prepared
    const now = this.#pipeline.context
    if (context !== undefined && (now === undefined || !readAlike(context, now)))
      return this.#refuse(preparedOtherwise())
    const message = readStmtExecute(
      payload,
      prepared.parameters,
      this.#pipeline.context?.charset ?? 'binary',
      prepared.types,
      new Set(long.keys()),
    )
    const parameters = message.parameters.map((value, index) =>
      value === undefined ? longText(long.get(index)) : value,
    )
    const command = withoutKill(yield* this.#gate.analysed({ sql, context, parameters }))
    const wrong = this.#misboundParameter(command.facts, message)
    if (wrong !== undefined) return this.#refuse(wrong)
    const decision = yield* this.#decided(command)
    if (decision === undefined) return
    prepared.types = message.types
    // The server forgets them when it has run.
    this.#pipeline.statements.forgetLong(prepared)
    // Where it fails, a cursor of an earlier execution may still be open: by what its rows are masked, nobody knows any more.
    prepared.cursor = undefined
    const run: Run = this.#run(frame.bytes, 'binary-results', command, decision, {
      onCursor: () => (prepared.cursor = run),
    })
  }

  /** What a masked text is compared with was decided on as a text. */
  #misboundParameter(facts: StatementFacts, { types }: StmtExecute): PamError | undefined {
    const wrong = facts.textParameters.find((number) => {
      const type = types[number - 1]?.type
      return type !== undefined && !textTypes.has(type)
    })
    if (wrong === undefined) return undefined
    return new PamError(
      'MASKING_REFUSED',
      `parameter ${wrong} is compared with a masked column and must be bound as a string`,
    )
  }

  #fetch(frame: Frame, payload: Buffer): void {
    const { id } = readFetch(payload)
    const prepared = this.#prepared(id, 'mysqld_stmt_fetch')
    if (prepared === undefined) return
    if (prepared.cursor === undefined)
      return this.#pipeline.reply(nativeErr(1421, 'HY000', `The statement (${id}) has no open cursor.`))
    this.#forward(frame.bytes, 'rows', { run: prepared.cursor })
  }

  /** It has no answer, and none where it is wrong. */
  #longData(frame: Frame, payload: Buffer): void {
    const { id, parameter, data } = readSendLongData(payload)
    const prepared = this.#pipeline.statements.get(id)
    if (prepared === undefined || parameter >= prepared.parameters) return
    const { statements } = this.#pipeline
    if (statements.longBytes + data.length > this.#limit) return this.#noteLostLongData()
    statements.addLong(prepared, parameter, data)
    this.#pipeline.upstream.write(frame.bytes)
  }

  #close(frame: Frame, payload: Buffer): void {
    const id = readStatementId(payload, 'COM_STMT_CLOSE')
    if (this.#pipeline.statements.get(id) === undefined) return
    this.#pipeline.statements.delete(id)
    this.#pipeline.upstream.write(frame.bytes)
  }

  #reset(frame: Frame, payload: Buffer): void {
    const prepared = this.#prepared(readStatementId(payload, 'COM_STMT_RESET'), 'mysqld_stmt_reset')
    if (prepared === undefined) return
    this.#pipeline.statements.forgetLong(prepared)
    prepared.cursor = undefined
    this.#forward(frame.bytes, 'done')
  }

  /** One of this connection. Undefined: there is none of that number, and the client was told as the server would. */
  #prepared(id: number, by: string): Prepared | undefined {
    const prepared = this.#pipeline.statements.get(id)
    if (prepared === undefined)
      this.#pipeline.reply(nativeErr(1243, 'HY000', `Unknown prepared statement handler (${id}) given to ${by}`))
    return prepared
  }

  // ── the connection itself ────────────────────────────────────────────────────────────────────────────────────────

  /** KILL of a connection of the same person, under the id that the client knows: nothing of it goes to the target. False: it is none. */
  #kill(kill: Kill | undefined): boolean {
    const pipeline = this.#pipeline
    if (kill === undefined || !this.#parts.kill(kill)) return false
    pipeline.session.recorder.outcome({
      type: 'notice',
      message: `KILL ${kill.of.toUpperCase()} of connection ${kill.id}`,
    })
    pipeline.reply(encodeOk({ status: pipeline.status }))
    return true
  }

  *#processKill(payload: Buffer): Steps {
    const id = readProcessKill(payload)
    if (this.#kill({ of: 'connection', id })) return
    yield* this.#as(`KILL ${id}`)
  }

  #setOption(frame: Frame, payload: Buffer): void {
    const option = readSetOption(payload)
    if (option === undefined) return this.#refuseByName(frame.head)
    this.#forward(frame.bytes, 'done', {
      onDone: () => (this.#pipeline.multiStatements = option === 'multi-statements-on'),
    })
  }

  /** The server forgets what the session has set, and with it what the gateway has. */
  *#resetConnection(): Steps {
    yield* this.#startAnew('the client reset the connection')
  }

  /** To the same account: as if the connection were new, on both sides. */
  *#changeUser(payload: Buffer): Steps {
    const { user, database, collation } = readChangeUser(payload, this.#pipeline.capabilities)
    try {
      this.#parts.admit(user, database, collation)
    } catch (error) {
      if (!(error instanceof PamError)) throw error
      return this.#refuse(error)
    }
    yield* this.#startAnew(
      'the client reset the session with COM_CHANGE_USER',
      `USE ${quoted(this.#pipeline.session.config.database)}`,
    )
  }

  *#startAnew(what: string, ...then: readonly string[]): Steps {
    const pipeline = this.#pipeline
    const reset = yield* this.#asked(pipeline.askOk(Buffer.of(commands.resetConnection)))
    if (reset !== undefined) return pipeline.reply(nativeErr(reset.code, 'HY000', 'The connection was not reset'))
    pipeline.session.recorder.intent({ type: 'notice', message: what })
    pipeline.statements.clear()
    pipeline.noteStateMayChange()
    this.#parts.onReset()
    for (const sql of [...this.#parts.beginning, ...then]) {
      const failed = yield* this.#asked(pipeline.ask(sql))
      // What a session begins with is not there: it cannot go on.
      if (failed !== undefined) throw failed
    }
    pipeline.reply(encodeOk({ status: pipeline.status }))
  }

  /** What the target says no to; undefined where it has done it. */
  *#asked(answer: Promise<unknown>): Steps<OwnQueryFailed | undefined> {
    return (yield answer.then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof OwnQueryFailed) return error
        throw error
      },
    )) as OwnQueryFailed | undefined
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A decision was made: what runs now may change what is read next. */
  #run(
    bytes: Buffer,
    kind: AnswerKind,
    { facts }: Command,
    decision: string,
    more: Pick<ClientExchange, 'onDone' | 'onCursor' | 'file'> = {},
  ): Run {
    const pipeline = this.#pipeline
    if (facts.movesReading) pipeline.noteStateMayChange()
    const scope = this.#analyzer.scope()
    this.#analyzer.noteSent(facts)
    const run = startRun({ decision, facts, scope, results: pipeline.context?.results })
    this.#forward(bytes, kind, { run, onSucceeded: () => this.#analyzer.noteSucceeded(facts), ...more })
    return run
  }

  #forward(bytes: Buffer, kind: AnswerKind, more: Partial<Omit<ClientExchange, 'type' | 'answer'>> = {}): void {
    const pipeline = this.#pipeline
    const answer = new Answer(kind, pipeline.capabilities)
    pipeline.begin({ type: 'client', answer, run: undefined, ...more }, pipeline.clientSequence ?? 1)
    pipeline.upstream.write(bytes)
  }

  #refuse(error: PamError): void {
    this.#pipeline.reply(toErr(error))
  }
}

const preparedOtherwise = (): PamError =>
  new PamError(
    'COMMAND_REFUSED',
    'the statement was prepared under another sql_mode or character set, by which the server may read it again',
    { hint: 'prepare it again' },
  )

/** Threads of the target are others' as well: what names one is refused, but for ids that the gateway gives out. */
function withoutKill(command: Command): Command {
  const { facts } = command
  if (facts.refusal !== undefined || !facts.statements.some(({ kinds }) => kinds.includes('kill'))) return command
  const refusal = new PamError(
    'COMMAND_REFUSED',
    'KILL reaches only your own connections, by the ids that the gateway gave them',
    {
      hint: 'run KILL or KILL QUERY with such an id, as a single statement',
    },
  )
  return { ...command, facts: { ...facts, refusal } }
}

/** Backticks are doubled; the text is read by our own parser alone. */
const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``

/** A value that came in parts, as a person can read it. */
function longText(value: HeldBytes | undefined): string {
  const bytes = value?.copy() ?? Buffer.alloc(0)
  return decodeText(bytes, 'utf8mb4') ?? `\\x${bytes.toString('hex')}`
}
