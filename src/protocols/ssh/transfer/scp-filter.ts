import { createHash, type Hash } from 'node:crypto'
import { posix } from 'node:path'
import type { FileEvent } from '../../../recording/event.ts'
import { PamError } from '../../../shared/errors.ts'
import type { Session } from '../../../gateway/engine.ts'
import { draftOf } from '../gateway/command-draft.ts'
import { hostStatement } from '../command/host-statement.ts'
import { ANYWHERE, tree } from '../command/paths.ts'
import type { Filter } from '../gateway/relay.ts'

/**
 * The sending side of scp's old protocol, as it passes: `C0644 size name`, the bytes, a zero; `D…` and `E` around
 * directories, `T` before times. Each file is judged under the name that it will have, and recorded with a digest.
 */
export class ScpFilter implements Filter {
  readonly #session: Session
  readonly #operation: 'read' | 'write'
  readonly #directories: string[]
  #line: Buffer = Buffer.alloc(0)
  #file: PassingFile | undefined

  constructor(session: Session, operation: 'read' | 'write', path: string) {
    this.#session = session
    this.#operation = operation
    this.#directories = [path]
  }

  /** Throws what ends the session: a file that may not go where it is sent, or bytes that are no scp. */
  push(bytes: Buffer): Buffer {
    let at = 0
    while (at < bytes.length) at = this.#file === undefined ? this.#control(bytes, at) : this.#content(bytes, at)
    return bytes
  }

  end(): Buffer {
    if (this.#file !== undefined) this.#done('the transfer did not end')
    return Buffer.alloc(0)
  }

  #control(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(0x0a, at)
    // A status of one byte may stand between: zero says that all is well.
    if (this.#line.length === 0 && bytes[at] === 0) return at + 1
    const end = newline < 0 ? bytes.length : newline
    this.#line = Buffer.concat([this.#line, bytes.subarray(at, end)])
    if (this.#line.length > LONGEST_LINE)
      throw new PamError('MESSAGE_TOO_LARGE', 'a line of the scp protocol is too long')
    if (newline < 0) return bytes.length
    const line = this.#line.toString('utf8')
    this.#line = Buffer.alloc(0)
    const [, kind, size, name] = /^([CD])[0-7]{4} (\d{1,19}) ([^/\n]+)$/.exec(line) ?? []
    if (kind === undefined || size === undefined || name === undefined) {
      if (line === 'E') this.#directories.length = Math.max(1, this.#directories.length - 1)
      else if (!/^T\d+ \d+ \d+ \d+$/.test(line) && !SCP_ERRORS.has(line.charCodeAt(0)))
        throw new PamError('PROTOCOL_VIOLATION', 'a line of the scp protocol that is not known')
      return newline + 1
    }
    if (name === '.' || name === '..')
      throw new PamError('PROTOCOL_VIOLATION', 'scp was given a name that leads elsewhere')
    const parent = this.#directories.at(-1) as string
    const path = parent === ANYWHERE ? ANYWHERE : posix.join(parent, name)
    if (kind === 'D') this.#directories.push(path)
    this.#judge(parent, path)
    if (kind === 'C') {
      this.#file = { path: `${parent}/${name}`, size: Number(size), left: Number(size), hash: createHash('sha256') }
      if (this.#file.left === 0) this.#done(undefined)
    }
    return newline + 1
  }

  /** Where the target is a file, the name that is sent does not count; where it is a directory, it does. */
  #judge(parent: string, path: string): void {
    if (this.#operation === 'read') return
    const paths = [...new Set([...(this.#directories.length === 1 ? [parent] : []), ...tree(path)])]
    const { user } = this.#session.lease
    const command = {
      text: `scp write ${path}`,
      facts: { type: 'file' as const, statements: [hostStatement(user, { kinds: ['file-write'], writes: paths })] },
      context: {},
    }
    const error = this.#session.preview(draftOf(command, this.#session))
    if (error !== undefined) throw error
  }

  #content(bytes: Buffer, at: number): number {
    const file = this.#file as PassingFile
    const part = bytes.subarray(at, at + file.left)
    file.hash.update(part)
    file.left -= part.length
    if (file.left === 0) this.#done(undefined)
    return at + part.length
  }

  #done(error: string | undefined): void {
    const { path, size, left, hash } = this.#file as PassingFile
    this.#file = undefined
    const event: FileEvent = {
      type: 'file',
      operation: this.#operation,
      path,
      bytes: size - left,
      sha256: hash.digest('hex'),
      ...(error === undefined ? {} : { error }),
    }
    this.#session.recorder.outcome(event)
  }
}

interface PassingFile {
  readonly path: string
  readonly size: number
  left: number
  readonly hash: Hash
}

/** A line after one of these is an error of the other side's. */
const SCP_ERRORS = new Set([1, 2])
const LONGEST_LINE = 8192
