import type { Recorder } from '../../../recording/recorder.ts'
import { reasonOf } from '../../../shared/errors.ts'

/** The intent is on record before the first byte goes upstream; where it cannot be, the session ends. */
export function whenWritten(recorder: Pick<Recorder, 'isWritten' | 'whenWritten'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      else resolve()
    }
    const onAbort = (): void => reject(reasonOf(signal))
    if (signal.aborted) return onAbort()
    if (recorder.isWritten) return resolve()
    signal.addEventListener('abort', onAbort, { once: true })
    recorder.whenWritten(done)
  })
}
