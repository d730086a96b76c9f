import { matchesStep, isWild } from '../policy/routes.ts'
import { readTarget } from '../request/read-target.ts'

/**
 * A path of an OpenAPI document taken apart: each step is a text, a name in braces, or a text with names in it (`{id}.json`). Undefined parts of the
 * syntax are refused. Source: OpenAPI 3.1.1, section 3.3, Path Templating.
 */
export function readPathTemplate(path: string): { readonly steps: readonly string[] } | { readonly failure: string } {
  if (!path.startsWith('/')) return { failure: 'the path must begin with a slash' }
  if (/[?#]/.test(path)) return { failure: 'a path has no query and no fragment' }
  const steps: string[] = []
  for (const text of path.slice(1).split('/')) {
    if (!/^(?:[^{}]|\{[^{}]*\})*$/.test(text)) return { failure: 'a brace does not open or close a name' }
    const odd = Array.from(text.matchAll(/\{([^{}]*)\}/g)).find(([, name = '']) => !NAME.test(name))
    if (odd !== undefined)
      return { failure: `${odd[0]}: names of parameters are letters, digits, dashes, dots and underscores` }
    const step = decode(text)
    if (step === undefined) return { failure: 'the path is not UTF-8 in percent encoding' }
    steps.push(step)
  }
  // What no request may have, none is for.
  const example = `/${steps.map((step) => encodeURIComponent(step.replaceAll(/\{[^{}]*\}/g, 'x'))).join('/')}`
  const read = readTarget(example)
  return 'failure' in read ? { failure: `no request is for it: ${read.failure}` } : { steps }
}

/** How the requests of one path are among those of another: the same, some of them, more, none, or some and others. */
export type Relation = 'same' | 'inside' | 'around' | 'apart' | 'crossing'

/** How two paths are to each other, by their steps. A concrete step is inside a name (OpenAPI 3.1.1, Path Templating Matching). */
export function relationOf(one: readonly string[], other: readonly string[]): Relation {
  if (one.length !== other.length) return 'apart'
  const relations = new Set<Relation>()
  for (const [at, step] of one.entries()) {
    const relation = stepRelation(step, other[at] ?? '')
    // Most paths differ in their first steps, and all pairs of a document are looked at.
    if (relation === 'apart') return 'apart'
    relations.add(relation)
  }
  if (relations.has('crossing') || (relations.has('inside') && relations.has('around'))) return 'crossing'
  return relations.has('inside') ? 'inside' : relations.has('around') ? 'around' : 'same'
}

function stepRelation(one: string, other: string): Relation {
  if (!one.includes('{') && !other.includes('{')) return one === other ? 'same' : 'apart'
  const [isIn, isAround] = [isInside(one, other), isInside(other, one)]
  if (isIn && isAround) return 'same'
  if (isIn) return 'inside'
  if (isAround) return 'around'
  return mayMeet(one, other) ? 'crossing' : 'apart'
}

/** Whether every segment that is on one step is on the other; a name in it stands for any character, and for one that no text has. */
const isInside = (one: string, other: string): boolean =>
  matchesStep(other, isWild(one) ? ANY : one.replaceAll(/\{[^{}]*\}/g, ANY))

/** Of two steps with names, whether some segment may be on both: false where their beginnings, or their ends, differ. */
function mayMeet(one: string, other: string): boolean {
  if (!one.includes('{') || !other.includes('{')) return false
  const [starts, ends] = [
    [one, other].map((step) => step.slice(0, step.indexOf('{'))),
    [one, other].map((step) => step.slice(step.lastIndexOf('}') + 1)),
  ] as const
  const [start = '', otherStart = ''] = starts
  const [end = '', otherEnd = ''] = ends
  return (
    (start.startsWith(otherStart) || otherStart.startsWith(start)) && (end.endsWith(otherEnd) || otherEnd.endsWith(end))
  )
}

/** A path that is on both of two that cross, in words where none is found: steps such as `{a}-{b}` beside `x{c}y` have many. */
export function requestOnBoth(one: readonly string[], other: readonly string[]): string {
  const steps = one.map((step, at) => stepOnBoth(step, other[at] ?? ''))
  return steps.includes(undefined) ? 'some request' : `/${steps.join('/')}`
}

function stepOnBoth(one: string, other: string): string | undefined {
  const longer = (a = '', b = ''): string => (a.length > b.length ? a : b)
  const start = longer(/^[^{]*/.exec(one)?.[0], /^[^{]*/.exec(other)?.[0])
  const end = longer(/[^}]*$/.exec(one)?.[0], /[^}]*$/.exec(other)?.[0])
  return [one, other]
    .map((step) => step.replaceAll(/\{[^{}]*\}/g, 'x'))
    .concat(`${start}x${end}`)
    .find((step) => matchesStep(one, step) && matchesStep(other, step))
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const NAME = /^[\w.-]{1,100}$/
/** Not in any path. */
const ANY = '\u0001'
