import type { MaskedField, MaskingPlan } from '../../../masking/plan.ts'
import { pathsOverlap, type PathStep } from '../../../shared/field-path.ts'
import { selectorTerms, type ApiRequest } from '../request/api-request.ts'
import { emptyObject, isList, isObject } from '../request/json-value.ts'
import type { Body, BodyFailure, PatchOperation } from '../request/read-body.ts'
import { fixedBy, type FixedBy } from './changeable-fields.ts'
import { fieldsOf, isBase64, textOfBase64, type Owner } from './masked-fields.ts'

/**
 * Why a request is refused whatever policy says: it would write back what was shown in place of a masked value, or tell a masked value by
 * what the server does. Undefined where it would not.
 */
export function refusedByMasking(request: ApiRequest, body: Body | BodyFailure, plan: MaskingPlan): string | undefined {
  if (!request.isResource) return undefined
  const fields = fieldsOf(request, plan.fields ?? [])
  if (fields.length === 0) return undefined
  // Rules may allow what is unknown: what it does with a masked value nobody could tell.
  if ('failure' in body) return `the body cannot be read (${body.failure}), and ${request.resource} have masked fields`
  const [unknown] = request.unknown
  if (unknown !== undefined) return `${unknown}, and ${request.resource} have masked fields`
  return refusedSelector(request, fields) ?? refusedBody(request, body, fields)
}

/**
 * What is to be looked up before a request may set masked fields: the object or the definition of its resource, which may say that they cannot be
 * changed. Undefined where neither has anything to say.
 */
export function fixedWhere(
  request: ApiRequest,
  body: Body | BodyFailure,
  plan: MaskingPlan,
): 'object' | 'definition' | undefined {
  const { isResource, verb, subresource } = request
  if (!isResource || (verb !== 'update' && verb !== 'patch') || 'failure' in body || body.type === 'none')
    return undefined
  const fields = fieldsOf(request, plan.fields ?? [])
  const isSet = (by: FixedBy): boolean => setsAny(body, fixedFields(request, fields, by))
  // A subresource of a Secret or ConfigMap there is not.
  if (subresource === '' && isSet('object')) return 'object'
  return isSet('definition') ? 'definition' : undefined
}

const fixedFields = (owner: Owner, fields: readonly MaskedField[], by: FixedBy): readonly MaskedField[] =>
  fields.filter(({ path }) => fixedBy(owner, path) === by)

const setsAny = (body: Exclude<Body, { readonly type: 'none' }>, fields: readonly MaskedField[]): boolean =>
  body.type === 'patch' && body.patch === 'json'
    ? body.operations.some(({ path }) => leadsTo(path, fields))
    : fields.some((field) => holds(body.object, field.path, 0))

/** What is selected by a masked value is found by guessing it. */
function refusedSelector(request: ApiRequest, fields: readonly MaskedField[]): string | undefined {
  const { query, resource, group } = request
  const labels = query.get('labelSelector') ?? []
  if (resource === 'secrets' && group === '' && labels.some((value) => HELM.test(value)) && !showsReleases(fields))
    return 'helm keeps its releases in Secrets, which are masked on this target, and would find none: ask for a masking rule with exceptWhere: ["type=helm.sh/release.v1"]'
  for (const selector of query.get('fieldSelector') ?? [])
    for (const { field } of selectorTerms(selector))
      if (leadsTo(field.split('.'), fields)) return `fieldSelector on ${field} would reveal masked values`
  return labels.some((value) => value !== '') && leadsTo(['metadata', 'labels'], fields)
    ? 'labelSelector would reveal masked values'
    : undefined
}

function refusedBody(request: ApiRequest, body: Body, fields: readonly MaskedField[]): string | undefined {
  if (body.type === 'none') return undefined
  if (body.type === 'patch' && body.patch === 'json') return refusedOperations(body.operations, request, fields)
  const isWhole = body.type === 'object'
  if (findStandIn(body.object, request, fields, isWhole)) return WRITTEN_BACK
  return isGuess(request, body, fields) ? GUESS : undefined
}

function refusedOperations(
  operations: readonly PatchOperation[],
  owner: ApiRequest,
  fields: readonly MaskedField[],
): string | undefined {
  for (const { op, path, from, value } of operations) {
    // A copy in an annotation, and what server-side apply keeps, tell as much as the value.
    const reads = op === 'test' ? path : from
    if (reads !== undefined && (leadsTo(reads, fields) || leadsTo(reads, COPIES)))
      return `the operation ${op} of a JSON patch would reveal masked values`
    if (op !== 'add' && op !== 'replace') continue
    if (findStandIn(placed(path, value), owner, fields, false)) return WRITTEN_BACK
    if (leadsTo(path, owner.dryRun ? fields : fixedFields(owner, fields, 'server'))) return GUESS
  }
  return undefined
}

/**
 * A write that changes nothing says whether a value is what it sets: a dry run, by what else it would change; apply without force, by a
 * conflict; a write to what cannot be changed, by an error for any other value.
 */
function isGuess(request: ApiRequest, body: Body, fields: readonly MaskedField[]): boolean {
  const { dryRun, verb, query } = request
  if (verb !== 'update' && verb !== 'patch') return false
  if (body.type === 'none' || (body.type === 'patch' && body.patch === 'json')) return false
  const isTentative =
    dryRun ||
    (body.type === 'patch' && body.patch === 'apply' && !/^(|true|1)$/i.test(query.get('force')?.[0] ?? 'false'))
  return setsAny(body, isTentative ? fields : fixedFields(request, fields, 'server'))
}

/** Whether there is a value at a path, or within it. */
function holds(value: unknown, path: readonly PathStep[], at: number): boolean {
  const step = path[at]
  if (step === undefined) return true
  if (isList(value)) return value.some((item) => holds(item, path, step === null ? at + 1 : at))
  return (
    isObject(value) &&
    Object.entries(value).some(
      ([name, inner]) => (step === null || step === fieldOf(name)) && holds(inner, path, at + 1),
    )
  )
}

/** A directive of a strategic merge patch names the list whose elements it names (k8s.io/apimachinery/pkg/util/strategicpatch). */
const fieldOf = (name: string): string => name.replace(/^\$(?:deleteFromPrimitiveList|setElementOrder)\//, '')

/** A value at its path; elements of lists as well as names. */
const placed = (path: readonly string[], value: unknown): unknown =>
  path.reduceRight<unknown>((inner, step) => {
    const object = emptyObject()
    object[step] = inner
    return object
  }, value)

/** Whether what stands at a masked field may be what was shown in its place. */
function findStandIn(object: unknown, owner: Owner, fields: readonly MaskedField[], isWhole: boolean): boolean {
  const isFound = fields.some((field) => walk(object, field.path, 0, field, owner, '', isWhole))
  return isFound || annotationsOf(object).some((copy) => findStandIn(copy, owner, fields, isWhole))
}

function walk(
  value: unknown,
  path: readonly PathStep[],
  at: number,
  field: MaskedField,
  owner: Owner,
  top: string,
  isWhole: boolean,
): boolean {
  const step = path[at]
  if (isList(value))
    return value.some((item) => walk(item, path, step === null ? at + 1 : at, field, owner, top, isWhole))
  if (isObject(value))
    return Object.entries(value).some(
      ([name, inner]) =>
        (step === undefined || step === null || step === fieldOf(name)) &&
        walk(inner, path, step === undefined ? at : at + 1, field, owner, top === '' ? name : top, isWhole),
    )
  return step === undefined && isStandIn(value, field, isBase64(owner, top), isWhole)
}

/** In a whole object null takes the value away; in a patch it says so on purpose, unless null is what was shown. */
function isStandIn(value: unknown, { style }: MaskedField, base64: boolean, isWhole: boolean): boolean {
  if (value === null) return isWhole || style === 'null'
  if (typeof value !== 'string') return false
  const text = base64 ? (textOfBase64(value) ?? value) : value
  return text.includes('***') || /^h_[\w-]{16}$/.test(text)
}

/** Objects that annotations hold, as `kubectl apply` writes them. */
function annotationsOf(object: unknown): readonly unknown[] {
  const metadata = isObject(object) ? object['metadata'] : undefined
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined
  if (!isObject(annotations)) return []
  return Object.values(annotations).flatMap((value) => {
    if (typeof value !== 'string' || !value.trimStart().startsWith('{')) return []
    try {
      const copy: unknown = JSON.parse(value)
      return [copy]
    } catch {
      return []
    }
  })
}

/** Elements of lists may be named by their place. */
const leadsTo = (path: readonly string[], fields: readonly { readonly path: readonly PathStep[] }[]): boolean => {
  const names = path.filter((step) => !/^(?:-?\d+|-)$/.test(step))
  return fields.some(
    (field) =>
      pathsOverlap(field.path, path) ||
      pathsOverlap(
        field.path.filter((step) => step !== null),
        names,
      ),
  )
}

const COPIES: readonly { readonly path: readonly PathStep[] }[] = [
  { path: ['metadata', 'annotations'] },
  { path: ['metadata', 'managedFields'] },
]

const showsReleases = (fields: readonly MaskedField[]): boolean =>
  fields.every(({ shownWhere }) => shownWhere.some(({ value }) => value === 'helm.sh/release.v1'))
/** How helm asks for its releases. */
const HELM = /(?:^|,)\s*owner\s*==?\s*helm\s*(?:,|$)/

const GUESS =
  'it sets masked fields without surely changing them, which would reveal their values: leave them out, or leave out --dry-run, or apply with --force-conflicts'
const WRITTEN_BACK = 'it would write back what is shown in place of a masked value'
