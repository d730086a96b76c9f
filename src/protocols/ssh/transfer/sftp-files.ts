import { createHash, type Hash } from 'node:crypto'
import type { Recorder } from '../../../recording/recorder.ts'

/** A file that the client has open. */
export interface OpenFile {
  readonly path: string
  readonly operation: 'read' | 'write' | 'list'
  readonly hash: Hash
  /** Where the next byte is expected, as long as all came in order. */
  next: number | undefined
  bytes: number
}

/** What the client of an SFTP channel has open, by the target's handles; digested as it is read and written. */
export class SftpFiles {
  readonly #recorder: Pick<Recorder, 'outcome'>
  readonly #open = new Map<string, OpenFile>()

  constructor(recorder: Pick<Recorder, 'outcome'>) {
    this.#recorder = recorder
  }

  open(handle: string, path: string, operation: OpenFile['operation']): void {
    this.#open.set(handle, { path, operation, hash: createHash('sha256'), next: 0, bytes: 0 })
  }

  find(handle: string): OpenFile | undefined {
    return this.#open.get(handle)
  }

  /** The handle means nothing any more; the file is `recorded` when the target has answered what was asked before. */
  forget(handle: string): void {
    this.#open.delete(handle)
  }

  /** The channel is over with these open. */
  abandon(): void {
    for (const file of this.#open.values()) this.record(file, 'the transfer did not end')
    this.#open.clear()
  }

  record({ path, operation, bytes, hash, next }: OpenFile, error?: string): void {
    if (operation === 'list') return
    try {
      this.#recorder.outcome({
        type: 'file',
        operation,
        path,
        bytes,
        // Of what went through in another order than it stands in the file, there is no digest.
        ...(next === undefined ? {} : { sha256: hash.digest('hex') }),
        ...(error === undefined ? {} : { error }),
      })
    } catch {
      // The record has failed: the session is ending for that.
    }
  }
}

/** Bytes that went through, and where they stand in the file. */
export function take(file: OpenFile, offset: number, bytes: Buffer): void {
  file.bytes += bytes.length
  if (file.next !== offset) {
    file.next = undefined
    return
  }
  file.hash.update(bytes)
  file.next += bytes.length
}
