import type { Steps } from '../../../../gateway/steps.ts'
import { PamError } from '../../../../shared/errors.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import { quotedName } from '../../catalog/quoted-name.ts'
import { decodeText } from '../../wire/charsets.ts'
import { commands } from '../../wire/command.ts'
import { payloadOf, type Frame } from '../../wire/framer.ts'
import { readFieldList } from '../../wire/statement-commands.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { CommandGate } from './command-gate.ts'
import { CommandSteps } from './command-steps.ts'
import { ConnectionCommands, type ConnectionParts } from './connection-commands.ts'
import { killOf, MAX_KILL_BYTES } from './kill.ts'
import { fileOf } from './local-file.ts'
import type { Pipeline } from './pipeline.ts'
import { PreparedCommands } from './prepared-commands.ts'

/**
 * Handles each command of the client: a command with a statement is evaluated before any byte of it is forwarded; a command that is not
 * listed is refused.
 */
export class ClientCommands {
  readonly #pipeline: Pipeline
  readonly #gate: CommandGate
  readonly #steps: CommandSteps
  readonly #prepared: PreparedCommands
  readonly #connection: ConnectionCommands
  /** The longest command, in bytes. */
  readonly #limit: number
  /** A command that is too long and not received completely. */
  #tooLong: { readonly command: number | undefined } | undefined

  constructor(pipeline: Pipeline, analyzer: StatementAnalyzer, gate: CommandGate, parts: ConnectionParts) {
    this.#pipeline = pipeline
    this.#gate = gate
    this.#steps = new CommandSteps(pipeline, analyzer, gate)
    this.#prepared = new PreparedCommands(pipeline, gate, this.#steps)
    this.#connection = new ConnectionCommands(pipeline, this.#steps, parts)
    this.#limit = pipeline.session.limits.statementBytes
  }

  /** Handles one command. */
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
        return yield* this.#prepared.prepare(frame, payload)
      case commands.stmtExecute:
        return yield* this.#prepared.execute(frame, payload)
      case commands.stmtFetch:
        return this.#prepared.fetch(frame, payload)
      case commands.stmtSendLongData:
        return this.#prepared.longData(frame, payload)
      case commands.stmtClose:
        return this.#prepared.close(frame, payload)
      case commands.stmtReset:
        return this.#prepared.reset(frame, payload)
      case commands.initDb:
        return yield* this.#initDb(frame, payload)
      case commands.fieldList:
        return yield* this.#fieldList(frame, payload)
      case commands.statistics:
        return yield* this.#steps.as('SHOW STATUS', { frame, kind: 'text' })
      case commands.processInfo:
        return yield* this.#steps.as('SHOW PROCESSLIST', { frame, kind: 'results' })
      case commands.processKill:
        return yield* this.#connection.processKill(payload)
      case commands.ping:
        return this.#steps.forward(frame.bytes, 'done')
      case commands.setOption:
        return this.#connection.setOption(frame, payload)
      case commands.resetConnection:
        return yield* this.#connection.resetConnection()
      case commands.changeUser:
        return yield* this.#connection.changeUser(payload)
      case commands.quit:
        this.#gate.pending.leave()
        return
      case undefined:
      default:
        return this.#steps.refuseByName(frame.head)
    }
  }

  /** A command must be evaluated as a whole; one that is too long is skipped to its end. */
  #long(frame: Frame): void {
    if (frame.piece === 'first') {
      if (frame.sequence !== 0) throw new WireError('the client sent packets out of order')
      this.#tooLong = { command: frame.head }
    }
    this.#pipeline.clientSequence = frame.next
    if (!frame.isEnd) return
    const command = this.#tooLong?.command
    this.#tooLong = undefined
    // This command has no answer; the execution that it was for has one.
    if (command === commands.stmtSendLongData) return this.#prepared.noteLostLongData()
    this.#steps.refuse(
      new PamError(
        'MESSAGE_TOO_LARGE',
        `the command is longer than ${this.#limit} bytes; it must be evaluated as a whole`,
      ),
    )
  }

  *#query(frame: Frame, payload: Buffer): Steps {
    const bytes = payload.subarray(1)
    if (bytes.length <= MAX_KILL_BYTES && this.#connection.kill(killOf(decodeText(bytes, 'utf8mb4') ?? ''))) return
    const command = yield* this.#steps.read(bytes)
    if (command === undefined) return
    const decision = yield* this.#steps.decided(command)
    if (decision === undefined) return
    this.#steps.run(frame.bytes, 'results', command, decision, { file: fileOf(command.sql, command.facts) })
  }

  /** COM_INIT_DB changes the default database as USE does. */
  *#initDb(frame: Frame, payload: Buffer): Steps {
    const name = yield* this.#name(payload.subarray(1))
    if (name === undefined) return
    yield* this.#steps.as(`USE ${quotedName(name)}`, { frame, kind: 'done' })
  }

  *#fieldList(frame: Frame, payload: Buffer): Steps {
    const { table } = readFieldList(payload)
    const name = yield* this.#name(table)
    if (name === undefined) return
    yield* this.#steps.as(`SHOW COLUMNS FROM ${quotedName(name)}`, { frame, kind: 'fields' })
  }

  *#name(bytes: Buffer): Steps<string | undefined> {
    yield* this.#steps.current()
    const name = decodeText(bytes, this.#pipeline.context?.charset ?? 'binary')
    if (name !== undefined && name !== '' && !name.includes('\0')) return name
    this.#steps.refuse(new PamError('ENCODING_REFUSED', 'the name is not in the character set of the connection'))
    return undefined
  }
}
