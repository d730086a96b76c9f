import { settledValue, type Steps } from '../../../../gateway/steps.ts'
import { PamError } from '../../../../shared/errors.ts'
import { quotedName } from '../../catalog/quoted-name.ts'
import { readChangeUser } from '../../wire/change-user.ts'
import { commands } from '../../wire/command.ts'
import type { Frame } from '../../wire/framer.ts'
import { encodeOk } from '../../wire/ok.ts'
import { readProcessKill, readSetOption } from '../../wire/statement-commands.ts'
import { nativeErr } from '../error-packet.ts'
import type { CommandSteps } from './command-steps.ts'
import type { Kill } from './kill.ts'
import { OwnQueryFailed, type Pipeline } from './pipeline.ts'

/** The parts of a connection that the commands need and the pipeline does not have. */
export interface ConnectionParts {
  /** Kills a connection of the same person; false if there is none with that id. */
  kill(kill: Kill): boolean
  /** Checks that the client may continue as this user, in this database. */
  admit(user: Buffer, database: Buffer | undefined, collation: number | undefined): void
  /** The first statements of a session, whose settings the server discards when the connection is reset. */
  readonly beginning: readonly string[]
  /** The server has discarded everything that the session created for itself. */
  onReset(): void
}

/** Commands on connections: setting options, resetting, and killing others of the same person. */
export class ConnectionCommands {
  readonly #pipeline: Pipeline
  readonly #steps: CommandSteps
  readonly #parts: ConnectionParts

  constructor(pipeline: Pipeline, steps: CommandSteps, parts: ConnectionParts) {
    this.#pipeline = pipeline
    this.#steps = steps
    this.#parts = parts
  }

  /** KILL of a connection of the same person, by the id that the client knows: nothing is sent to the target. False: there is none. */
  kill(kill: Kill | undefined): boolean {
    const pipeline = this.#pipeline
    if (kill === undefined || !this.#parts.kill(kill)) return false
    pipeline.session.recorder.outcome({
      type: 'notice',
      message: `KILL ${kill.of.toUpperCase()} of connection ${kill.id}`,
    })
    pipeline.reply(encodeOk({ status: pipeline.status }))
    return true
  }

  *processKill(payload: Buffer): Steps {
    const id = readProcessKill(payload)
    if (this.kill({ of: 'connection', id })) return
    yield* this.#steps.as(`KILL ${id}`)
  }

  setOption(frame: Frame, payload: Buffer): void {
    const option = readSetOption(payload)
    if (option === undefined) return this.#steps.refuseByName(frame.head)
    this.#steps.forward(frame.bytes, 'done', {
      onDone: () => (this.#pipeline.multiStatements = option === 'multi-statements-on'),
    })
  }

  /** The server discards the settings of the session, including those of the gateway. */
  *resetConnection(): Steps {
    yield* this.#startAnew('the client reset the connection')
  }

  /** For the same account: as if the connection were new, on both sides. */
  *changeUser(payload: Buffer): Steps {
    const { user, database, collation } = readChangeUser(payload, this.#pipeline.capabilities)
    try {
      this.#parts.admit(user, database, collation)
    } catch (error) {
      if (!(error instanceof PamError)) throw error
      return this.#steps.refuse(error)
    }
    yield* this.#startAnew(
      'the client reset the session with COM_CHANGE_USER',
      `USE ${quotedName(this.#pipeline.session.config.database)}`,
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
      // Without its first statements a session cannot continue.
      if (failed !== undefined) throw failed
    }
    pipeline.reply(encodeOk({ status: pipeline.status }))
  }

  /** The target's refusal; undefined if it has done what was asked. */
  *#asked(answer: Promise<unknown>): Steps<OwnQueryFailed | undefined> {
    return yield* settledValue(
      answer.then(
        () => undefined,
        (error: unknown) => {
          if (error instanceof OwnQueryFailed) return error
          throw error
        },
      ),
    )
  }
}
