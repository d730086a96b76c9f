import type { Hold, Verdict } from '../../../gateway/engine.ts'

/** Waits for people, as long as the client does. */
export async function verdictOn(hold: Hold, left: AbortSignal): Promise<Verdict> {
  const withdraw = (): void => hold.withdraw()
  left.addEventListener('abort', withdraw, { once: true })
  if (left.aborted) withdraw()
  try {
    return await hold.verdict
  } finally {
    left.removeEventListener('abort', withdraw)
  }
}
