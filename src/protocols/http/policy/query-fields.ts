import type { CheckPattern } from '../../../policy/patterns.ts'
import { fitsGlob } from '../../../shared/glob.ts'
import type { Parameter } from '../request/http-request.ts'
import { fold } from './routes.ts'

/** `force`, `force=true`, `name=a*`. */
export const checkQueryField: CheckPattern = (pattern) =>
  /^[^=&\s]+(?:=.*)?$/.test(pattern)
    ? undefined
    : `"${pattern}": expected NAME or NAME=VALUE, decoded, with * for any characters of the value`

/** `surely`: every parameter of that name has that value; otherwise any of them, under any name that a reader may take for it. */
export function fitsQueryField(pattern: string, query: readonly Parameter[], surely: boolean): boolean {
  const at = pattern.indexOf('=')
  const name = at < 0 ? pattern : pattern.slice(0, at)
  const wanted = at < 0 ? '*' : pattern.slice(at + 1)
  if (!surely)
    return query.some((one) => looseName(one.name) === looseName(name) && fitsGlob(fold(wanted), fold(one.value)))
  const alike = query.filter((one) => looseName(one.name) === looseName(name))
  return alike.length > 0 && alike.every((one) => one.name === name && fitsGlob(wanted, one.value))
}

/** PHP has one name for `a.b`, `a b` and `a[b`, and lists for names with brackets. */
const looseName = (name: string): string => fold(name.trim()).replace(/\[.*$/s, '').replaceAll(/[.\s]/g, '_')
