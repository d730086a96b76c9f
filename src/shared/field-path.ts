/** A step into a structured value: a name, or null for any name or element. */
export type PathStep = string | null

/** A field that a rule names: what it is of, and where in that it stands. */
export interface FieldPattern {
  readonly owner: string
  readonly path: readonly PathStep[]
}

/**
 * `OWNER:STEP.STEP`, for instance `secrets:data.*`: `*` for any name or element; a dot, a star or a backslash within a name is
 * written with a backslash before it (`metadata.annotations.example\.com/token`). Undefined for what is none.
 */
export function parseFieldPattern(text: string): FieldPattern | undefined {
  const at = text.indexOf(':')
  if (at <= 0) return undefined
  const path = parsePath(text.slice(at + 1))
  return path === undefined ? undefined : { owner: text.slice(0, at), path }
}

function parsePath(text: string): readonly PathStep[] | undefined {
  if (/(?:^|[^\\])(?:\\\\)*\\(?:[^.*\\]|$)/.test(text)) return undefined
  const steps = text.match(/(?:\\.|[^.\\])+/g) ?? []
  // Nothing may be left out between two dots.
  if (steps.join('.') !== text || text === '') return undefined
  const read = steps.map((step): PathStep | undefined => {
    if (step === '*') return null
    return /(?:^|[^\\])(?:\\\\)*\*/.test(step) ? undefined : step.replace(/\\(.)/g, '$1')
  })
  return read.includes(undefined) ? undefined : (read as readonly PathStep[])
}

/** Whether one of the paths leads to, or through, where the other does. */
export const pathsOverlap = (pattern: readonly PathStep[], path: readonly PathStep[]): boolean => {
  const length = Math.min(pattern.length, path.length)
  for (let at = 0; at < length; at++) {
    const [one, other] = [pattern[at], path[at]]
    if (one !== null && other !== null && one !== other) return false
  }
  return true
}

/** A step of a pointer that stands for any number of names and elements, and for none. */
export const ANY_DEPTH = Symbol('**')
export type PointerStep = PathStep | typeof ANY_DEPTH

/** Values in documents of JSON that a rule names: whose answers they are in, and where in those. */
export interface PointerPattern {
  readonly owner: string
  readonly steps: readonly PointerStep[]
}

/**
 * `OWNER:POINTER`, for instance `/customers/{id}:/contact/email` or `*:/a/**`: a JSON Pointer (RFC 6901) in which `*` is any name or element, and `**`
 * any number of them. A name that is a star itself is written `~2`. Undefined for what is none.
 */
export function parsePointerPattern(text: string): PointerPattern | undefined {
  const at = text.indexOf(':/')
  const owner = text.slice(0, at)
  const pointer = text.slice(at + 1)
  if (at <= 0 || !/^(?:\/(?:[^~/]|~[012])*)+$/.test(pointer)) return undefined
  const steps = pointer
    .slice(1)
    .split('/')
    .map((step): PointerStep => {
      if (step === '*') return null
      return step === '**'
        ? ANY_DEPTH
        : step.replace(/~([012])/g, (_escape, digit: string) => ['~', '/', '*'][Number(digit)] as string)
    })
  return { owner, steps }
}
