import { createHash } from 'node:crypto'
import type { Recorder } from '../recording/recorder.ts'

export interface ProcessLogParts {
  readonly recorder: Pick<Recorder, 'outcome'>
  /** The decision that this is recorded under, and the name of the channel in the record. */
  readonly command: string
  readonly name: string
  readonly terminal: boolean
  /** Transfers of files are not kept: they are recorded as what they are. */
  readonly isTransfer: boolean
  /** Bytes of output that are kept where there is no terminal. */
  readonly keep: number
}

export type OutputName = 'stdout' | 'stderr'

/** How a process ended. */
export interface ProcessEnd {
  readonly tag: string
  readonly error?: string
}

/** What passes between a client and a process, as it is put on record. */
export class ProcessLog {
  readonly #parts: ProcessLogParts
  readonly #started = performance.now()
  readonly #input = createHash('sha256')
  #inputBytes = 0
  #outputBytes = 0
  #kept = 0

  constructor(parts: ProcessLogParts) {
    this.#parts = parts
  }

  input(bytes: Buffer): void {
    this.#inputBytes += bytes.length
    if (!this.#parts.terminal && !this.#parts.isTransfer) this.#input.update(bytes)
  }

  /** Terminals are kept whole, other output up to a limit that is said once. */
  output(bytes: Buffer, output: OutputName): void {
    const { recorder, terminal, isTransfer, name, keep } = this.#parts
    const channel = output === 'stdout' ? name : `${name} stderr`
    this.#outputBytes += bytes.length
    if (isTransfer || bytes.length === 0) return
    const before = this.#kept
    this.#kept += bytes.length
    const room = terminal ? bytes.length : Math.max(0, keep - before)
    if (room > 0) recorder.outcome({ type: 'terminal', channel, direction: 'out' }, bytes.subarray(0, room))
    if (!terminal && before <= keep && this.#kept > keep)
      recorder.outcome({ type: 'notice', message: `output of ${channel} beyond ${keep} bytes is not kept` })
  }

  resize(columns: number, rows: number): void {
    this.#parts.recorder.outcome({ type: 'resize', channel: this.#parts.name, columns, rows })
  }

  end({ tag, error }: ProcessEnd): void {
    const { recorder, terminal, isTransfer, command, name } = this.#parts
    recorder.outcome({
      type: 'result',
      command,
      tag,
      rows: 0,
      bytes: this.#outputBytes,
      durationMs: Math.round(performance.now() - this.#started),
      ...(error === undefined ? {} : { error }),
    })
    if (!terminal && !isTransfer && this.#inputBytes > 0)
      recorder.outcome({
        type: 'file',
        operation: 'stdin',
        path: name,
        bytes: this.#inputBytes,
        sha256: this.#input.digest('hex'),
      })
  }
}
