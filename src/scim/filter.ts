import { badRequest } from './scim-error.ts'
import { shown } from './read-resource.ts'

/** One comparison: `attribute` is one of the names that were asked for. */
export interface Condition<Name extends string> {
  readonly attribute: Name
  readonly value: string
}

/**
 * A filter (RFC 7644, section 3.4.2.2) that directories send: comparisons with `eq`, joined by `and`, of the given attributes. `members[value eq "x"]`
 * is `members.value eq "x"`. Everything else is refused as `invalidFilter`: an answer that is not what was asked for would make a directory
 * believe that somebody is there, or is not.
 */
export async function readFilter<Name extends string>(
  text: string,
  names: readonly Name[],
  schema: string,
): Promise<readonly Condition<Name>[]> {
  // The tokenizer backtracks without bound on line feeds in an open string, and has rules of its own for backslashes.
  if (text.length > MAX_LENGTH || /[\p{Cc}\\]/u.test(text) || countOf(text, /[([]/g) > MAX_BRACKETS)
    throw refused('is too long, nested too deeply, or contains control characters or backslashes')
  const { parse } = await import('scim2-parse-filter')
  let filter: Filter
  try {
    filter = parse(text)
  } catch {
    throw refused(`cannot be parsed: ${shown(text)}`)
  }
  const conditions: Condition<Name>[] = []
  const walk = (part: Filter, within: string): void => {
    if (part.op === 'and' && 'filters' in part) return part.filters.forEach((one) => walk(one, within))
    if (part.op === '[]' && within === '' && 'valFilter' in part) return walk(part.valFilter, `${part.attrPath}.`)
    if (part.op !== 'eq' || !('compValue' in part)) throw refused(`"${part.op}" is not supported, only "eq" and "and"`)
    conditions.push({ attribute: nameOf(within + part.attrPath), value: valueOf(part.compValue, part.attrPath) })
    if (conditions.length > MAX_CONDITIONS) throw refused(`has more than ${MAX_CONDITIONS} comparisons`)
  }
  const nameOf = (written: string): Name => {
    const prefix = `${schema}:`.toLowerCase()
    const lower = written.toLowerCase()
    const asked = lower.startsWith(prefix) ? lower.slice(prefix.length) : lower
    const found = names.find((name) => name.toLowerCase() === asked || ALIASES[name] === asked)
    if (found === undefined) throw refused(`${shown(written)} cannot be compared here, only ${names.join(', ')}`)
    return found
  }
  walk(filter, '')
  return conditions
}

function valueOf(value: unknown, path: string): string {
  if (typeof value !== 'string') throw refused(`${shown(path)} is compared with a string in quotes`)
  return value
}

const refused = (what: string) => badRequest('invalidFilter', `filter: ${what}`)
const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

type Filter = ReturnType<(typeof import('scim2-parse-filter'))['parse']>

/** Microsoft Entra ID compares `members` itself. */
const ALIASES: Readonly<Record<string, string>> = { 'members.value': 'members' }
const MAX_LENGTH = 1000
const MAX_BRACKETS = 10
const MAX_CONDITIONS = 10
