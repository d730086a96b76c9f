import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { PamError } from '../shared/errors.ts'
import type { EventBody, OpenedEvent } from './event.ts'
import { eventLine, firstHash, MAGIC, nextHash, sealLine } from './record-line.ts'
import { seal, type Seal, type Signer } from './seal.ts'

/** Where one session's events go. Every call throws RECORDING_FAILED once something could not be written. */
export interface Recorder {
  /** In the operating system when this returns: call it before a command's first byte goes upstream. */
  intent(event: EventBody): void
  /** Written within the turn of the event loop, or before the next intent. */
  outcome(event: EventBody): void
  /** Writes the last event, seals and closes the file; the seal, or the failure. */
  close(last: { code: string; message: string }): Seal
}

/** Opens a session's file; when this returns its first event is on the disk. */
export function openRecorder(
  file: string,
  opened: OpenedEvent,
  { signer, onFailure }: { signer: Signer; onFailure: (error: PamError) => void },
): Recorder {
  const start = performance.now()
  let hash = firstHash()
  let seq = 0
  let pending = `${MAGIC}\n`
  let failed: PamError | undefined
  let scheduled = false

  const add = (body: EventBody): void => {
    const json = JSON.stringify({
      seq,
      at: new Date().toISOString(),
      ms: Math.round(performance.now() - start),
      ...body,
    })
    hash = nextHash(hash, json)
    seq++
    pending += eventLine(hash, json)
  }
  const guarded = <T>(work: () => T): T => {
    if (failed !== undefined) throw failed
    try {
      return work()
    } catch (error) {
      failed = recordingFailed(error)
      onFailure(failed)
      throw failed
    }
  }
  const write = (): void => {
    const bytes = Buffer.from(pending)
    pending = ''
    for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at)
  }
  const flushLater = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      if (pending === '' || failed !== undefined) return
      try {
        guarded(write)
      } catch {
        // onFailure has ended the session
      }
    })
  }

  const handle = guarded(() => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    return openSync(file, 'ax', 0o600)
  })
  guarded(() => {
    add(opened)
    write()
    fsyncSync(handle)
    syncDirectory(dirname(file))
  })
  return {
    intent: (event) =>
      guarded(() => {
        add(event)
        write()
      }),
    outcome: (event) =>
      guarded(() => {
        add(event)
        if (pending.length > FLUSH_AT) write()
        else flushLater()
      }),
    close: ({ code, message }) => {
      try {
        return guarded(() => {
          add({ type: 'ended', code, message })
          const sealed = seal(
            { session: opened.session, status: 'sealed', events: seq, hash, at: new Date().toISOString() },
            signer,
          )
          pending += sealLine(sealed)
          write()
          fsyncSync(handle)
          return sealed
        })
      } finally {
        failed ??= recordingFailed(new Error('closed'))
        closeSync(handle)
      }
    },
  }
}

const recordingFailed = (cause: unknown): PamError =>
  new PamError('RECORDING_FAILED', 'the record of this session cannot be written, so the session is over', {
    side: 'gateway',
    cause,
    hint: 'whoever runs the gateway finds the reason in its log',
  })

/** Makes the new file's name as durable as its content. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const FLUSH_AT = 64 * 1024
