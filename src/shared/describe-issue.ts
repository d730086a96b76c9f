import type { z } from 'zod'

/**
 * What a schema found wrong, in our words; undefined where the schema has its own. A value is described by its type alone:
 * it may be a secret.
 */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const { code, input } = issue
  if (code === 'invalid_type') {
    if (input === undefined) return 'is required'
    const expected = TYPES[issue.expected] ?? issue.expected
    // Coerced from what is no number.
    return Number.isNaN(input) ? `expected ${expected}` : `expected ${expected}, not ${typeOf(input)}`
  }
  if (code === 'too_small')
    return `expected ${bound(issue.inclusive === false ? 'more than' : 'at least', issue.minimum, issue.origin)}`
  if (code === 'too_big')
    return `expected ${bound(issue.inclusive === false ? 'less than' : 'at most', issue.maximum, issue.origin)}`
  return code === 'invalid_format' ? FORMATS[issue.format] : undefined
}

const bound = (relation: string, limit: number | bigint, origin: string): string => {
  const unit = UNITS[origin]
  return `${relation} ${limit}${unit === undefined ? '' : ` ${unit}${Number(limit) === 1 ? '' : 's'}`}`
}

function typeOf(value: unknown): string {
  if (value === null) return 'an empty value'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction'
  return TYPES[typeof value] ?? typeof value
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item', set: 'item' }

const FORMATS: Readonly<Record<string, string>> = {
  url: 'expected a URL, such as https://pam.example.com',
  datetime: 'expected a time in UTC, such as 2026-01-31T12:00:00Z',
}
