/**
 * A date with a time as people write it, `2026-11-30T22:00`, in their own time zone unless it has one (ISO 8601), in milliseconds since the epoch.
 * Undefined for anything else: Date.parse finds a date in many texts that say something else, such as `as soon as possible 2026-12-05`.
 */
export function parseDateTime(text: string): number | undefined {
  const at = DATE_TIME.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?$/

/** `2026-11-30 15:42 UTC`: in sentences of the gateway, whose readers are in time zones that it does not know. Milliseconds since the epoch. */
export const utcClock = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
