import type { Hold, Verdict } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import { verdictOn as verdictWhileAsked } from '../../http/session/verdict-on.ts'

/** Waits for people, as long as the client does: its own time limit is one that it says in the query, too. */
export async function verdictOn(hold: Hold, left: AbortSignal, timeoutMs: number | undefined): Promise<Verdict> {
  let isLate = false
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          isLate = true
          hold.withdraw()
        }, timeoutMs)
  try {
    const verdict = await verdictWhileAsked(hold, left)
    if (verdict.type === 'forward' || !isLate) return verdict
    const error = new PamError('HOLD_EXPIRED', 'nobody decided within the time limit of the request', {
      hint: 'give a longer --request-timeout, or none',
      ...(verdict.error.id === undefined ? {} : { id: verdict.error.id }),
    })
    return { ...verdict, error }
  } finally {
    clearTimeout(timer)
  }
}

/** A duration as Go writes it, such as `1m30s`, in milliseconds; undefined for none, and for 0, which is no limit. */
export function goDuration(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:\.\d+)?(?:h|m|s|ms))+$/.test(text)) return undefined
  let total = 0
  for (const [, number, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g))
    total += Number(number) * (UNITS[unit] ?? 0)
  return total === 0 ? undefined : Math.min(total, MAX_TIMER_MS)
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
const MAX_TIMER_MS = 2 ** 31 - 1
