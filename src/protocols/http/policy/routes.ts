import { item } from '../../../shared/item.ts'
import type { CheckPattern } from '../../../policy/patterns.ts'
import { readingsOf, readTarget } from '../request/read-target.ts'
import { fold } from './alike.ts'

/** `/api/orders/{id}`, `/admin/**`, `/`, `/@acme%2F{name}`. */
export const checkRoute: CheckPattern = (pattern) => {
  const problem = (what: string): string => `"${pattern}": ${what}`
  if (!pattern.startsWith('/')) return problem('a route must begin with a slash')
  if (/[?#]/.test(pattern)) return problem('a route is a path alone: what follows a question mark is matched by query')
  const steps = pattern.slice(1).split('/')
  for (const [index, step] of steps.entries()) {
    if (step === '**' && index < steps.length - 1) return problem('** is for the end of a route')
    if (step === '**') continue
    const odd = step.split(ENCODED_SLASH).find((part) => !WILD_PART.test(part) && /[*{}]/.test(part))
    if (odd !== undefined)
      return problem('* and {name} stand for a whole segment, or for all on one side of an encoded slash (%2F)')
  }
  const spelled = (part: string): string => (isWild(part) ? 'x' : encodeURIComponent(part))
  const plain = `/${steps.map((step) => step.split(ENCODED_SLASH).map(spelled).join('%2F')).join('/')}`
  const read = readTarget(plain, { encodedSlashes: true })
  return 'failure' in read ? problem(`no request is for it: ${read.failure}`) : undefined
}

/**
 * Whether a path is on a route. `surely`: as it stands; otherwise as some servers take it, who look at no letter case, nor at a slash or the name
 * of a format at the end, nor at the name of the script in front, and who may take an encoded slash for a slash.
 */
export function matchesRoute(pattern: string, segments: readonly string[], surely: boolean): boolean {
  const steps = stepsOf(pattern)
  if (surely) return matchesSteps(steps, segments)
  const ways = steps.some((step) => step.includes('/')) ? [steps, steps.flatMap((step) => step.split('/'))] : [steps]
  const readings = readingsOf(segments).map(foldPath)
  return ways.map(foldSteps).some((way) => readings.some((reading) => mayFitSteps(way, reading)))
}

/** As segments are: an encoded slash is a slash within a step. */
const stepsOf = (pattern: string): readonly string[] =>
  pattern
    .slice(1)
    .split('/')
    .map((step) => (step.includes('%') ? step.replaceAll(ENCODED_SLASH, '/') : step))

/** Steps as `mayFitSteps` wants them. */
export const foldSteps = (steps: readonly string[]): readonly string[] =>
  withoutEnd(steps.map((step) => (isWild(step) ? step : foldSegment(step))))

/** Segments of a path as `mayFitSteps` wants them. */
export const foldPath = (segments: readonly string[]): readonly string[] => segments.map(foldSegment)

/** Whether some server may take a path for one on a route; both are folded. */
const mayFitSteps = (folded: readonly string[], path: readonly string[]): boolean =>
  waysOf(path).some((way) => matchesLoosely(folded, way))

/** A folded path as servers may have it: with its end and without, and what a script in it is given. */
export function waysOf(path: readonly string[]): readonly (readonly string[])[] {
  const given = path.flatMap((segment, at) => (SCRIPT.test(segment) ? [behind(path, at)] : []))
  const whole = [path, ...given]
  const short = whole.flatMap((way) => {
    const once = withoutEnd(way)
    const twice = withoutEnd(once)
    // A slash may follow the name of a format, which is the end of a route as well.
    return once === way ? [] : twice === once ? [once] : [once, twice]
  })
  return short.length === 0 ? whole : [...whole, ...short]
}

/** The steps of a route as `mayMeetRoute` wants them. */
export const foldRoute = (pattern: string): readonly string[] => foldSteps(stepsOf(pattern))

/** Whether some request that is on a path of an OpenAPI document may be on a route; both are folded. */
export function mayMeetRoute(route: readonly string[], steps: readonly string[]): boolean {
  const ways = [steps, ...steps.flatMap((step, at) => (SCRIPT.test(step) ? [behind(steps, at)] : []))]
  return ways.some((way) => {
    // Of thousands of paths most differ in a text in front of the last step.
    if (
      way.some((step, at) => at < way.length - 1 && at < route.length - 1 && areDifferentTexts(step, route[at] ?? ''))
    )
      return false
    const request = way.map((step, at) => exampleOf(step, route[at]))
    return matchesLoosely(route, request)
  })
}

const areDifferentTexts = (one: string, other: string): boolean =>
  one !== other && other !== '*' && !one.includes('{') && !other.includes('{')

/** A segment that is on the step of a path, and on the one of a route where there is such a segment. */
function exampleOf(step: string, wanted: string | undefined): string {
  if (!step.includes('{')) return step
  const text = wanted === undefined || isWild(wanted) ? 'x' : wanted
  return matchesStep(step, text) ? text : step.replaceAll(/\{[^{}]*\}/g, text.replace(SUFFIX, '') || 'x')
}

/** Whether a path is on a route as it stands. Steps may have names within a segment, such as `{id}.json`, which patterns of rules do not. */
export function matchesSteps(steps: readonly string[], segments: readonly string[]): boolean {
  const { fixed, isOpen } = partsOf(steps)
  if (isOpen ? segments.length < fixed.length : segments.length !== fixed.length) return false
  return fixed.every((step, index) => matchesStep(step, item(segments, index)))
}

/** Whether one of the ways of a path is on a route; both are folded. */
export function matchesLoosely(steps: readonly string[], segments: readonly string[]): boolean {
  const { fixed, isOpen } = partsOf(steps)
  const last = fixed.length - 1
  // What follows the name of a script is given to the script.
  if (segments.length < fixed.length) return false
  if (segments.length > fixed.length && !isOpen && !SUFFIX.test(fixed[last] ?? '')) return false
  return fixed.every((step, index) => {
    const segment = item(segments, index)
    return matchesStep(step, segment) || (index === last && index === segments.length - 1 && hasStem(segment, step))
  })
}

/** A name stands for something. */
export function matchesStep(step: string, segment: string): boolean {
  if (step === segment) return true
  if (isWild(step)) return segment !== ''
  if (step.includes('/')) {
    const [parts, own] = [step.split('/'), segment.split('/')]
    return parts.length === own.length && parts.every((part, at) => matchesStep(part, item(own, at)))
  }
  return step.includes('{') ? matchesTemplate(step, segment) : step === segment
}

/** Of what stands between names, each piece is taken where it comes first: what is left for the others is longest so. */
function matchesTemplate(step: string, segment: string): boolean {
  const pieces = step.split(/\{[^}]*\}/)
  const [first = ''] = pieces
  const last = pieces.at(-1) ?? ''
  if (!segment.startsWith(first)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = segment.indexOf(piece, at + 1)
    if (found < 0) return false
    at = found + piece.length
  }
  return segment.length - last.length > at && segment.endsWith(last)
}

/** Whether a segment is the step with the name of another format, or of none, at its end. */
function hasStem(segment: string, step: string): boolean {
  // A name that begins with a dot has no stem of its own: `.env` is the stem of `.env.json`.
  const stem = step.replace(SUFFIX, '') || step
  if (step.includes('{')) return matchesStep(stem, segment) || matchesStep(step, segment.replace(SUFFIX, ''))
  return stem !== '' && (segment === stem || segment.startsWith(`${stem}.`))
}

function partsOf(steps: readonly string[]): { readonly fixed: readonly string[]; readonly isOpen: boolean } {
  const isOpen = steps.at(-1) === '**'
  return { fixed: isOpen ? steps.slice(0, -1) : steps, isOpen }
}

/** Without the slash at the end, nor the name of a format behind it. */
function withoutEnd(path: readonly string[]): readonly string[] {
  const last = path.at(-1) ?? ''
  return path.length > 1 && (last === '' || /^(?:\.[a-z0-9]+)+$/.test(last)) ? path.slice(0, -1) : path
}

/** What a script is given as the path. */
const behind = (path: readonly string[], at: number): readonly string[] =>
  at === path.length - 1 ? [''] : path.slice(at + 1)

export const isWild = (step: string): boolean =>
  step === '*' || step === '**' || (step.startsWith('{') && /^\{[^}]*\}$/.test(step))

/** Some decode a path as they do a form, and leave out blanks at its ends. */
const foldSegment = (segment: string): string => fold(segment).replaceAll('+', ' ').trim()

const ENCODED_SLASH = /%2F/gi
const WILD_PART = /^(?:\*|\{[\w-]+\})$/
const SUFFIX = /\.[a-z][a-z0-9]{0,15}$/
/** Programs that servers give the rest of a path to: `/index.php/admin` is `/admin` to most of what is written in PHP. */
const SCRIPT = /\.(?:php\d?|phtml|cgi|fcgi|pl|py|wsgi|rb|lua|aspx?|ashx|asmx|svc|jspx?|do|action|cfm|dll|exe)$/
