/**
 * A signal that aborts with the first of these. Once released it lets go of them: unlike with AbortSignal.any, nothing stays with those that
 * outlive it.
 */
export function anySignal(signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal
  readonly release: () => void
} {
  const controller = new AbortController()
  const release = (): void => {
    for (const [one, onAbort] of listeners) one.removeEventListener('abort', onAbort)
  }
  const listeners = signals.map((one) => {
    const onAbort = (): void => {
      release()
      controller.abort(one.reason)
    }
    return [one, onAbort] as const
  })
  for (const [one, onAbort] of listeners) one.addEventListener('abort', onAbort)
  listeners.find(([one]) => one.aborted)?.[1]()
  return { signal: controller.signal, release }
}
