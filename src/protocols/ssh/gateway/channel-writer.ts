import type { Channel as SshChannel } from 'ssh2'
import type { Writable } from 'node:stream'
import { forgetSent } from './ssh2-internals.ts'

/**
 * Writes to a channel's two outputs, one after the other. The library keeps what the window had no room for, and with
 * something of both outputs kept it sends one of them twice.
 */
export class ChannelWriter {
  readonly #channel: SshChannel
  readonly #waiting: { readonly output: 'stdout' | 'stderr'; readonly bytes: Buffer }[] = []
  #waitingBytes = 0
  #isWriting = false
  #isOver = false
  #whenEmpty: (() => void)[] = []

  constructor(channel: SshChannel) {
    this.#channel = channel
  }

  /** False: call `whenEmpty` before more is written. */
  write(output: 'stdout' | 'stderr', bytes: Buffer): boolean {
    if (this.#isOver || bytes.length === 0) return true
    this.#waiting.push({ output, bytes })
    this.#waitingBytes += bytes.length
    this.#next()
    return this.#waitingBytes < MAX_WAITING
  }

  whenEmpty(done: () => void): void {
    if (this.#waitingBytes === 0 || this.#isOver) done()
    else this.#whenEmpty.push(done)
  }

  /** Nothing can be written any more: whoever waits goes on. */
  close(): void {
    this.#isOver = true
    this.#waiting.length = 0
    this.#waitingBytes = 0
    this.#tell()
  }

  #next(): void {
    if (this.#isWriting) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#isWriting = true
    this.#streamOf(next.output).write(next.bytes, () => {
      this.#isWriting = false
      forgetSent(this.#channel)
      if (this.#isOver) return
      this.#waitingBytes -= next.bytes.length
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

  #tell(): void {
    const waiters = this.#whenEmpty
    this.#whenEmpty = []
    for (const done of waiters) done()
  }
}

const MAX_WAITING = 256 * 1024
