import type { CheckPattern } from '../../../policy/patterns.ts'
import { readTarget } from '../request/read-target.ts'

/** `/api/orders/{id}`, `/admin/**`, `/`. */
export const checkRoute: CheckPattern = (pattern) => {
  const problem = (what: string): string => `"${pattern}": ${what}`
  if (!pattern.startsWith('/')) return problem('a route begins with a slash')
  if (/[?#]/.test(pattern)) return problem('a route is a path alone: what follows a question mark is matched by query')
  const steps = pattern.slice(1).split('/')
  for (const [index, step] of steps.entries()) {
    if (step === '**' && index < steps.length - 1) return problem('** is for the end of a route')
    if (step === '*' || step === '**' || /^\{[\w-]+\}$/.test(step)) continue
    if (/[*{}]/.test(step)) return problem('* and {name} stand for a whole segment')
  }
  const plain = `/${steps.map((step) => (isWild(step) ? 'x' : encodeURIComponent(step))).join('/')}`
  const read = readTarget(plain)
  return 'failure' in read ? problem(`no request is for it: ${read.failure}`) : undefined
}

/**
 * Whether a path is on a route. `surely`: as it stands; otherwise as some servers take it, who look at no letter case, nor at a slash or the name
 * of a format at the end.
 */
export function fitsRoute(pattern: string, segments: readonly string[], surely: boolean): boolean {
  const steps = pattern.slice(1).split('/')
  if (surely) return fitsSteps(steps, segments)
  const folded = steps.map((step) => (isWild(step) ? step : fold(step)))
  return loose(segments.map(fold)).some((path) => loose(folded).some((route) => fitsSteps(route, path)))
}

function fitsSteps(steps: readonly string[], segments: readonly string[]): boolean {
  const isOpen = steps.at(-1) === '**'
  const fixed = isOpen ? steps.slice(0, -1) : steps
  if (isOpen ? segments.length < fixed.length : segments.length !== fixed.length) return false
  return fixed.every((step, index) => {
    const segment = segments[index] as string
    // A name stands for something.
    return isWild(step) ? segment !== '' : step === segment
  })
}

/** A path, without the slash at its end, and without what looks like the name of a format. */
function loose(path: readonly string[]): (readonly string[])[] {
  const bare = path.length > 1 && path.at(-1) === '' ? path.slice(0, -1) : path
  const last = bare.at(-1) ?? ''
  const stem = /^(.+)\.[a-z0-9]{1,16}$/.exec(last)?.[1]
  return [path, ...(bare === path ? [] : [bare]), ...(stem === undefined ? [] : [[...bare.slice(0, -1), stem]])]
}

const isWild = (step: string): boolean => step === '*' || step === '**' || step.startsWith('{')

/** Both ways: some letters have the same capital, and others the same small letter. */
export const fold = (text: string): string => text.toUpperCase().toLowerCase()
