import type { MaskedKind, MaskingPlan } from '../masking/plan.ts'
import { findKinds } from '../masking/replace.ts'

/** Of a session: what it hides, and what stands for it in the record. */
interface Keeping {
  readonly masking: Pick<MaskingPlan, 'kinds'>
  commitment(text: string): string
}

/** Values of masked kinds, and what stands where passwords stand, are replaced by a commitment before they are kept. */
export function withoutSecrets(text: string, session: Keeping): string {
  return replaced(text, secretsIn(text, session), session)
}

/**
 * For what is said of a text besides it: as `withoutSecrets`, and without the values that were found in the text, which what is said may repeat without the words
 * that they were found by.
 */
export function withoutSecretsOf(text: string, session: Keeping): (said: string) => string {
  let values: RegExp | undefined
  return (said) => {
    values ??= valuesIn(text, session)
    const found = secretsIn(said, session)
    const repeated = Array.from(said.matchAll(values), ({ index, 0: value }) => ({
      start: index,
      end: index + value.length,
    }))
    return replaced(said, [...found, ...apartFrom(found, repeated)].toSorted(byStart), session)
  }
}

/** `spans` in order. */
function replaced(text: string, spans: readonly Span[], session: Keeping): string {
  let hidden = ''
  let at = 0
  for (const { start, end } of spans) {
    hidden += `${text.slice(at, start)}<secret ${session.commitment(text.slice(start, end))}>`
    at = end
  }
  return hidden + text.slice(at)
}

/** Matches none of the values that are so short that they are part of other words. */
function valuesIn(text: string, session: Keeping): RegExp {
  const values = new Set(secretsIn(text, session).map(({ start, end }) => text.slice(start, end)))
  const longest = [...values].filter(({ length }) => length >= MIN_REPEATED).toSorted((a, b) => b.length - a.length)
  return longest.length === 0
    ? NOTHING
    : new RegExp(longest.map((value) => value.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)).join('|'), 'g')
}

/** In order, and none overlaps another. */
function secretsIn(text: string, session: Pick<Keeping, 'masking'>): Span[] {
  if (text.length < MIN_SECRET && session.masking.kinds.length === 0 && !SEPARATOR.test(text)) return []
  const kinds = [...session.masking.kinds, ...ALWAYS]
  const found = findKinds(text, kinds).map(({ start, end }) => ({ start, end }))
  const passwords = Array.from(text.matchAll(PASSWORDS), ({ index, 0: { length }, 1: value = '' }) => ({
    start: index + length - value.length,
    end: index + length,
  }))
  return [...found, ...apartFrom(found, passwords)].toSorted(byStart)
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
const NOTHING = /(?!)/g
/** Of what is hidden wherever it is repeated. */
const MIN_REPEATED = 4
/** Stands between what a password is called and the password. */
const SEPARATOR = /[\s=:]/
/** `PGPASSWORD=x`, `--password x`, `token: x`, `://user:x@`. */
const PASSWORDS =
  /(?:(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key)["']?(?:\s*[=:]\s*|\s+)["']?|authorization:\s*\w+\s+|:\/\/[^\s:/@]{1,64}:(?=[^\s@/]{1,256}@))([^\s"'@;|&]{1,512})/gi
