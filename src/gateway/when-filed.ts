import type { Hold } from './engine.ts'

/**
 * Calls `tell` once people have been asked to decide: what it says names the approval, which can be looked up only from then on. Where the command
 * is settled before, there is nothing to tell. What cannot be told is taken back, and throws.
 */
export async function whenFiled(hold: Pick<Hold, 'filed' | 'withdraw'>, tell: () => void): Promise<void> {
  if (!(await hold.filed)) return
  try {
    tell()
  } catch (error) {
    hold.withdraw()
    throw error
  }
}

/** What `decided`, a wait for the hold's verdict, comes to; meanwhile `tell` says that the command waits. Throws what `tell` throws. */
export async function whileHeld<T>(
  hold: Pick<Hold, 'filed' | 'withdraw'>,
  tell: () => void,
  decided: Promise<T>,
): Promise<T> {
  const [outcome] = await Promise.all([decided, whenFiled(hold, tell)])
  return outcome
}
