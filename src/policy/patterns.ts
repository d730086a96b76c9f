import { didYouMean } from '../shared/nearest-word.ts'
import { kindsNamed, kindsOf, type TargetType } from './kinds.ts'

/**
 * What is wrong with a pattern of a rule; undefined for one that something can match. A pattern that nothing matches is
 * worse than none: the rule looks as if it protected something.
 */
export type CheckPattern = (pattern: string) => string | undefined

export const checkKind: CheckPattern = (pattern) => {
  if (kindsNamed(pattern, ALL_TYPES).length > 0) return undefined
  if (pattern.endsWith('*')) return `no kind begins with "${pattern.slice(0, -1)}"`
  if (pattern.includes('*')) return `"${pattern}": * is for the end of a kind`
  const all = Object.values(kindsOf).flat()
  return `there is no kind "${pattern}"${didYouMean(pattern, all)}`
}

export const checkRelation: CheckPattern = (pattern) => {
  const parts = pattern.split('.')
  if (parts.length > 2)
    return `"${pattern}" has too many dots: expected table or schema.table, without the name of the database`
  return checkNames(pattern, parts, 'expected table or schema.table')
}

export const checkColumn: CheckPattern = (pattern) => {
  const parts = pattern.split('.')
  if (parts.length < 2) return `"${pattern}" names no table: expected table.column or schema.table.column`
  if (parts.length > 3) return `"${pattern}" has too many dots: expected table.column or schema.table.column`
  return checkNames(pattern, parts, 'expected table.column or schema.table.column')
}

export const checkFunction: CheckPattern = (pattern) => {
  if (/[()]/.test(pattern)) return `"${pattern}": expected the name alone, without parentheses and arguments`
  const parts = pattern.split('.')
  if (parts.length > 2) return `"${pattern}" has too many dots: expected function or schema.function`
  if (pattern.slice(0, -1).includes('*')) return `"${pattern}": * is for the end of a name`
  return checkNames(pattern, pattern.replace(/(?<=.)\*$/, '').split('.'), 'expected function or schema.function')
}

/** Parts of a name of SQL; each stands for itself, or is `*`. */
function checkNames(pattern: string, parts: readonly string[], expected: string): string | undefined {
  if (parts.includes('')) return `"${pattern}" has an empty part: ${expected}`
  if (/["'`]/.test(pattern)) return `"${pattern}" has quotes: write the name as the catalog has it, without them`
  if (parts.some((part) => part !== part.trim())) return `"${pattern}" has a blank at the end of a name`
  if (parts.some((part) => part.includes('*') && part !== '*'))
    return `"${pattern}": * stands for a whole name, not for a part of one`
  return undefined
}

export const checkCommandLine: CheckPattern = (pattern) => {
  const words = pattern.split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return 'expected a command line'
  if (words.slice(0, -1).includes('...')) return `"${pattern}": ... is for the last word`
  if (words[0] === '...') return `"${pattern}" names no program`
  return checkProgram(words[0] as string)
}

export const checkProgram: CheckPattern = (pattern) => {
  if (/\s/.test(pattern))
    return `"${pattern}" has blanks: a program is one word; its arguments go into arguments or commands`
  if (pattern.endsWith('/')) return `"${pattern}" is a directory: expected the name of a program, or its path`
  if (pattern.includes('/') && pattern.includes('*'))
    return `"${pattern}": a program by its path is matched exactly, without *`
  return undefined
}

export const checkPath: CheckPattern = (pattern) => {
  if (pattern.startsWith('~')) return `"${pattern}": expected an absolute path; ~ is not read`
  if (!pattern.startsWith('/') && pattern !== '**') return `"${pattern}": expected an absolute path`
  if (pattern.split('/').some((name) => name === '.' || name === '..'))
    return `"${pattern}": paths are compared once . and .. are resolved: write it without them`
  return undefined
}

export const checkHost: CheckPattern = (pattern) => {
  if (pattern.includes('/')) return `"${pattern}": expected host:port, not a URL or a network`
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(pattern)
  if (match === null) return `"${pattern}": expected host:port, with an IPv6 address in brackets`
  const [, v6, name, port] = match
  const host = v6 ?? name ?? ''
  if (host === '') return `"${pattern}" names no host: write *:${port ?? 'port'} for any`
  if (/[^\w.*:%-]/.test(host)) return `"${pattern}": "${host}" is not the name or address of a host`
  if (host.endsWith('.')) return `"${pattern}": write the host without the dot at its end`
  if (port !== undefined && port !== '*' && !isPort(port))
    return `"${pattern}": the port is a number up to 65535, or * for any`
  return undefined
}

/** 0 asks the target to choose one (RFC 4254, 7.1). */
const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

export const checkLogin: CheckPattern = (pattern) =>
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(pattern)
    ? undefined
    : `"${pattern}": expected the name of an account, without *`

const ALL_TYPES = Object.keys(kindsOf) as TargetType[]
