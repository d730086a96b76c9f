import { item } from '../../../shared/item.ts'
import { createHash, type Hash } from 'node:crypto'
import type { FileEvent } from '../../../recording/event.ts'
import { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import {
  MAX_SCP_LINE,
  parseScpLine,
  ScpAnswers,
  type ScpAnswer,
  type ScpEntry,
  type ScpLine,
} from '../wire/scp-line.ts'
import { ANYWHERE } from '../../../host/command/paths.ts'
import type { Filter } from '../gateway/relay.ts'
import { ScpEntries, type ScpEntriesParts, type ScpPlace } from './scp-entries.ts'

/**
 * The old protocol of scp (`source` and `sink` in OpenSSH's scp.c), as it passes. One side sends lines (`C0644 size name`, the
 * bytes, a zero; `D…` and `E` around directories, `T` before times), the other answers each; the bytes of a file come only
 * where it has taken the name. So nothing of the source goes on before what came before it was answered, and each
 * file that is written is judged before its line goes on.
 */
export class ScpTransfer {
  readonly source: Filter
  readonly sink: Filter
  readonly #parts: ScpEntriesParts
  readonly #answers = new ScpAnswers()
  /** Answers to what has not been asked yet. */
  readonly #said: ScpAnswer[] = []
  readonly #entries: ScpEntries
  readonly #directories: ScpPlace[]
  #state: State = 'answer'
  /** What the sink has to answer; at first, that it is there. */
  #asked: Asked = { type: 'begin' }
  #held: Buffer = NOTHING
  /** The line that is being judged, and why it may not go on. */
  #line: Buffer = NOTHING
  #failure: unknown
  #hasSourceEnded = false

  constructor(parts: ScpEntriesParts) {
    this.#parts = parts
    this.#entries = new ScpEntries(parts)
    this.#directories = [{ path: parts.named[0] ?? ANYWHERE, recorded: parts.named[0] ?? ANYWHERE }]
    this.source = new Source({
      push: (bytes) => this.#fromSource(bytes),
      end: () => this.#sourceEnded(),
      isHolding: () => (this.#state === 'answer' ? this.#held.length > 0 : this.#isDeciding),
      isDeciding: () => this.#isDeciding,
    })
    this.sink = {
      push: (bytes) => this.#fromSink(bytes),
      end: () => {
        if (parts.operation === 'write') this.#stop(UNFINISHED)
        return NOTHING
      },
    }
  }

  get #isDeciding(): boolean {
    return this.#state === 'judged' || this.#state === 'allowed'
  }

  /** The client has gone: nobody waits for an approval any more. */
  withdraw(): void {
    this.#entries.withdraw()
  }

  /** Throws what ends the channel: a file that may not be written, or bytes that are no scp. */
  #fromSource(bytes: Buffer): Buffer {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const passed: Buffer[] = []
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      passed.push(next)
      this.#hear()
    }
    return passed.length === 1 ? item(passed, 0) : Buffer.concat(passed)
  }

  /** What may go on of what has come from the source, and is read as one thing; undefined where nothing may. */
  #next(): Buffer | undefined {
    if (this.#failure !== undefined) throw this.#failed(this.#failure)
    if (this.#state === 'allowed') {
      this.#state = 'answer'
      return this.#line
    }
    if (this.#held.length === 0) return undefined
    switch (this.#state) {
      case 'answer':
      case 'judged':
        return undefined
      case 'over':
        // The sink takes nothing more.
        this.#held = NOTHING
        return undefined
      case 'content':
        return this.#content()
      case 'status': {
        if (this.#held[0] === 0) {
          this.#state = 'answer'
          return this.#take(1)
        }
        const line = this.#takeLine()
        if (line === undefined) return undefined
        const { type } = this.#understood(line)
        if (type !== 'error' && type !== 'fatal') throw this.#failed(unreadable())
        const file = this.#passing()
        file.error = said(line.toString('utf8', 1))
        if (type === 'fatal') this.#stop(file.error)
        else this.#state = 'answer'
        return line
      }
      case 'line': {
        const line = this.#takeLine()
        return line === undefined ? undefined : this.#control(line)
      }
    }
  }

  #take(bytes: number): Buffer {
    const taken = this.#held.subarray(0, bytes)
    this.#held = this.#held.subarray(bytes)
    return taken
  }

  /** With its end. What has no end yet is kept back: it may become anything. */
  #takeLine(): Buffer | undefined {
    const newline = this.#held.indexOf(0x0a)
    if ((newline < 0 ? this.#held.length : newline) > MAX_SCP_LINE) throw this.#failed(unreadable())
    return newline < 0 ? undefined : this.#take(newline + 1)
  }

  #control(line: Buffer): Buffer | undefined {
    const read = this.#understood(line)
    switch (read.type) {
      case 'error':
        return line
      case 'fatal':
        this.#state = 'over'
        return line
      case 'times':
      case 'end':
        this.#state = 'answer'
        this.#asked = { type: read.type }
        return line
      case 'file':
      case 'directory':
        this.#state = 'judged'
        this.#line = line
        void this.#judge(read)
          .catch((error: unknown) => (this.#failure = error))
          .then(() => this.source.onFree?.())
        return undefined
    }
  }

  /** Where it would be written, and whether it may be; then its line goes on. */
  async #judge({ type, name, size }: ScpEntry): Promise<void> {
    const entry = await this.#entries.place({ type, name }, this.#directories)
    // It may have ended meanwhile.
    if (this.#state !== 'judged') return
    const file = { path: entry.recorded, size, left: size, hash: createHash('sha256'), error: undefined }
    this.#asked = type === 'directory' ? { type: 'directory', entry } : { type: 'file', file }
    this.#state = 'allowed'
  }

  /** The file whose content is passing. */
  #passing(): PassingFile {
    if ('file' in this.#asked) return this.#asked.file
    throw this.#failed(outOfTurn())
  }

  #content(): Buffer {
    const file = this.#passing()
    const part = this.#take(Math.min(file.left, this.#held.length))
    file.hash.update(part)
    file.left -= part.length
    if (file.left === 0) this.#state = 'status'
    return part
  }

  #fromSink(bytes: Buffer): Buffer {
    for (let at = 0; at < bytes.length;) {
      const { answer, end } = this.#answers.next(bytes, at)
      if (answer !== undefined) this.#said.push(answer)
      at = end
    }
    this.#hear()
    this.source.onFree?.()
    return bytes
  }

  /** A client may answer before it is asked, as `printf '\\0\\0\\0' | ssh host scp -f file` does; a target has no reason to. */
  #hear(): void {
    while (this.#state === 'answer') {
      const answer = this.#said.shift()
      if (answer === undefined) break
      this.#answered(answer)
    }
    // Who is cut off says so, whatever was asked.
    if (this.#state === 'over' || this.#hasSourceEnded) this.#said.length = 0
    if (this.#said.length > (this.#parts.operation === 'read' ? MAX_EARLY : 0)) throw this.#failed(outOfTurn())
  }

  #answered({ type, text }: ScpAnswer): void {
    const asked = this.#asked
    if (type === 'fatal') return this.#stop(said(text))
    const error = type === 'ok' ? undefined : said(text)
    this.#state = 'line'
    switch (asked.type) {
      case 'begin':
        if (error !== undefined) this.#state = 'over'
        return
      case 'times':
        return
      case 'directory':
        if (error === undefined) this.#directories.push(asked.entry)
        return
      case 'end':
        if (this.#directories.length === 1) this.#state = 'over'
        else this.#directories.pop()
        return
      case 'file':
        if (error !== undefined) return this.#record(asked.file, error)
        this.#asked = { type: 'content', file: asked.file }
        this.#state = asked.file.left === 0 ? 'status' : 'content'
        return
      case 'content':
        return this.#record(asked.file, error)
    }
  }

  #sourceEnded(): Buffer {
    this.#hasSourceEnded = true
    const isUnfinished = this.#state === 'content' || this.#state === 'status'
    if (isUnfinished || this.#parts.operation === 'read') this.#stop(UNFINISHED)
    // A line without its end is none.
    this.#held = NOTHING
    return NOTHING
  }

  #understood(line: Buffer): ScpLine {
    try {
      return parseScpLine(line.subarray(0, -1))
    } catch {
      throw this.#failed(unreadable())
    }
  }

  /** Once: what comes after it is dropped. */
  #failed(failure: unknown): unknown {
    this.#failure = undefined
    this.#stop('the transfer was stopped')
    return failure
  }

  /** Nothing more goes to the sink, and what was on its way is recorded as that. */
  #stop(error: string): void {
    const asked = this.#asked
    if (PASSING.has(this.#state) && 'file' in asked) this.#record(asked.file, error)
    this.#state = 'over'
  }

  #record({ path, size, left, hash, error: atSource }: PassingFile, error: string | undefined): void {
    const why = error ?? atSource
    const event: FileEvent = {
      type: 'file',
      operation: this.#parts.operation,
      path,
      bytes: size - left,
      ...(size === left && why !== undefined ? {} : { sha256: hash.digest('hex') }),
      ...(why === undefined ? {} : { error: why }),
    }
    this.#parts.session.recorder.outcome(event)
  }
}

type State =
  /** The sink has been asked something, and nothing goes on before it has answered. */
  | 'answer'
  | 'line'
  /** A line is being judged; then it may go on. */
  | 'judged'
  | 'allowed'
  | 'content'
  /** What the source says of the content, behind it. */
  | 'status'
  | 'over'

/** A file is on its way. */
const PASSING = new Set<State>(['answer', 'content', 'status'])

type Asked =
  { readonly type: 'begin' | 'times' | 'end' } | { readonly type: 'directory'; readonly entry: ScpPlace } | AskedFile

interface AskedFile {
  /** Whether it takes the name, and how it took the content. */
  readonly type: 'file' | 'content'
  readonly file: PassingFile
}

interface PassingFile {
  readonly path: string
  readonly size: number
  left: number
  readonly hash: Hash
  /** What the source says of it. */
  error: string | undefined
}

interface SourceParts {
  push(bytes: Buffer): Buffer
  end(): Buffer
  isHolding(): boolean
  isDeciding(): boolean
}

class Source implements Filter {
  onFree?: () => void
  readonly #parts: SourceParts

  constructor(parts: SourceParts) {
    this.#parts = parts
  }

  push(bytes: Buffer): Buffer {
    return this.#parts.push(bytes)
  }

  end(): Buffer {
    return this.#parts.end()
  }

  get isHolding(): boolean {
    return this.#parts.isHolding()
  }

  get isDeciding(): boolean {
    return this.#parts.isDeciding()
  }
}

const unreadable = (): PamError =>
  new PamError('COMMAND_REFUSED', 'the transfer was stopped: what was sent is not the scp protocol')

const outOfTurn = (): PamError =>
  new PamError('COMMAND_REFUSED', 'the transfer was stopped: the receiving scp answered out of turn')

/** What a side says of an error, for the record. */
const said = (text: string): string => visible(text.trim()).slice(0, MAX_SAID)

const NOTHING = Buffer.alloc(0)
const UNFINISHED = 'the transfer did not end'
/** Answers of a client's that come before they are asked for. */
const MAX_EARLY = 100_000
const MAX_SAID = 300
