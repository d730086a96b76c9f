import { z } from 'zod'
import { parseFieldPattern, parsePointerPattern } from '../shared/field-path.ts'
import { didYouMean } from '../shared/nearest-word.ts'
import type { PolicyLanguage } from './language.ts'

/**
 * What is wrong with a pattern of a rule; undefined for one that something can match. A pattern that nothing matches is
 * worse than none: the rule looks as if it protected something.
 */
export type CheckPattern = (pattern: string) => string | undefined

export const checkKind =
  (language: PolicyLanguage): CheckPattern =>
  (pattern) => {
    if (language.kindsNamed(pattern).length > 0) return undefined
    if (pattern.endsWith('*')) return `no kind begins with "${pattern.slice(0, -1)}"`
    if (pattern.includes('*')) return `"${pattern}": * is for the end of a kind`
    const all = Object.values(language.protocols).flatMap(({ kinds }) => kinds)
    return `there is no kind "${pattern}"${didYouMean(pattern, all)}`
  }

export const checkColumn: CheckPattern = (pattern) => {
  const parts = pattern.split('.')
  if (parts.length < 2) return `"${pattern}" names no table: expected table.column or schema.table.column`
  if (parts.length > 3) return `"${pattern}" has too many dots: expected table.column or schema.table.column`
  return checkNames(pattern, parts, 'expected table.column or schema.table.column')
}

export const checkField: CheckPattern = (pattern) =>
  parsePointerPattern(pattern) === undefined && parseFieldPattern(pattern) === undefined
    ? `"${pattern}": expected OWNER:PATH such as secrets:data.*, with * for any name and \\. for a dot within a name, or ROUTE:POINTER such as /customers/{id}:/email`
    : undefined

export const checkFieldValue: CheckPattern = (pattern) => {
  const at = pattern.indexOf('=')
  const path = at < 0 ? undefined : parseFieldPattern(`*:${pattern.slice(0, at)}`)?.path
  return path === undefined || path.includes(null) || at === pattern.length - 1
    ? `"${pattern}": expected PATH=VALUE such as type=helm.sh/release.v1`
    : undefined
}

/** Parts of a name of SQL; each stands for itself, or is `*`. */
export function checkNames(pattern: string, parts: readonly string[], expected: string): string | undefined {
  if (parts.includes('')) return `"${pattern}" has an empty part: ${expected}`
  if (/["'`]/.test(pattern)) return `"${pattern}" has quotes: write the name as the catalog has it, without them`
  if (parts.some((part) => part !== part.trim())) return `"${pattern}" has a blank at the end of a name`
  if (parts.some((part) => part.includes('*') && part !== '*'))
    return `"${pattern}": * stands for a whole name, not for a part of one`
  return undefined
}

export const checkLogin: CheckPattern = (pattern) =>
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(pattern)
    ? undefined
    : `"${pattern}": expected the name of an account, without *`

/** A list of patterns, each of which something can match. */
export const patternList = (check: CheckPattern) =>
  z
    .array(
      z
        .string()
        .min(1)
        .superRefine((pattern, context) => {
          const problem = check(pattern)
          if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
        }),
    )
    .min(1)
    .optional()
