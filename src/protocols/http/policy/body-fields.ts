import type { CheckPattern } from '../../../policy/patterns.ts'
import type { Parameter, RequestBody } from '../request/http-request.ts'
import { fold } from './routes.ts'

/** `/status=cancelled`, `/items/0/amount=100`. */
export const checkBodyField: CheckPattern = (pattern) =>
  fieldOf(pattern) === undefined
    ? `"${pattern}": expected POINTER=VALUE such as /status=cancelled, with a JSON Pointer (RFC 6901); "true" in quotes for the text`
    : undefined

/**
 * Whether a body says this there. `surely`: it is JSON, says exactly that, and nothing that another reader might take in its place. Otherwise:
 * whether any reader may take it so.
 */
export function fitsBodyField(pattern: string, body: RequestBody, surely: boolean): boolean {
  const field = fieldOf(pattern)
  if (field === undefined) return false
  if (surely) return body.type === 'json' && valueAt(body.value, field.steps) === field.value
  switch (body.type) {
    case 'none':
      return false
    case 'json':
      return valuesAt(body.value, field.steps).some((value) => isSame(value, field.value))
    case 'form':
      return field.steps.length === 0 || maySay(body.fields, field)
    // It may say anything.
    case 'opaque':
    case 'long':
      return true
  }
}

interface BodyField {
  readonly steps: readonly string[]
  readonly value: string | number | boolean | null
}

function fieldOf(pattern: string): BodyField | undefined {
  const at = pattern.indexOf('=')
  const pointer = pattern.slice(0, at)
  if (at < 0 || !/^(?:\/(?:[^~/]|~[01])*)+$/.test(pointer)) return undefined
  const steps = pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  return { steps, value: scalarOf(pattern.slice(at + 1)) }
}

/** A number, true, false, null or a quoted text of JSON; anything else is a text as it stands. */
function scalarOf(text: string): BodyField['value'] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? text : (value as BodyField['value'])
  } catch {
    return text
  }
}

/** Undefined also where a name is there that differs in case alone: some readers take that. */
function valueAt(value: unknown, steps: readonly string[]): unknown {
  let at = value
  for (const step of steps) {
    if (typeof at !== 'object' || at === null) return undefined
    const names = Object.keys(at).filter((name) => fold(name) === fold(step))
    if (names.length !== 1 || names[0] !== step) return undefined
    at = (at as Record<string, unknown>)[step]
  }
  return at
}

/** All that a reader may take for the value there. */
function valuesAt(value: unknown, [step, ...rest]: readonly string[]): unknown[] {
  if (step === undefined) return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (fold(name) === fold(step) ? valuesAt(inner, rest) : []))
}

/** A form may become the same object as JSON: `order[status]=x`, `order.status=x`. */
const maySay = (fields: readonly Parameter[], { steps, value }: BodyField): boolean =>
  fields.some(
    ({ name, value: text }) =>
      fold(name.replaceAll(/[[\].]+/g, '/').replace(/\/$/, '')) === fold(steps.join('/')) && isSame(text, value),
  )

/** Readers turn texts into numbers and the other way round. */
function isSame(value: unknown, wanted: BodyField['value']): boolean {
  if (typeof value === 'object' && value !== null) return false
  const [one, other] = [String(value).trim(), String(wanted).trim()]
  return fold(one) === fold(other) || (one !== '' && other !== '' && Number(one) === Number(other))
}
