import type { StatementMatch } from '../../../policy/policy.ts'
import { didYouMean } from '../../../shared/nearest-word.ts'
import type { NameFinding } from './named-operations.ts'
import { descriptionOf, type DescribedTarget } from './target-description.ts'
import type { ServiceDescription } from './service-description.ts'

/**
 * Routes of a rule's match that no path of its targets' OpenAPI documents can match, and spellings of other programs: a rule that denies or holds by one stops
 * nothing.
 */
export function routeFindings(
  { routes, query, unknown }: StatementMatch,
  targets: readonly DescribedTarget[],
  baseDirectory: string,
): NameFinding[] {
  const fields = (Array.isArray(query) ? query : []).flatMap((field: string, at) =>
    field.startsWith('?')
      ? [warning(['query', at], `"${field}" is a parameter whose name begins with a question mark: leave that out`)]
      : [],
  )
  if (!Array.isArray(routes)) return fields
  const review = reviewer(targets, baseDirectory, unknown === true)
  return [...fields, ...routes.flatMap((route: string, at) => review(route, ['routes', at]))]
}

/** The same of a masking rule's fields (`ROUTE:POINTER`): what such a field names is shown. */
export function fieldRouteFindings(
  fields: readonly string[],
  targets: readonly DescribedTarget[],
  baseDirectory: string,
): NameFinding[] {
  const review = reviewer(targets, baseDirectory, false)
  return fields.flatMap((field, at) => {
    const route = field.slice(0, field.indexOf(':/'))
    // Fields of other protocols, and `*` for any route, begin otherwise.
    return route.startsWith('/') ? review(route, ['fields', at]) : []
  })
}

type Review = (route: string, path: NameFinding['path']) => readonly NameFinding[]

/**
 * `isForUnknown`: the rule is for requests that no document has as well. Of such a rule, and of one for targets without a document, only what becomes a path
 * of a document with the base path in front is surely not meant.
 */
function reviewer(targets: readonly DescribedTarget[], baseDirectory: string, isForUnknown: boolean): Review {
  const described = targets.flatMap((target) => {
    const description = descriptionOf(target, baseDirectory)
    return description === undefined ? [] : [{ file: target.openapi ?? '', description }]
  })
  const mayBeElsewhere = isForUnknown || described.length < targets.length
  const descriptions = described.map(({ description }) => description)
  const files = [...new Set(described.map(({ file }) => file))].join(', ')
  const basePaths = [...new Set(descriptions.flatMap((one) => one.basePaths))]
  const begin = basePaths.some((basePath) => basePath !== '')
    ? `; its paths begin at ${basePaths.map((one) => (one === '' ? '/' : one)).join(', ')}`
    : ''
  return (route, path) => {
    const foreign = route.split('/').find((step) => FOREIGN.test(step))
    if (foreign !== undefined)
      return [
        warning(
          path,
          `"${route}": ${foreign} is literal text here, not a parameter: write {${wordIn(foreign)}} for any segment`,
        ),
      ]
    if (/%2F/i.test(route) && !targets.some(({ encodedSlashes }) => encodedSlashes))
      return [
        warning(
          path,
          `"${route}": no request to these targets has an encoded slash: set encodedSlashes of the target, or write a slash`,
        ),
      ]
    if (descriptions.length === 0 || descriptions.some((one) => one.meets(route))) return []
    const whole = withBasePath(route, descriptions)
    if (whole === undefined && mayBeElsewhere) return []
    const meant =
      whole === undefined
        ? didYouMean(
            route,
            descriptions.flatMap((one) => one.nearestTo(route) ?? []),
          )
        : `; did you mean "${whole}"?`
    return [warning(path, `no path of ${files} matches ${route}${begin}${meant}`)]
  }
}

/** A route behind the base path of a document, where that meets one of its paths. */
const withBasePath = (route: string, descriptions: readonly ServiceDescription[]): string | undefined =>
  descriptions
    .flatMap((one) => one.basePaths.map((basePath) => ({ one, whole: basePath + route })))
    .find(({ one, whole }) => one.meets(whole))?.whole

const warning = (path: NameFinding['path'], message: string): NameFinding => ({ level: 'warning', path, message })

/** `:id` and `<id>`, as in the routes of Express, Rails and Flask. */
const FOREIGN = /^(?::\w.*|<[^<>]+>)$/
const wordIn = (step: string): string => /[\w-]+(?=\W*$)/.exec(step)?.[0] ?? 'id'
