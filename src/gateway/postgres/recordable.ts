import { detectors } from '../../masking/replace.ts'
import type { Recordable, Session } from '../engine.ts'
import type { MaskingPlan } from '../../masking/plan.ts'
import type { StatementFacts } from './command-facts.ts'

/**
 * A statement as it may be kept for ever. Values that must not be read later are replaced by a keyed commitment:
 * all literals of a statement that carries a password or touches masked columns; elsewhere what looks like a masked
 * kind. A text that could not be parsed may hold anything: it stands apart.
 */
export function recordable(
  sql: string,
  parameters: readonly (string | null)[],
  facts: StatementFacts,
  session: Pick<Session, 'commitment'> & { readonly masking: Pick<MaskingPlan, 'kinds'> },
): Recordable {
  const commit = (value: string): string => `‹${session.commitment(value)}›`
  const commitAll = (): (string | null)[] => parameters.map((value) => (value === null ? null : commit(value)))
  if (facts.parsed.length === 0 && facts.statements.length > 0) {
    const text = `‹a text of ${Buffer.byteLength(sql)} bytes that could not be read, ${session.commitment(sql)}›`
    return { text, parameters: commitAll(), apart: sql }
  }
  if (facts.tainted || facts.parsed.some(({ secret }) => secret))
    return { text: once(facts, sql, () => replaceLiterals(sql, commit)), parameters: commitAll() }
  const own = session.masking.kinds.flatMap(({ kind }) => (typeof kind === 'string' ? [] : [kind]))
  const hideKinds = (text: string): string => {
    let result = text
    for (const detector of [...Object.values(detectors), ...own]) {
      for (const { start, end } of detector.find(result).toReversed()) {
        result = result.slice(0, start) + commit(result.slice(start, end)) + result.slice(end)
      }
    }
    return result
  }
  return {
    text: once(facts, sql, () => hideKinds(sql)),
    parameters: parameters.map((value) => (value === null ? null : hideKinds(value))),
  }
}

/** The text that these facts are of comes again and again. Facts belong to one session, as commitments do. */
function once(facts: StatementFacts, sql: string, hide: () => string): string {
  const known = hidden.get(facts)
  if (known?.sql === sql) return known.text
  const text = hide()
  hidden.set(facts, { sql, text })
  return text
}

const hidden = new WeakMap<StatementFacts, { readonly sql: string; readonly text: string }>()

/** Constants in a list that are committed to as one. */
const LONG_LIST = 50

/** Constants of every kind, and comments, which may quote them. Spec: manual, Lexical Structure, Constants. */
function replaceLiterals(sql: string, commit: (value: string) => string): string {
  let out = ''
  let at = 0
  /** Constants with nothing but commas between them. */
  let list: { start: number; end: number }[] = []
  const write = (): void => {
    const [first, last] = [list[0], list.at(-1)]
    if (first === undefined || last === undefined) return
    if (list.length >= LONG_LIST) {
      // One commitment for all: a list of a hundred thousand would keep everybody waiting.
      out += commit(sql.slice(first.start, last.end)).replace('‹', `‹${list.length} values, `)
      at = last.end
    } else {
      for (const { start, end } of list) {
        out += sql.slice(at, start) + commit(sql.slice(start, end))
        at = end
      }
    }
    list = []
  }
  for (const { 0: literal, index } of sql.matchAll(LITERAL)) {
    if (literal.startsWith('"')) continue
    const end = index + literal.length
    const isComment = literal.startsWith('--') || literal.startsWith('/*')
    if (isComment || !/^[\s,]*$/.test(sql.slice(list.at(-1)?.end ?? index, index))) write()
    out += list.length === 0 ? sql.slice(at, index) : ''
    if (list.length === 0) at = index
    if (isComment) {
      out += '/*…*/'
      at = end
    } else list.push({ start: index, end })
  }
  write()
  return out + sql.slice(at)
}

// Quoted identifiers are matched too, so that a quote inside one does not look like the start of a constant.
// An unfinished constant runs to the end of the text. A digit within a name or a parameter ($1) begins no number.
const LITERAL =
  /"(?:[^"]|"")*(?:"|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\1\$|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(?<![\w$\u0080-\uffff])\.?\d[\w.]*/g
