import { z } from 'zod'
import { patternList } from '../../../policy/patterns.ts'
import type { CommandEffect, StatementMatch } from '../../../policy/policy.ts'
import {
  matchesKind,
  matchesUnknown,
  listed,
  REWRITE_ADVICE,
  type Contradiction,
  type Vocabulary,
} from '../../../policy/vocabulary.ts'
import { matchesGlob } from '../../../shared/glob.ts'
import type { KubernetesStatement } from '../facts/kubernetes-statement.ts'
import { fullName, otherGroupOf } from '../request/resources.ts'
import { kindsNamedInFull } from './kinds.ts'
import { checkField, checkImage, checkNamespace, checkObject, checkResource } from './patterns.ts'
import { SETTINGS } from './settings.ts'

/** How policy speaks of requests to the API server of Kubernetes. */
export const kubernetesVocabulary: Vocabulary<KubernetesStatement> = {
  type: 'kubernetes',
  about: 'clusters',
  noun: 'request',
  hasColumns: false,
  checkField,
  secretFields: ['secrets:data.*'],
  fields: {
    resources: {
      schema: patternList(checkResource).describe(
        'pods, deployments.apps or pods/eviction; *.GROUP or * for any resource; a resource stands for its subresources as well',
      ),
      otherwise: (value) => `names other resources: ${listed(value)}`,
      describe: (value) => `of ${listed(value)}`,
    },
    namespaces: {
      schema: patternList(checkNamespace).describe('namespaces, with * for any characters'),
      otherwise: (value) => `names other namespaces: ${listed(value)}`,
      describe: (value) => `in ${listed(value)}`,
    },
    objects: {
      schema: patternList(checkObject).describe('names of objects, with * for any characters'),
      otherwise: (value) => `names other objects: ${listed(value)}`,
      describe: (value) => `named ${listed(value)}`,
    },
    images: {
      schema: patternList(checkImage).describe('images of containers as they are written, with * for any characters'),
      otherwise: (value) => `names other images: ${listed(value)}`,
      describe: (value) => `running ${listed(value)}`,
    },
    settings: {
      schema: z
        .array(z.enum(SETTINGS))
        .min(1)
        .optional()
        .describe('settings of pods and objects that reach beyond them'),
      otherwise: (value) => `names other settings: ${listed(value)}`,
      describe: (value) => `with ${listed(value)}`,
    },
    dryRun: {
      schema: z.boolean().optional().describe('true: only dry runs; false: only what is kept'),
      otherwise: (value) => (value === true ? 'is about dry runs' : 'is not about dry runs'),
      describe: (value) => (value === true ? 'as a dry run' : 'not as a dry run'),
    },
  },
  otherWords: {
    verbs: 'verbs are among the `kinds`, such as get, delete or exec',
    apiGroups: 'a group is part of the resource, such as deployments.apps in `resources`',
    resourceNames: 'use `objects`',
  },
  namedInFull: kindsNamedInFull,
  alsoKinds: {},
  // Nothing in the cluster is asked: a request says all that rules match by.
  toldByText: new Set(['kinds', 'unknown', 'resources', 'namespaces', 'objects', 'images', 'settings', 'dryRun']),
  answersOpaque: ['resources'],
  matches: matchesRequest,
  name,
  subject: (statement) => `this ${name(statement)}`,
  describe: ({ settings, images, dryRun }) => [
    ...(dryRun ? ['as a dry run'] : []),
    ...(settings.length > 0 ? [`with ${settings.join(', ')}`] : []),
    ...(images.length > 0 ? [`running ${images.join(', ')}`] : []),
  ],
  opaque: ({ opaque }) => opaque,
  whyMaybe,
  adviceOnUnknown: ({ unknown }) =>
    unknown.length > 0 ? REWRITE_ADVICE : 'ask your administrator for a rule that names the resource',
  contradictions,
  variables: {
    verb: { type: 'string', absent: '' },
    apiGroup: { type: 'string', absent: '' },
    resource: { type: 'string', absent: '' },
    subresource: { type: 'string', absent: '' },
    namespace: { type: 'string', absent: '' },
    allNamespaces: { type: 'bool', absent: false },
    objectName: { type: 'string', absent: '' },
    dryRun: { type: 'bool', absent: false },
    settings: { type: 'list<string>', absent: [] },
    images: { type: 'list<string>', absent: [] },
  },
  // Of an object that could not be read in full, nothing is said to be true.
  values: (statement) => (hidesObject(statement) ? undefined : valuesOf(statement)),
}

const valuesOf = ({
  verb,
  group,
  resource,
  subresource,
  namespace,
  allNamespaces,
  name: objectName,
  dryRun,
  settings,
  images,
}: KubernetesStatement): Readonly<Record<string, unknown>> => ({
  verb,
  apiGroup: group,
  resource,
  subresource,
  namespace,
  allNamespaces,
  objectName,
  dryRun,
  settings: [...settings],
  images: [...images],
})

/** As the schema of the fields gives it. */
interface RequestMatch extends StatementMatch {
  readonly resources?: readonly string[]
  readonly namespaces?: readonly string[]
  readonly objects?: readonly string[]
  readonly images?: readonly string[]
  readonly settings?: readonly string[]
  readonly dryRun?: boolean
}

/** A rule that refuses or holds matches when any part is named, or may be; one that allows only when all of it is, surely. */
function matchesRequest(match: RequestMatch, effect: CommandEffect['type'], statement: KubernetesStatement): boolean {
  const allows = effect === 'allow'
  const { kinds, unknown, opaque, images, settings, dryRun } = statement
  const answersOpaque = effect !== 'deny' && namesResource(match, statement)
  const isUnknown = unknown.length > 0 || (opaque.length > 0 && !answersOpaque)
  if (!matchesUnknown(match.unknown, effect, isUnknown)) return false
  // Whoever is asked about a request is shown what its body does: a rule that holds need not name that, too.
  const named = effect === 'allow' ? kinds : effect === 'hold' ? kinds.slice(0, 1) : []
  if (named.some((kind) => kindsNamedInFull.has(kind) && match.kinds?.includes(kind) !== true)) return false
  // What could not be read of an object may be anything that an object can say.
  const mayBeAny = !allows && hidesObject(statement)
  if (match.kinds !== undefined && !some(allows, mayBeAny ? possibleKinds(statement) : kinds, match.kinds, matchesKind))
    return false
  if (match.dryRun !== undefined && match.dryRun !== dryRun) return false
  if (mayBeAny) return matchesPlace(match, allows, statement)
  if (match.images !== undefined && !some(allows, images, match.images, matchesGlob)) return false
  if (match.settings !== undefined && !some(allows, settings, match.settings, (pattern, item) => pattern === item))
    return false
  return matchesPlace(match, allows, statement)
}

/** A change of which not everything is known that the object in its body says. */
const hidesObject = ({ kinds: [verb = ''], unknown }: KubernetesStatement): boolean =>
  unknown.length > 0 && CHANGES.has(verb)

const CHANGES = new Set(['create', 'update', 'patch'])
/** What only the body says of a change. */
const KINDS_OF_OBJECTS = ['privileged-pod', 'scale-to-zero', 'token-request', 'admission-change']
/** The same of some resources; the facts say by which fields. */
const KINDS_OF_RESOURCES: ReadonlyMap<string, readonly string[]> = new Map([
  ['pods', ['evict']],
  ['nodes', ['evict']],
  ['resourceslices.resource.k8s.io', ['evict']],
  ['jobs.batch', ['evict', 'delete']],
])

/** All kinds that a request may be whose body could not be read in full. */
const possibleKinds = ({ kinds, resource, group }: KubernetesStatement): readonly string[] => [
  ...kinds,
  ...KINDS_OF_OBJECTS,
  ...(KINDS_OF_RESOURCES.get(fullName(resource, group)) ?? []),
]

/** Where a namespace is deleted, all that is in it goes with it. */
function matchesPlace(match: RequestMatch, allows: boolean, statement: KubernetesStatement): boolean {
  const { kinds, resource, namespace, allNamespaces, name: object } = statement
  const { resources, namespaces, objects } = match
  const isAnyWithin = kinds.includes('delete-namespace') && !allows
  if (resources !== undefined && !isAnyWithin && !matchesResources(resources, statement)) {
    const other = allows ? undefined : otherGroupOf(resource, statement.group)
    if (other === undefined || !matchesResources(resources, { ...statement, group: other })) return false
  }
  if (namespaces !== undefined) {
    if (resource === '') return false
    const isAny = namespaces.includes('*')
    if (allNamespaces ? allows && !isAny : !isAny && !namespaces.some((pattern) => matchesGlob(pattern, namespace)))
      return false
  }
  if (objects === undefined || isAnyWithin) return true
  if (resource === '') return false
  if (objects.includes('*')) return true
  return object === '' ? !allows : objects.some((pattern) => matchesGlob(pattern, object))
}

function matchesResources(patterns: readonly string[], { resource, group, subresource }: KubernetesStatement): boolean {
  if (resource === '') return false
  return patterns.some((pattern) => {
    const [whole = '', sub] = pattern.split('/')
    if (sub !== undefined && sub !== '*' && sub !== subresource) return false
    if (sub !== undefined && subresource === '') return false
    if (whole === '*') return true
    return whole.startsWith('*.') ? group === whole.slice(2) : whole === fullName(resource, group)
  })
}

/** `*` does not say that somebody knows the resource; the name of its group does. */
const namesResource = ({ resources }: RequestMatch, statement: KubernetesStatement): boolean =>
  resources !== undefined &&
  matchesResources(
    resources.filter((pattern) => pattern.split('/')[0] !== '*'),
    statement,
  )

/** Of nothing, nothing is named. */
const some = (
  all: boolean,
  items: readonly string[],
  patterns: readonly string[],
  matches: (pattern: string, item: string) => boolean,
): boolean => {
  const isNamed = (item: string): boolean => patterns.some((pattern) => matches(pattern, item))
  return items.length > 0 && (all ? items.every(isNamed) : items.some(isNamed))
}

function name({
  kinds,
  group,
  resource,
  subresource,
  namespace,
  allNamespaces,
  name: object,
  path,
}: KubernetesStatement): string {
  const [first = 'request'] = kinds
  if (resource === '') return `${first} of ${path}`
  const what = `${fullName(resource, group)}${subresource === '' ? '' : `/${subresource}`}`
  const place = allNamespaces
    ? ' in all namespaces'
    : namespace === '' || resource === 'namespaces'
      ? ''
      : ` in ${namespace}`
  return `${kinds.join(', ')} ${what}${object === '' ? '' : ` ${object}`}${place}`
}

function whyMaybe(given: RequestMatch, statement: KubernetesStatement): string | undefined {
  const { namespaces, objects, resources, images, settings } = given
  if (hidesObject(statement) && [images, settings].some((words) => words !== undefined))
    return 'has a body that could not be read in full, and may say anything'
  if (statement.kinds.includes('delete-namespace') && (resources !== undefined || objects !== undefined))
    return 'deletes all that is in the namespace'
  if (namespaces !== undefined && !namespaces.includes('*') && statement.allNamespaces)
    return 'is about every namespace'
  return objects !== undefined && !objects.includes('*') && statement.name === ''
    ? 'may be about any object'
    : undefined
}

const PATHS = /^(discovery|openapi|health|metrics|server-\w+)$/

/** Parts that no request has together. */
function contradictions(match: RequestMatch, kinds: readonly string[] | undefined): readonly Contradiction[] {
  if (kinds === undefined) return []
  const own = kinds.filter((kind) => PATHS.test(kind))
  const field = ['resources', 'namespaces', 'objects', 'images', 'settings'].find((word) => match[word] !== undefined)
  if (field !== undefined && own.length > 0 && own.length === kinds.length)
    return [{ field, message: `${field} is about resources, and ${own.join(', ')} about the API server itself` }]
  const bodies =
    /^(create|update|patch|privileged-pod|debug|scale-to-zero|rbac-change|admission-change|api-change|certificate|evict|bind|token-request|self-review|access-review|finalize|delete|deletecollection)$/
  const ofBody = (['images', 'settings'] as const).find((word) => match[word] !== undefined)
  return ofBody !== undefined && !kinds.some((kind) => bodies.test(kind))
    ? [{ field: ofBody, message: `${ofBody} needs a kind that has a body, such as create, update or patch` }]
    : []
}
