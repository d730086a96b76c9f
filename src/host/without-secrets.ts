import type { MaskedKind, MaskingPlan } from '../masking/plan.ts'
import { findKinds } from '../masking/replace.ts'

/** Of a session: what it hides, and what stands for it in the record. */
interface Keeping {
  readonly masking: Pick<MaskingPlan, 'kinds'>
  commitment(text: string): string
}

/** Values of masked kinds, and what stands where passwords stand, are replaced by a commitment before they are kept. */
export function withoutSecrets(text: string, session: Keeping): string {
  if (text.length < MIN_SECRET && session.masking.kinds.length === 0 && !SEPARATOR.test(text)) return text
  const kinds = [...session.masking.kinds, ...ALWAYS]
  const found = findKinds(text, kinds).map(({ start, end }) => ({ start, end }))
  const passwords = Array.from(text.matchAll(PASSWORDS), ({ index, 0: { length }, 1: value = '' }) => ({
    start: index + length - value.length,
    end: index + length,
  }))
  let hidden = ''
  let at = 0
  for (const { start, end } of [...found, ...apartFrom(found, passwords)].toSorted(byStart)) {
    hidden += `${text.slice(at, start)}<secret ${session.commitment(text.slice(start, end))}>`
    at = end
  }
  return hidden + text.slice(at)
}

interface Span {
  readonly start: number
  readonly end: number
}

const byStart = (one: Span, other: Span): number => one.start - other.start

/** Those that overlap none of the others; both in the order of where they start, and neither with two that overlap. */
function apartFrom(others: readonly Span[], spans: readonly Span[]): Span[] {
  let next = 0
  return spans.filter(({ start, end }) => {
    while ((others[next]?.end ?? Infinity) <= start) next++
    return end <= (others[next]?.start ?? Infinity)
  })
}

const ALWAYS: readonly MaskedKind[] = (['jwt', 'private-key', 'cloud-key'] as const).map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))
/** Of what is found without a name before it. */
const MIN_SECRET = 15
/** Stands between what a password is called and the password. */
const SEPARATOR = /[\s=:]/
/** `PGPASSWORD=x`, `--password x`, `token: x`, `://user:x@`. */
const PASSWORDS =
  /(?:(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key)["']?(?:\s*[=:]\s*|\s+)["']?|authorization:\s*\w+\s+|:\/\/[^\s:/@]{1,64}:(?=[^\s@/]{1,256}@))([^\s"'@;|&]{1,512})/gi
