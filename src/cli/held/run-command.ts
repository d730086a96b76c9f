import type { AgentConnection } from '../../agent/control-client.ts'
import type { Target } from '../../api/schemas/access.ts'
import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { clientHalves } from '../../protocols/client.ts'
import type { ListenerInfo } from '../../protocols/client-half.ts'
import type { ErrorCode } from '../../shared/error-codes.ts'
import { PamError } from '../../shared/errors.ts'
import { visibleInLine } from '../../shared/visible.ts'
import { knownType } from '../known-type.ts'
import { HoldWatch } from '../query/hold-watch.ts'
import { CapturedOutput, runClient, type OutputSink } from '../run-client.ts'
import type { CommandJob, CommandOutput, JobOutput } from './job.ts'

export interface CommandRun {
  readonly api: Pick<ApiClient, 'reviews'>
  readonly agent: Pick<AgentConnection, 'onEvent' | 'onHold' | 'onClose'>
  readonly target: Target
  /** A port that nobody else was told of. */
  readonly listener: ListenerInfo
  readonly login: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly held: (review: Review) => void
  readonly decided: () => void
  /** Gets what is printed before it is held, if it is. Resolves once there is room for more. */
  readonly pass: (output: JobOutput) => Promise<void>
  readonly signal: AbortSignal
}

/**
 * Runs the client of a command to its end. A command that was held and could not run, or whose connection was ended from outside, rejects with
 * the reason: its exit code would say nothing.
 */
export async function runCommand({ program, args }: CommandJob, run: CommandRun): Promise<CommandOutput> {
  const { api, agent, target, listener, login, environment, signal } = run
  const half = clientHalves[knownType(target)]
  const output = new DetachedOutput(run.pass)
  let last: string | undefined
  let lost: PamError | undefined
  const watch = new HoldWatch({
    reviews: api.reviews,
    target: target.name,
    held(review) {
      last = review.id
      output.keep()
      run.held(review)
    },
    decided: run.decided,
    signal,
  })
  agent.onHold((hold) => watch.hear(hold))
  agent.onEvent(({ target: of, code, message }) => {
    if (of === target.name && code !== undefined) lost ??= new PamError(code, message)
  })
  agent.onClose(() => (lost ??= new PamError('SHUTTING_DOWN', 'the local agent has stopped')))
  const prepared = half.prepare({ program, args, target, listener, login, environment })
  // What this process itself has to say nobody reads.
  const io = { fail: (message: string) => void output.add('stderr', Buffer.from(`pamctl: ${message}\n`)) }
  const exitCode = await runClient(program, prepared, { io }, output)
  await output.end()
  if (last !== undefined) {
    signal.throwIfAborted()
    if (lost !== undefined) throw lost
    needRun(await api.reviews.get(last))
  }
  return output.kept(exitCode)
}

/** @throws PamError where the held command cannot have run */
function needRun({ id, state, status }: Review): void {
  const code = REFUSALS[state]
  if (code !== undefined) throw new PamError(code, visibleInLine(status), { id })
}

const REFUSALS: Readonly<Partial<Record<Review['state'], ErrorCode>>> = {
  denied: 'HOLD_DENIED',
  expired: 'HOLD_EXPIRED',
  // Its client has left, and the gateway has not noticed yet.
  pending: 'HOLD_WITHDRAWN',
  withdrawn: 'HOLD_WITHDRAWN',
  void: 'APPROVAL_VOID',
}

/** Passes on what a command prints until it is held, and keeps all of it, up to a limit. */
class DetachedOutput implements OutputSink {
  readonly #captured = new CapturedOutput()
  readonly #pass: (output: JobOutput) => Promise<void>
  /**
   * What the gateway says on stderr before a command runs, such as that it is held: that the command line says in its own words. A target can say
   * as much: more than the gateway says is not kept back.
   */
  #announced: Buffer[] | undefined = []
  #announcedBytes = 0
  #isKept = false

  constructor(pass: (output: JobOutput) => Promise<void>) {
    this.#pass = pass
  }

  async add(stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void> {
    this.#captured.add(stream, bytes)
    if (this.#isKept) return
    if (stream === 'stderr' && this.#announced !== undefined && (this.#announced.length > 0 || isAnnouncement(bytes))) {
      this.#announced.push(bytes)
      this.#announcedBytes += bytes.length
      return this.#announcedBytes > MAX_ANNOUNCED_BYTES ? this.end() : undefined
    }
    await this.end()
    await this.#pass({ type: 'output', stream, bytes })
  }

  /** From here on nobody listens. */
  keep(): void {
    this.#isKept = true
    this.#announced = undefined
  }

  /** Nothing is held any more: what was kept back is passed on. */
  async end(): Promise<void> {
    const announced = this.#announced ?? []
    this.#announced = undefined
    for (const bytes of announced) await this.#pass({ type: 'output', stream: 'stderr', bytes })
  }

  kept(exitCode: number): CommandOutput {
    const { isTruncated: truncated } = this.#captured
    const base64 = (stream: 'stdout' | 'stderr'): string => this.#captured.bytes(stream).toString('base64')
    return { exitCode, stdout: base64('stdout'), stderr: base64('stderr'), truncated }
  }
}

const MAX_ANNOUNCED_BYTES = 16_384
const isAnnouncement = (bytes: Buffer): boolean => bytes.subarray(0, 5).equals(Buffer.from('pam: '))
