import type { CheckPattern } from '../../../policy/patterns.ts'
import type { RequestBody } from '../request/http-request.ts'
import { isAlike, isSameName, type Scalar } from './alike.ts'

/** `/status=cancelled`, `/items/0/amount=100`. */
export const checkBodyField: CheckPattern = (pattern) =>
  fieldOf(pattern) === undefined
    ? `"${pattern}": expected POINTER=VALUE such as /status=cancelled, with a JSON Pointer (RFC 6901); "true" in quotes for the text`
    : undefined

/**
 * Whether a body says this there. `surely`: it is JSON, says exactly that, and nothing that another reader might take in its place. Otherwise:
 * whether any reader may take it so.
 */
export function matchesBodyField(pattern: string, body: RequestBody, surely: boolean): boolean {
  const field = fieldOf(pattern)
  if (field === undefined) return false
  if (surely) return body.type === 'json' && isExactly(valueAt(body.value, field.steps), field.value)
  switch (body.type) {
    case 'none':
      return false
    case 'json':
      return mayBeAt(body.value, field.steps, field.value)
    // Each framework makes another object of a form; the others may say anything.
    case 'form':
    case 'opaque':
    case 'long':
      return true
  }
}

interface BodyField {
  readonly steps: readonly string[]
  readonly value: Scalar
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
function scalarOf(text: string): Scalar {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? text : (value as Scalar)
  } catch {
    return text
  }
}

/** Integers that differ for other readers are one number here, from some size on. */
const isExactly = (value: unknown, wanted: Scalar): boolean =>
  value === wanted && (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value))

/** Undefined also where a name is there that differs in case alone: some readers take that. */
function valueAt(value: unknown, steps: readonly string[]): unknown {
  let at = value
  for (const step of steps) {
    if (typeof at !== 'object' || at === null) return undefined
    const names = Object.keys(at).filter((name) => isSameName(name, step))
    if (names.length !== 1 || names[0] !== step) return undefined
    at = Reflect.get(at, step)
  }
  return at
}

/** Whether any reader may find the value there. Some take a list for what is in it. */
function mayBeAt(value: unknown, steps: readonly string[], wanted: Scalar): boolean {
  if (Array.isArray(value) && value.some((item) => mayBeAt(item, steps, wanted))) return true
  const [step, ...rest] = steps
  if (step === undefined) return isAlike(value, wanted)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, inner]) => isSameName(name, step) && mayBeAt(inner, rest, wanted))
}
