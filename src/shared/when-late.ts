/**
 * Calls back after so many milliseconds, unless the function that is returned is called before. What has arrived by then is handled
 * first: where the whole process stood still, its timers are due before it has looked at anything else.
 */
export function whenLate(milliseconds: number, callback: () => void): () => void {
  let soon: NodeJS.Immediate | undefined
  const timer = setTimeout(() => (soon = setImmediate(callback)), milliseconds)
  return () => {
    clearTimeout(timer)
    clearImmediate(soon)
  }
}
