import { checkNames, type CheckPattern } from '../policy/patterns.ts'

export const checkRelation: CheckPattern = (pattern) => {
  const parts = pattern.split('.')
  if (parts.length > 2)
    return `"${pattern}" has too many dots: expected table or schema.table, without the name of the database`
  return checkNames(pattern, parts, 'expected table or schema.table')
}

export const checkFunction: CheckPattern = (pattern) => {
  if (/[()]/.test(pattern)) return `"${pattern}": expected the name alone, without parentheses and arguments`
  const parts = pattern.split('.')
  if (parts.length > 2) return `"${pattern}" has too many dots: expected function or schema.function`
  if (pattern.slice(0, -1).includes('*')) return `"${pattern}": * is for the end of a name`
  return checkNames(pattern, pattern.replace(/(?<=.)\*$/, '').split('.'), 'expected function or schema.function')
}
