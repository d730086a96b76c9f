import type { Steps } from '../../../../gateway/steps.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { HeldBytes } from '../../../../wire/held-bytes.ts'
import { readAlike } from '../../dialect/reading-context.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { textTypes } from '../../wire/binary-value.ts'
import { decodeText } from '../../wire/charsets.ts'
import type { Frame } from '../../wire/framer.ts'
import { readFetch, readSendLongData, readStatementId } from '../../wire/statement-commands.ts'
import { readExecuteId, readStmtExecute, type StmtExecute } from '../../wire/stmt-execute.ts'
import type { StmtPrepareOk } from '../../wire/stmt-prepare-ok.ts'
import { nativeErr } from '../error-packet.ts'
import type { CommandGate } from './command-gate.ts'
import { withoutKill, type CommandSteps } from './command-steps.ts'
import type { Run } from './exchange.ts'
import type { Pipeline } from './pipeline.ts'
import type { Prepared } from './statement-table.ts'

/** Commands on prepared statements: prepare, execute, fetch, send long data, close. */
export class PreparedCommands {
  readonly #pipeline: Pipeline
  readonly #gate: CommandGate
  readonly #steps: CommandSteps
  /** The limit for the long data of all parameters together, in bytes. */
  readonly #limit: number

  constructor(pipeline: Pipeline, gate: CommandGate, steps: CommandSteps) {
    this.#pipeline = pipeline
    this.#gate = gate
    this.#steps = steps
    this.#limit = pipeline.session.limits.statementBytes
  }

  *prepare(frame: Frame, payload: Buffer): Steps {
    const pipeline = this.#pipeline
    if (pipeline.statements.isFull)
      return pipeline.reply(nativeErr(1461, '42000', "Can't create more than max_prepared_stmt_count statements"))
    const command = yield* this.#steps.read(payload.subarray(1))
    if (command === undefined) return
    const { sql, context } = command
    const refusal = this.#gate.preview(command)
    if (refusal !== undefined) return this.#steps.refuse(refusal)
    this.#steps.forward(frame.bytes, 'prepared', {
      onPrepared: ({ id, parameters }: StmtPrepareOk) =>
        pipeline.statements.set(id, { sql, context, parameters, types: [], long: new Map(), cursor: undefined }),
    })
  }

  *execute(frame: Frame, payload: Buffer): Steps {
    const prepared = this.#prepared(readExecuteId(payload), 'mysqld_stmt_execute')
    if (prepared === undefined) return
    yield* this.#steps.current()
    const { sql, context } = prepared
    const { long } = prepared
    const now = this.#pipeline.context
    if (context !== undefined && (now === undefined || !readAlike(context, now)))
      return this.#steps.refuse(preparedOtherwise())
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
    if (wrong !== undefined) return this.#steps.refuse(wrong)
    const decision = yield* this.#steps.decided(command)
    if (decision === undefined) return
    prepared.types = message.types
    // The server discards long data after the execution.
    this.#pipeline.statements.forgetLong(prepared)
    // If the execution fails, a cursor of an earlier one may still be open, and how to mask its rows is no longer known.
    prepared.cursor = undefined
    const run: Run = this.#steps.run(frame.bytes, 'binary-results', command, decision, {
      onCursor: () => (prepared.cursor = run),
    })
  }

  /** The decision assumed that a masked text is compared with a text. */
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

  fetch(frame: Frame, payload: Buffer): void {
    const { id } = readFetch(payload)
    const prepared = this.#prepared(id, 'mysqld_stmt_fetch')
    if (prepared === undefined) return
    if (prepared.cursor === undefined)
      return this.#pipeline.reply(nativeErr(1421, 'HY000', `The statement (${id}) has no open cursor.`))
    this.#steps.forward(frame.bytes, 'rows', { run: prepared.cursor })
  }

  /** COM_STMT_SEND_LONG_DATA has no answer, not even an error. */
  longData(frame: Frame, payload: Buffer): void {
    const { id, parameter, data } = readSendLongData(payload)
    const prepared = this.#pipeline.statements.get(id)
    if (prepared === undefined || parameter >= prepared.parameters) return
    const { statements } = this.#pipeline
    if (statements.longBytes + data.length > this.#limit) return this.noteLostLongData()
    statements.addLong(prepared, parameter, data)
    this.#pipeline.upstream.write(frame.bytes)
  }

  close(frame: Frame, payload: Buffer): void {
    const id = readStatementId(payload, 'COM_STMT_CLOSE')
    if (this.#pipeline.statements.get(id) === undefined) return
    this.#pipeline.statements.delete(id)
    this.#pipeline.upstream.write(frame.bytes)
  }

  reset(frame: Frame, payload: Buffer): void {
    const prepared = this.#prepared(readStatementId(payload, 'COM_STMT_RESET'), 'mysqld_stmt_reset')
    if (prepared === undefined) return
    this.#pipeline.statements.forgetLong(prepared)
    prepared.cursor = undefined
    this.#steps.forward(frame.bytes, 'done')
  }

  /** A statement of this connection. Undefined: there is none with that id, and the client was told as the server would. */
  #prepared(id: number, by: string): Prepared | undefined {
    const prepared = this.#pipeline.statements.get(id)
    if (prepared === undefined)
      this.#pipeline.reply(nativeErr(1243, 'HY000', `Unknown prepared statement handler (${id}) given to ${by}`))
    return prepared
  }

  /** Ends the session: without this part, the parameter would have another value. */
  noteLostLongData(): void {
    this.#pipeline.session.end(
      new PamError('MESSAGE_TOO_LARGE', `parameters that were sent in parts are longer than ${this.#limit} bytes`),
    )
  }
}

const preparedOtherwise = (): PamError =>
  new PamError(
    'COMMAND_REFUSED',
    'the statement was prepared under another sql_mode or character set, and the server may parse it again under the current one',
    { hint: 'prepare it again' },
  )

/** A value that was sent as long data, in readable form. */
function longText(value: HeldBytes | undefined): string {
  const bytes = value?.copy() ?? Buffer.alloc(0)
  return decodeText(bytes, 'utf8mb4') ?? `\\x${bytes.toString('hex')}`
}
