import type { Writable } from 'node:stream'

/** What of a body goes into the record. */
export interface KeptBody {
  push(bytes: Buffer): void
}

/** The body of an answer on its way to a client, no faster than that reads. */
export class AnswerBody {
  bytes = 0
  /** What was written ends with a whole line: where the answer is a watch, with a whole event. */
  endsLine = true
  readonly #out: Writable
  readonly #left: AbortSignal
  readonly #kept: KeptBody | undefined

  /** `left`: the client waits for it no more. `kept`: what of it goes into the record. */
  constructor(out: Writable, left: AbortSignal, kept: KeptBody | undefined) {
    this.#out = out
    this.#kept = kept
    this.#left = left
  }

  /** False: wait until it is drained. */
  push(chunk: Buffer): boolean {
    if (chunk.length === 0) return true
    this.bytes += chunk.length
    this.endsLine = chunk.at(-1) === NEWLINE
    if (this.#left.aborted) return true
    this.#kept?.push(chunk)
    return this.#out.write(chunk)
  }

  drained(): Promise<void> {
    if (this.#left.aborted || !this.#out.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.#out.off('drain', goOn)
        this.#left.removeEventListener('abort', goOn)
        resolve()
      }
      this.#out.on('drain', goOn)
      this.#left.addEventListener('abort', goOn)
    })
  }

  /** Resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    if (!this.push(chunk)) await this.drained()
  }

  end(last = ''): void {
    if (this.#left.aborted) return
    if (last === '') this.#out.end()
    else this.#out.end(last)
  }
}

const NEWLINE = 0x0a
