import type { Steps } from '../../../../gateway/steps.ts'
import { PamError } from '../../../../shared/errors.ts'
import { Answer, type AnswerKind } from '../../wire/answer.ts'
import { decodeStatement } from '../../wire/charsets.ts'
import { documentedName } from '../../wire/command.ts'
import type { Frame } from '../../wire/framer.ts'
import { toErr } from '../error-packet.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { Command } from './command-draft.ts'
import type { CommandGate } from './command-gate.ts'
import { startRun, type ClientExchange, type Run } from './exchange.ts'
import type { Pipeline } from './pipeline.ts'

/** The steps that commands of the client have in common: their text is parsed, decided on, and forwarded or refused. */
export class CommandSteps {
  readonly #pipeline: Pipeline
  readonly #analyzer: StatementAnalyzer
  readonly #gate: CommandGate

  constructor(pipeline: Pipeline, analyzer: StatementAnalyzer, gate: CommandGate) {
    this.#pipeline = pipeline
    this.#analyzer = analyzer
    this.#gate = gate
  }

  /** Reads the text of a statement as the server does, and determines what it does. Undefined: it was refused. */
  *read(bytes: Buffer): Steps<Command | undefined> {
    const pipeline = this.#pipeline
    yield* this.current()
    const { context } = pipeline
    const sql = decodeStatement(bytes, context?.charset ?? 'binary')
    if (sql === undefined) {
      this.refuse(
        new PamError(
          'ENCODING_REFUSED',
          `the statement is not in ${context?.charset ?? 'a character set'}, in which it is sent`,
        ),
      )
      return undefined
    }
    return yield* this.analysed(sql)
  }

  *analysed(sql: string): Steps<Command> {
    const { context } = this.#pipeline
    return withoutKill(yield* this.#gate.analysed({ sql, context, parameters: [] }))
  }

  /** Makes sure that the gateway knows how the server reads texts. */
  *current(): Steps {
    const refreshed = this.#pipeline.refreshState()
    if (refreshed !== undefined) yield refreshed
  }

  /** The id of a decision to forward. Undefined: it was refused, and the client was told. */
  *decided(command: Command): Steps<string | undefined> {
    const verdict = yield* this.#gate.decide(command)
    if (verdict.type === 'forward') return verdict.id
    this.refuse(verdict.error)
    return undefined
  }

  /** Evaluates a command as an equivalent statement. */
  *as(
    sql: string,
    forward?: { readonly frame: Frame; readonly kind: AnswerKind; readonly onDone?: () => void },
  ): Steps {
    yield* this.current()
    const command = yield* this.analysed(sql)
    const decision = yield* this.decided(command)
    if (decision === undefined || forward === undefined) return
    this.run(forward.frame.bytes, forward.kind, command, decision, { onDone: forward.onDone })
  }

  /** Runs a command that was decided on: it may change how the next one is read. */
  run(
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
    this.forward(bytes, kind, { run, onSucceeded: () => this.#analyzer.noteSucceeded(facts), ...more })
    return run
  }

  forward(bytes: Buffer, kind: AnswerKind, more: Partial<Omit<ClientExchange, 'type' | 'answer'>> = {}): void {
    const pipeline = this.#pipeline
    const answer = new Answer(kind, pipeline.capabilities)
    pipeline.begin({ type: 'client', answer, run: undefined, ...more }, pipeline.clientSequence ?? 1)
    pipeline.upstream.write(bytes)
  }

  /** A command that is not supported, by its name in the documentation. */
  refuseByName(command: number | undefined): void {
    const name = command === undefined ? 'an empty command' : documentedName(command)
    this.refuse(
      new PamError('FEATURE_REFUSED', `${name} is not supported: it contains no statement to evaluate`, {
        hint: 'use an SQL statement',
      }),
    )
  }

  refuse(error: PamError): void {
    this.#pipeline.reply(toErr(error))
  }
}

/** Threads of the target belong to others as well: a statement that names one is refused, except for ids that the gateway issued. */
export function withoutKill(command: Command): Command {
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
