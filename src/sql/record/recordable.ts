import { item } from '../../shared/item.ts'
import { detectors } from '../../masking/replace.ts'
import type { Span } from '../../masking/detectors/detector.ts'
import { commitmentMark, escapeMarks } from '../../shared/commitment.ts'
import type { MaskingPlan } from '../../masking/plan.ts'
import type { TextFacts } from '../facts/text-facts.ts'
import type { LiteralPlace } from '../facts/parsed-statement.ts'
import type { VisibleConstants } from '../lineage/open-constants.ts'
import { findPasswords } from './passwords.ts'

/**
 * A statement as it may be recorded. Values that must not be read later are replaced by a keyed commitment: all constants of a statement
 * that contains a password; in one that touches masked columns, those that may be related to them; and everywhere what looks like a masked
 * kind, or a password. A text that could not be parsed may contain anything: it is detached.
 */
export function recordable(
  sql: string,
  parameters: readonly (string | null)[],
  facts: TextFacts,
  session: RecordingSession,
  cut: CutText,
): RecordableText {
  if (isUnread(facts)) return withheld(sql, parameters, session, 'could not be read')
  const hiding = hidingOf(facts)
  return {
    text: once(facts, sql, session, () => hideInText(sql, hiding, session, cut)),
    parameters: parameters.length === 0 ? NONE : hideInParameters(parameters, hiding, session),
  }
}

/** A text in which secrets cannot be determined. `why` completes “it …”. */
export const withheld = (
  sql: string,
  parameters: readonly (string | null)[],
  session: RecordingSession,
  why: string,
): RecordableText => ({
  text: `‹a text of ${Buffer.byteLength(sql)} bytes that ${why}, ${session.commitment(sql)}›`,
  parameters: hideInParameters(parameters, HIDES_ALL, session),
  detached: sql,
})

export interface RecordingSession {
  readonly masking: Pick<MaskingPlan, 'kinds'>
  /** A keyed digest: nobody without the key can test guesses against it. */
  commitment(text: string): string
}

/** A text and its parameters for the record; `detached` is stored beside it. */
export interface RecordableText {
  readonly text: string
  readonly parameters: readonly (string | null)[]
  readonly detached?: string
}

/** The constants and comments of a text, in order, as its server reads it. */
export type CutText = (sql: string) => readonly TextPiece[]

export interface TextPiece {
  readonly start: number
  readonly end: number
  readonly isComment: boolean
}

/** What is hidden in a statement besides masked kinds. Plain data, so that another thread can apply it. */
export interface Hiding {
  /** For each constant of the text, in order, whether it may be recorded. Undefined: all may. */
  readonly constants: readonly boolean[] | undefined
  /** Numbers of the parameters that may be recorded. Undefined: all may. */
  readonly parameters: ReadonlySet<number> | undefined
}

/** For a text that was parsed. */
export function hidingOf(facts: TextFacts): Hiding {
  if (isSecret(facts)) return HIDES_ALL
  if (facts.errorExposure === 'none') return HIDES_NONE
  return visibleIn(facts) ?? HIDES_ALL
}

const HIDES_ALL: Hiding = { constants: [], parameters: new Set() }
const HIDES_NONE: Hiding = { constants: undefined, parameters: undefined }

/** The parameters of a statement as they may be recorded. */
export const recordableParameters = (
  parameters: readonly (string | null)[],
  facts: TextFacts,
  session: RecordingSession,
): (string | null)[] => hideInParameters(parameters, isUnread(facts) ? HIDES_ALL : hidingOf(facts), session)

export const hideInParameters = (
  parameters: readonly (string | null)[],
  { parameters: shown }: Hiding,
  session: RecordingSession,
): (string | null)[] =>
  parameters.map((value, index) =>
    value === null
      ? null
      : shown === undefined || shown.has(index + 1)
        ? hideKinds(value, session)
        : commit(value, session),
  )

export function hideInText(sql: string, { constants }: Hiding, session: RecordingSession, cut: CutText): string {
  const hide = (text: string): string => hideKinds(text, session)
  if (constants === undefined) return hide(sql)
  return replaceLiterals(sql, cut(sql), (value) => commit(value, session), hide, constants)
}

/** The text has statements that could not be parsed. */
export const isUnread = ({ parsed, statements }: TextFacts): boolean => parsed.length === 0 && statements.length > 0

const isSecret = ({ parsed }: TextFacts): boolean => parsed.some(({ secret }) => secret)

const commit = (value: string, session: RecordingSession): string => commitmentMark(session.commitment(value))

function hideKinds(text: string, session: RecordingSession): string {
  const known = kindsOf(session.masking)
  if (!known.hasOwn && isShortNumber(text)) return text
  let result = ''
  let at = 0
  for (const { start, end } of spansIn(text, known.all)) {
    result += escapeMarks(text.slice(at, start)) + commit(text.slice(start, end), session)
    at = end
  }
  return result + escapeMarks(text.slice(at))
}

/** What is searched for everywhere: built-in kinds, and those of the rules. */
function kindsOf(masking: Pick<MaskingPlan, 'kinds'>): Kinds {
  let found = kinds.get(masking)
  if (found === undefined) {
    const own = masking.kinds.flatMap(({ kind }) => (typeof kind === 'string' ? [] : [kind]))
    found = { all: [...Object.values(detectors), PASSWORDS, ...own], hasOwn: own.length > 0 }
    kinds.set(masking, found)
  }
  return found
}

interface Kind {
  find(text: string): readonly Span[]
}

interface Kinds {
  readonly all: readonly Kind[]
  /** Some kinds are user-defined, and may match anything. */
  readonly hasOwn: boolean
}

const kinds = new WeakMap<object, Kinds>()
const PASSWORDS: Kind = { find: findPasswords }

/** Digits only, and fewer than any built-in kind has: most parameters are like that. */
function isShortNumber(text: string): boolean {
  if (text.length > MAX_DIGITS) return false
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n)
    if (unit < 0x30 || unit > 0x39) return false
  }
  return true
}

/** A payment card has thirteen. */
const MAX_DIGITS = 12

/** Cached by facts: statements with the same text share them. */
function visibleIn(facts: TextFacts): Hiding | undefined {
  if (!visible.has(facts)) visible.set(facts, visibleOf(facts))
  return visible.get(facts)
}

const visible = new WeakMap<TextFacts, Hiding | undefined>()

/** Undefined where it is not known for every statement; then every constant is hidden. */
function visibleOf({ errorExposure, parsed, lineage }: TextFacts): Hiding | undefined {
  const known = lineage.flatMap(({ visible }) => visible ?? [])
  if (errorExposure === 'any' || known.length !== parsed.length) return undefined
  const constants = parsed.flatMap(({ literals }, index) => shownOf(literals, item(known, index)))
  return { constants, parameters: known.length === 1 ? item(known, 0).parameters : new Set() }
}

/** Which literals of a statement may be recorded: none where the text has one that the parser did not report as this constant. */
function shownOf(literals: readonly LiteralPlace[], { places, known }: VisibleConstants): boolean[] {
  const read = literals.map(({ at, signAt }) => (known.has(at) ? at : signAt))
  if (read.some((at) => at === undefined || !known.has(at))) return literals.map(() => false)
  return read.map((at) => at !== undefined && places.has(at))
}

/** The matches of all kinds in order; overlapping ones are joined. */
function spansIn(text: string, all: readonly Kind[]): readonly { start: number; end: number }[] {
  let found: Span[] | undefined
  for (const kind of all) {
    const spans = kind.find(text)
    if (spans.length > 0) found = [...(found ?? []), ...spans]
  }
  return found === undefined ? NOTHING : joined(found)
}

/** In order; overlapping ones as one. */
function joined(found: readonly Span[]): readonly { start: number; end: number }[] {
  const spans: { start: number; end: number }[] = []
  for (const { start, end } of found.toSorted((one, other) => one.start - other.start)) {
    const last = spans.at(-1)
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end)
    else spans.push({ start, end })
  }
  return spans
}

const NONE: readonly (string | null)[] = []
const NOTHING: readonly { start: number; end: number }[] = []

/** Cached by facts, which are shared between sessions, and by session: each has its own key for commitments. */
function once(facts: TextFacts, sql: string, session: RecordingSession, hide: () => string): string {
  let own = hidden.get(session)
  if (own === undefined) hidden.set(session, (own = new WeakMap<TextFacts, HiddenText>()))
  const known = own.get(facts)
  if (known?.sql === sql) return known.text
  const text = hide()
  own.set(facts, { sql, text })
  return text
}

interface HiddenText {
  readonly sql: string
  readonly text: string
}

const hidden = new WeakMap<RecordingSession, WeakMap<TextFacts, HiddenText>>()

/** Separators between the constants of a list are shorter than any kind of value. */
const SHORT = 3

/** Lists of at least this many constants get one commitment for all. */
const LONG_LIST = 50

/**
 * Hides constants of every kind, and comments, which may quote them. Source: PostgreSQL manual, Lexical Structure, Constants. `visible`
 * says for each constant whether it may be recorded; where their number differs from the parser's, none may.
 */
function replaceLiterals(
  sql: string,
  literals: readonly TextPiece[],
  commit: (value: string) => string,
  show: (value: string) => string,
  visible: readonly boolean[],
): string {
  const isKnown = literals.filter(({ isComment }) => !isComment).length === visible.length
  // Found in the whole: a name stands before the constant.
  const passwords = joined(findPasswords(sql))
  let behind = 0
  /** Asked of one piece after the other. */
  const isPassword = (piece: TextPiece): boolean => {
    while ((passwords[behind]?.end ?? Infinity) <= piece.start) behind++
    return (passwords[behind]?.start ?? Infinity) < piece.end
  }
  let out = ''
  let at = 0
  let count = 0
  /** Hidden constants with nothing but commas between them. */
  let run: { start: number; end: number }[] = []
  // Quoted identifiers may contain anything.
  const upTo = (end: number): string => {
    const between = sql.slice(at, end)
    return between.length < SHORT ? escapeMarks(between) : show(between)
  }
  const write = (): void => {
    const [first, last] = [run[0], run.at(-1)]
    if (first === undefined || last === undefined) return
    if (run.length >= LONG_LIST) {
      // One commitment for all: a list of a hundred thousand would block the event loop.
      const mark = commit(sql.slice(first.start, last.end))
      out += upTo(first.start) + mark.replace('‹', `‹${run.length} values, `)
      at = last.end
    } else {
      for (const { start, end } of run) {
        out += upTo(start) + commit(sql.slice(start, end))
        at = end
      }
    }
    run = []
  }
  for (const piece of literals) {
    const { start, end, isComment } = piece
    const hides = isComment ? undefined : !(isKnown && visible[count++] === true && !isPassword(piece))
    if (hides !== true || !/^[\s,]*$/.test(sql.slice(run.at(-1)?.end ?? start, start))) write()
    if (hides === true) {
      run.push({ start, end })
      continue
    }
    out += upTo(start) + (hides === undefined ? '/*…*/' : show(sql.slice(start, end)))
    at = end
  }
  write()
  return out + upTo(sql.length)
}
