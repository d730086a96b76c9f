import { PamError } from '../shared/errors.ts'

/**
 * Runs work with a target within a time limit. Its signal aborts when the time is up, when `ended` aborts, and when the work fails, so that
 * what it has opened is closed. `goOnFor` replaces what is left of the limit.
 */
export async function withDeadline<T>(
  milliseconds: number,
  ended: AbortSignal | undefined,
  work: (signal: AbortSignal, goOnFor: (milliseconds: number) => void) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const onEnded = (): void => over.abort(ended?.reason)
  if (ended?.aborted === true) onEnded()
  ended?.addEventListener('abort', onEnded, { once: true })
  const expire = (): void =>
    over.abort(
      new PamError('TARGET_UNREACHABLE', 'the target did not answer in time', { side: 'upstream', hint: TRY_AGAIN }),
    )
  let timer = setTimeout(expire, milliseconds)
  const goOnFor = (more: number): void => {
    clearTimeout(timer)
    timer = setTimeout(expire, more)
  }
  try {
    return await work(over.signal, goOnFor)
  } catch (error) {
    over.abort(error)
    throw error
  } finally {
    clearTimeout(timer)
    ended?.removeEventListener('abort', onEnded)
  }
}

export const TRY_AGAIN = 'try again; if this persists, contact your administrator'
