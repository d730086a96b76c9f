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

/** What the commands need of the connection that is not the pipeline's. */
export interface ConnectionParts {
  /** Reaches a connection of the same person; false where there is none of that id. */
  kill(kill: Kill): boolean
  /** Checks that somebody may go on as this user, in this database. */
  admit(user: Buffer, database: Buffer | undefined, collation: number | undefined): void
  /** What a session begins with; the server forgets it when the connection is reset. */
  readonly beginning: readonly string[]
  /** The server has forgotten what the session has made for itself. */
  onReset(): void
}

/** Commands on connections: options, starting anew, and ending others of the same person. */
export class ConnectionCommands {
  readonly #pipeline: Pipeline
  readonly #steps: CommandSteps
  readonly #parts: ConnectionParts

  constructor(pipeline: Pipeline, steps: CommandSteps, parts: ConnectionParts) {
    this.#pipeline = pipeline
    this.#steps = steps
    this.#parts = parts
  }

  /** KILL of a connection of the same person, under the id that the client knows: nothing of it goes to the target. False: it is none. */
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

  /** The server forgets what the session has set, and with it what the gateway has. */
  *resetConnection(): Steps {
    yield* this.#startAnew('the client reset the connection')
  }

  /** To the same account: as if the connection were new, on both sides. */
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
      // What a session begins with is not there: it cannot go on.
      if (failed !== undefined) throw failed
    }
    pipeline.reply(encodeOk({ status: pipeline.status }))
  }

  /** What the target says no to; undefined where it has done it. */
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
