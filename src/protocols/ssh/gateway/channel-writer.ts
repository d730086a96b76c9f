import type { Channel as SshChannel } from 'ssh2'
import type { Writable } from 'node:stream'
import { forgetSent } from './ssh2-internals.ts'

interface Waiting {
  readonly output: 'stdout' | 'stderr'
  readonly bytes: Buffer
}

/**
 * Writes to a channel's two outputs, one after the other. The library keeps what the window had no room for, and with
 * something of both outputs kept it sends one of them twice. It makes packets of each write: what is written at one time is
 * put together, so that the packets are full.
 */
export class ChannelWriter {
  readonly #channel: SshChannel
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #isWriting = false
  #isClosed = false
  #whenEmpty: (() => void)[] = []

  constructor(channel: SshChannel) {
    this.#channel = channel
  }

  /** False: call `whenEmpty` before more is written. */
  write(output: 'stdout' | 'stderr', bytes: Buffer): boolean {
    if (this.#isClosed || bytes.length === 0) return true
    this.#waiting.push({ output, bytes })
    this.#waitingBytes += bytes.length
    if (!this.#isWriting) {
      this.#isWriting = true
      process.nextTick(() => this.#next())
    }
    return this.#waitingBytes < MAX_WAITING
  }

  whenEmpty(done: () => void): void {
    if (this.#waitingBytes === 0 || this.#isClosed) done()
    else this.#whenEmpty.push(done)
  }

  /** Nothing can be written any more: whoever waits goes on. */
  close(): void {
    this.#isClosed = true
    this.#waiting.length = 0
    this.#waitingBytes = 0
    this.#tell()
  }

  #next(): void {
    const next = this.#take()
    this.#isWriting = next !== undefined
    if (next === undefined) return
    const { output, bytes } = next
    this.#streamOf(output).write(bytes, () => {
      forgetSent(this.#channel)
      if (this.#isClosed) return
      this.#waitingBytes -= bytes.length
      if (this.#waitingBytes === 0) this.#tell()
      this.#next()
    })
  }

  #streamOf(output: 'stdout' | 'stderr'): Writable {
    if (output === 'stdout') return this.#channel
    const { stderr } = this.#channel
    if (!('write' in stderr)) throw new TypeError('only a client has a second output to write to')
    return stderr
  }

  /** All that waits up to where the other output has its turn. */
  #take(): Waiting | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const { output } = first
    const other = this.#waiting.findIndex((piece) => piece.output !== output)
    const pieces = this.#waiting.splice(0, other < 0 ? this.#waiting.length : other)
    return pieces.length === 1 ? first : { output, bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)) }
  }

  #tell(): void {
    const waiters = this.#whenEmpty
    this.#whenEmpty = []
    for (const done of waiters) done()
  }
}

const MAX_WAITING = 256 * 1024
