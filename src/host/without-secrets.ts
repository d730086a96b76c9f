import type { MaskedKind, MaskingPlan } from '../masking/plan.ts'
import { findKinds } from '../masking/replace.ts'
import { secretWords, type Span } from './command/secret-words.ts'

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
 * The same of a command line. A value in quotes is left out as a whole, with blanks and all, where the effect of the command is known: a command that
 * may evaluate it could be hidden in it. What the shell evaluates itself stays, whatever it is behind.
 */
export const withoutSecretsInCommand = (text: string, session: Keeping, isKnown: boolean): string =>
  replaced(text, secretsInCommand(text, session, isKnown), session)

/**
 * The same of what two programs say to each other, such as JSON: what stands in quotes, or between tags, is one value, blanks and all. In a command quotes are the
 * shell's, and somebody could have what stands between two of them left out of the record.
 */
export function withoutSecretsInData(text: string, session: Keeping): string {
  return replaced(text, joined([...secretsIn(text, session), ...spansOf(PASSWORDS_IN_DATA, text)]), session)
}

/**
 * The same of what stands under a name, such as that of a header or a parameter: the whole value of what a password is called, since a sign in it would end it for
 * who reads a text.
 */
export const withoutSecretsUnder = (name: string, value: string, session: Keeping): string =>
  value !== '' && CALLED_SECRET.test(name)
    ? `<secret ${session.commitment(value)}>`
    : withoutSecretsInData(value, session)

/**
 * For what is said of a text besides it: without what stands where passwords stand, and without the values that were found in the text, which what is said may
 * repeat without the words that they were found by. In a sentence a blank behind such a word means nothing.
 */
export function withoutSecretsOf(
  text: string,
  session: Keeping,
  find: (text: string) => Span[] = (of) => secretsIn(of, session),
): (said: string) => string {
  let values: RegExp | undefined
  return (said) => {
    values ??= valuesIn(text, find(text))
    return replaced(said, joined([...secretsIn(said, session, PASSWORDS_SAID), ...spansOf(values, said)]), session)
  }
}

/** What is said of a command besides its text. */
export const withoutSecretsOfCommand = (text: string, session: Keeping, isKnown: boolean): ((said: string) => string) =>
  withoutSecretsOf(text, session, (of) => secretsInCommand(of, session, isKnown))

function secretsInCommand(text: string, session: Pick<Keeping, 'masking'>, isKnown: boolean): Span[] {
  const words = secretWords(text)
  if (words === undefined) return secretsIn(text, session)
  const values = isKnown ? words.values : words.values.filter(({ start, end }) => !/\s/.test(text.slice(start, end)))
  return joined([...secretsIn(text, session, NOTHING), ...values, ...passwordsBetween(text, words.expansions)])
}

/** Of passwords, what is on one side of each beginning and end of an expansion. */
function passwordsBetween(text: string, expansions: readonly Span[]): Span[] {
  const borders = [...new Set(expansions.flatMap(({ start, end }) => [start, end]))].toSorted((a, b) => a - b)
  return [0, ...borders].flatMap((start, index) =>
    spansOf(PASSWORDS, text.slice(start, borders[index] ?? text.length)).map((span) => ({
      start: start + span.start,
      end: start + span.end,
    })),
  )
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
function valuesIn(text: string, spans: readonly Span[]): RegExp {
  const values = new Set(spans.map(({ start, end }) => text.slice(start, end)))
  const longest = [...values].filter(({ length }) => length >= MIN_REPEATED).toSorted((a, b) => b.length - a.length)
  return longest.length === 0
    ? NOTHING
    : new RegExp(longest.map((value) => value.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)).join('|'), 'g')
}

/** In order, and none overlaps another. */
function secretsIn(text: string, session: Pick<Keeping, 'masking'>, passwords = PASSWORDS): Span[] {
  if (text.length < MIN_SECRET && session.masking.kinds.length === 0 && !SEPARATOR.test(text)) return []
  const kinds = findKinds(text, [...session.masking.kinds, ...ALWAYS])
  return joined([...kinds, ...spansOf(passwords, text), ...spansOf(FORGED, text)])
}

/** Of each match its one group, which stands at its end; all of it where there is none. */
const spansOf = (pattern: RegExp, text: string): Span[] =>
  Array.from(text.matchAll(pattern), (match) => {
    const [whole, ...groups] = match
    const value = groups.length === 0 ? whole : (groups.find((group) => group !== undefined) ?? '')
    const end = match.index + whole.length
    return { start: end - value.length, end }
  }).filter(({ start, end }) => start < end)

/** In order; of those that overlap, such as an address within a password, all that they cover together. */
function joined(spans: readonly Span[]): Span[] {
  const all: Span[] = []
  for (const { start, end } of spans.toSorted((one, other) => one.start - other.start)) {
    const last = all.at(-1)
    if (last === undefined || start >= last.end) all.push({ start, end })
    else if (end > last.end) all[all.length - 1] = { start: last.start, end }
  }
  return all
}

const ALWAYS: readonly MaskedKind[] = (['jwt', 'private-key', 'cloud-key'] as const).map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))
/** Of what is found without a name before it. */
const MIN_SECRET = 15
const NOTHING = /(?!)/g
/** Reads as if a secret had stood there: a commitment to it takes its place. */
const FORGED = /<secret [\da-f]{12}>/gi
/** Of what is hidden wherever it is repeated. */
const MIN_REPEATED = 4
/** Stands between what a password is called and the password. */
const SEPARATOR = /[\s=:]/
const NAMES = 'pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key'
const CALLED_SECRET = new RegExp(String.raw`(?:${NAMES}|authorization)\s*$`, 'i')
const passwordsBehind = (sign: string): RegExp =>
  new RegExp(
    String.raw`(?:(?:${NAMES})(?:\\{0,8}["'])?(?:${sign})(?:\\{0,8}["'])?|authorization:\s*\w+\s+)([^\s"';|&]{1,65536})|` +
      String.raw`:\/\/[^\s:/@]{1,64}:([^\s"'/]{1,256})(?=@)`,
    'gi',
  )
/** `PGPASSWORD=x`, `--password x`, `token: x`, also within a text that is escaped; `://user:x@`. What separates words of a command ends the value. */
const PASSWORDS = passwordsBehind(String.raw`\s*[=:]\s*|\s+`)
const PASSWORDS_SAID = passwordsBehind(String.raw`\s*[=:]\s*`)
/** `"password": "x"`, `password='x'`, the same escaped once more, and `<password>x<`. */
const PASSWORDS_IN_DATA = new RegExp(
  String.raw`(?:${NAMES})(?:["']?\s*[=:]\s*(?:"([^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*)|'([^'\r\n]+))|` +
    String.raw`\\{1,8}"\s*[=:]\s*\\{1,8}"([^"\r\n]+)|(?:\s[^<>]{0,128})?>([^<]+))`,
  'gi',
)
