import { createHash, type Hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { firstBlockHash } from './compact-format.ts'
import { closeFile, flushContent, openFile, truncateFile, writeFile } from './file-calls.ts'
import {
  SEAL_PURPOSE,
  SEAL_PURPOSE_2,
  signStatement,
  type RecoveredTail,
  type SegmentSeal,
  type Signer,
} from './seal.ts'
import { encodeSegment, magicOf, sha256, type RecordVersion, type SegmentBody } from './segment.ts'
import { inDirectory, syncDirectory } from './sync-directory.ts'

export interface SealedRecording {
  readonly session: string
  readonly status: 'sealed' | 'recovered'
  readonly events: number
  readonly segments: number
  /** The last hash of the chain of its events. */
  readonly hash: string
  /** Length and SHA-256 of the file. */
  readonly bytes: number
  readonly sha256: string
  /** Set if the file was removed or shortened while it was open. */
  readonly damage?: string
}

/** A recording's file, to which segments are appended; each counts only once it is flushed. */
export class RecordingFile {
  readonly #path: string
  readonly #session: string
  readonly #signer: Signer
  #version: RecordVersion = 3
  #digest: Hash = createHash('sha256')
  #previous: Buffer
  #segments = 0
  #bytes = 0
  #events = 0
  #damage: string | undefined

  constructor(path: string, session: string, signer: Signer) {
    this.#path = path
    this.#session = session
    this.#signer = signer
    this.#previous = firstBlockHash(session)
  }

  /** Milliseconds since 1970, by the clock that its seals are dated by. */
  get now(): number {
    return this.#signer.now()
  }

  get bytes(): number {
    return this.#bytes
  }

  get events(): number {
    return this.#events
  }

  get segments(): number {
    return this.#segments
  }

  /** The last hash of the chain of its events. */
  get hash(): Buffer {
    return this.#previous
  }

  /** Continues after the segments that the file already contains. */
  resume(found: {
    version: RecordVersion
    bytes: number
    digest: Hash
    segments: number
    events: number
    hash: Buffer
  }): void {
    this.#version = found.version
    this.#bytes = found.bytes
    this.#digest = found.digest
    this.#segments = found.segments
    this.#events = found.events
    this.#previous = found.hash
  }

  /** Throws if the file has been changed since; then it is left untouched. */
  async append(
    body: SegmentBody,
    end: { status: 'more' | 'sealed' | 'recovered'; tail?: RecoveredTail; wrappedKey?: string },
  ): Promise<void> {
    const seal: SegmentSeal = signStatement(
      this.#version === 2 ? SEAL_PURPOSE_2 : SEAL_PURPOSE,
      {
        session: this.#session,
        segment: this.#segments,
        first: this.#events,
        events: body.events,
        previous: this.#previous.toString('hex'),
        hash: body.hash.toString('hex'),
        status: end.status,
        ...(end.tail === undefined ? {} : { tail: end.tail }),
        encoding: body.encoding,
        ...(end.wrappedKey === undefined ? {} : { wrappedKey: end.wrappedKey }),
        bytes: body.bytes.length,
        sha256: sha256(body.bytes),
        at: new Date(this.now).toISOString(),
      },
      this.#signer,
    )
    const bytes = await this.#write(encodeSegment(seal, body.bytes))
    this.#digest.update(bytes)
    this.#bytes += bytes.length
    this.#segments++
    this.#events += body.events
    this.#previous = body.hash
  }

  /** Set if the file was removed or shortened while it was open. Later segments are still written. */
  get damage(): string | undefined {
    return this.#damage
  }

  sealed(status: 'sealed' | 'recovered'): SealedRecording {
    return {
      session: this.#session,
      status,
      events: this.#events,
      segments: this.#segments,
      hash: this.#previous.toString('hex'),
      bytes: this.#bytes,
      sha256: this.#digest.copy().digest('hex'),
      ...(this.#damage === undefined ? {} : { damage: this.#damage }),
    }
  }

  /** Returns the bytes that were written. First truncates the remains of an incomplete write. */
  async #write(segment: Buffer): Promise<Buffer> {
    const path = this.#path
    const made = this.#bytes === 0 ? await this.#make() : undefined
    const exists = made === undefined && (await this.#standing())
    const bytes = this.#bytes === 0 ? Buffer.concat([Buffer.from(magicOf(this.#version)), segment]) : segment
    const file = made ?? (await inDirectory(dirname(path), () => openFile(path, exists ? 'r+' : 'wx')))
    try {
      if (exists) await truncateFile(file, this.#bytes)
      await writeFile(file, bytes, this.#bytes)
      await flushContent(file)
    } finally {
      await closeFile(file)
    }
    if (!exists) await syncDirectory(dirname(path))
    return bytes
  }

  /** Creates the file for a first segment; undefined if it exists. */
  async #make(): Promise<number | undefined> {
    const path = this.#path
    return inDirectory(dirname(path), () => openFile(path, 'wx')).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      return undefined
    })
  }

  /** Checks that the file was not changed; false if it is gone. A changed file is noted and continued as it is. */
  async #standing(): Promise<boolean> {
    const path = this.#path
    const size = await stat(path).then(
      (found) => found.size,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      },
    )
    if ((size ?? 0) < this.#bytes) {
      this.#damage ??= size === undefined ? 'its file was removed' : 'its file was shortened'
      const rest = size === undefined ? Buffer.alloc(0) : await readFile(path)
      this.#bytes = rest.length
      this.#digest = createHash('sha256').update(rest)
    }
    return size !== undefined
  }
}
