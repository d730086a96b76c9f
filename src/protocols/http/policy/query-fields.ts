import type { CheckPattern } from '../../../policy/patterns.ts'
import { matchesGlob } from '../../../shared/glob.ts'
import type { HttpRequest, Parameter } from '../request/http-request.ts'
import { fold, foldName, isAlike } from './alike.ts'

/** `force`, `force=true`, `name=a*`. */
export const checkQueryField: CheckPattern = (pattern) =>
  /^[^=&\s]+(?:=.*)?$/.test(pattern)
    ? undefined
    : `"${pattern}": expected NAME or NAME=VALUE, decoded, with * for any characters of the value`

/**
 * `surely`: every parameter of that name has that value; otherwise any of them, under any name that a reader may take for it. Many frameworks have
 * one list for the parameters of a query and the fields of a body, of which some that were not read may be among them.
 */
export function matchesQueryField(
  pattern: string,
  { query, contentType, body }: Pick<HttpRequest, 'query' | 'contentType' | 'body'>,
  surely: boolean,
): boolean {
  const at = pattern.indexOf('=')
  const name = at < 0 ? pattern : pattern.slice(0, at)
  const wanted = at < 0 ? undefined : pattern.slice(at + 1)
  const alike = [...query, ...fieldsOf(body)].filter((one) => foldName(one.name) === foldName(name))
  const isHidden = mayHoldFields(contentType, body)
  if (!surely) return isHidden || alike.some(({ value }) => mayBe(value, wanted))
  const isInQuery = query.some((one) => one.name === name)
  return isInQuery && !isHidden && alike.every((one) => one.name === name && matchesGlob(wanted ?? '*', one.value))
}

function mayBe(value: string, wanted: string | undefined): boolean {
  if (wanted === undefined || matchesGlob(fold(wanted), fold(value))) return true
  // What is there without a value is switched on.
  return !wanted.includes('*') && (isAlike(value, wanted) || (value === '' && isAlike(true, wanted)))
}

/** Those at the top of a body; a list is each of its items, and an object is there without a value. */
function fieldsOf(body: HttpRequest['body']): readonly Parameter[] {
  if (body.type === 'form') return body.fields
  if (body.type !== 'json' || typeof body.value !== 'object' || body.value === null) return []
  return Object.entries(body.value).flatMap(([name, value]) => scalarsIn(value).map((one) => ({ name, value: one })))
}

function scalarsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)]
  return Array.isArray(value) && value.length > 0 ? value.flatMap(scalarsIn) : ['']
}

/** Whether a framework may find fields in a body that were not read: as in JSON that is too long, or has a name twice. */
const mayHoldFields = (contentType: string, body: HttpRequest['body']): boolean =>
  (body.type === 'opaque' || body.type === 'long') && OBJECTS.test(contentType)

/** Of these types frameworks put fields beside those of the query, some by a part of the type. Forms are always read. */
const OBJECTS = /[/+-]json|xml/
