import { wordList } from '../../../shared/word-list.ts'
import type { ApiRequest } from '../request/api-request.ts'
import { messageOfKind, type Message } from '../request/messages.ts'
import { isObject } from '../request/json-value.ts'
import type { Body, BodyFailure, KubernetesObject } from '../request/read-body.ts'
import { fullName, knownResource } from '../request/resources.ts'
import { endingKinds } from './ending-kinds.ts'
import type { KubernetesFacts, KubernetesStatement } from './kubernetes-statement.ts'
import { ObjectEffects, readEffects } from './object-effects.ts'
import { readOperations } from './patch-effects.ts'
import { resourceKinds, serverKinds } from './request-kinds.ts'

/** What a request does, by its path, query and body together. */
export function factsOf(request: ApiRequest, body: Body | BodyFailure): KubernetesFacts {
  return { type: 'kubernetes', statements: [request.isResource ? ofResource(request, body) : ofServer(request, body)] }
}

function ofServer(request: ApiRequest, body: Body | BodyFailure): KubernetesStatement {
  const { kind, problem } = serverKinds(request)
  const unknown = [...request.unknown, ...(problem === undefined ? [] : [problem])]
  if ('failure' in body) unknown.push(body.failure)
  else if (body.type !== 'none') unknown.push('a body where none is expected')
  return { ...emptyStatement(request), kinds: [kind], unknown }
}

/** A request with nothing said about it but what its path says. */
const emptyStatement = (request: ApiRequest): KubernetesStatement => ({
  type: 'kubernetes',
  kinds: [],
  reads: [],
  writes: [],
  unknown: [],
  verb: request.verb,
  group: request.group,
  resource: request.resource,
  subresource: request.subresource,
  namespace: request.namespace,
  allNamespaces: false,
  name: request.name,
  path: request.isResource ? '' : request.path,
  dryRun: false,
  settings: [],
  images: [],
  opaque: [],
})

function ofResource(request: ApiRequest, body: Body | BodyFailure): KubernetesStatement {
  const { group, resource, subresource } = request
  const known = knownResource(group, resource)
  const { kinds, isRead } = resourceKinds(request)
  const effects = new ObjectEffects()
  for (const reason of request.unknown) effects.unknown.add(reason)
  const read = readContent(request, body, effects)
  const name = request.name === '' ? (read.name ?? '') : request.name
  const isOfCluster = known?.isNamespaced === false
  const allNamespaces = request.namespace === '' && !isOfCluster && request.name === ''
  const place = isOfCluster ? '' : allNamespaces ? '*' : request.namespace
  const object = `${place}/${fullName(resource, group)}/${name === '' ? '*' : name}`
  const deletesNamespace = resource === 'namespaces' && group === '' && request.verb === 'delete' && subresource === ''
  const more = deletesNamespace ? [`${name}/*/*`] : []
  return {
    ...emptyStatement(request),
    // An object that is applied is created where there is none.
    kinds: [
      ...kinds,
      ...(isApply(body) ? ['create'] : []),
      ...effectKinds(effects, read.isTemplate),
      ...(changesAdmission(request, body, effects) ? ['admission-change'] : []),
      ...endingKinds(request, effects),
    ],
    reads: isRead ? [object] : [],
    writes: isRead ? [] : [object, ...more],
    unknown: [...effects.unknown],
    namespace: isOfCluster && resource !== 'namespaces' ? '' : request.namespace,
    allNamespaces,
    name,
    dryRun: read.dryRun,
    settings: [...effects.settings].toSorted(),
    images: [...effects.images],
    opaque:
      known === undefined || (group === 'metrics.k8s.io' && !isRead)
        ? [`the resource ${fullName(resource, group)} is not one of Kubernetes itself`]
        : [],
  }
}

/**
 * Labels of a namespace say which pods are let into it (`pod-security.kubernetes.io/enforce`). What is replaced has only those that it says, and what
 * is applied loses those that its manager applied before. The server takes them through `status` and `finalize` as well (registry/core/namespace).
 */
const changesAdmission = (
  { group, resource, verb }: ApiRequest,
  body: Body | BodyFailure,
  { setsLabels }: ObjectEffects,
): boolean =>
  group === '' &&
  resource === 'namespaces' &&
  (verb === 'update' || (verb === 'patch' && (setsLabels || isApply(body))))

function effectKinds({ settings, scalesToZero, makesToken }: ObjectEffects, isOfPods: boolean): string[] {
  const kinds: string[] = []
  if (isOfPods && [...settings].some((setting) => PRIVILEGED.has(setting))) kinds.push('privileged-pod')
  if (scalesToZero) kinds.push('scale-to-zero')
  if (makesToken) kinds.push('token-request')
  return kinds
}

const isApply = (body: Body | BodyFailure): boolean =>
  !('failure' in body) && body.type === 'patch' && body.patch === 'apply'

interface Content {
  /** What the object says that it is called. */
  readonly name?: string
  readonly dryRun: boolean
  /** Whether settings in it become those of pods. */
  readonly isTemplate: boolean
}

function readContent(request: ApiRequest, body: Body | BodyFailure, effects: ObjectEffects): Content {
  const none: Content = { dryRun: false, isTemplate: false }
  // What a proxy passes on is for somebody else: its kind says that anything may happen.
  if (request.subresource === 'proxy' && isConnection(request)) return none
  if ('failure' in body) {
    effects.unknown.add(body.failure)
    return none
  }
  switch (request.verb) {
    case 'create':
    case 'update':
    case 'patch':
      return isConnection(request) ? withoutBody(body, effects) : readObject(request, body, effects)
    case 'delete':
    case 'deletecollection':
      if (isConnection(request)) return withoutBody(body, effects)
      return { ...none, dryRun: readDeleteOptions(request, body, effects) }
    default:
      return withoutBody(body, effects)
  }
}

function withoutBody(body: Body, effects: ObjectEffects): Content {
  if (body.type !== 'none') effects.unknown.add('a body where none is expected')
  return { dryRun: false, isTemplate: false }
}

/** Connections to pods and through the API server: what they carry is no object. */
const isConnection = ({ group, resource, subresource }: ApiRequest): boolean =>
  group === '' &&
  ((resource === 'pods' && ['exec', 'attach', 'portforward', 'proxy'].includes(subresource)) ||
    ((resource === 'services' || resource === 'nodes') && subresource === 'proxy'))

function readObject(request: ApiRequest, body: Body, effects: ObjectEffects): Content {
  const { verb, group, resource } = request
  // What a dry run of a resource that others serve does, only they know.
  const dryRun = request.dryRun && knownResource(group, resource) !== undefined && DRY_RUNS.has(request.subresource)
  if (body.type === 'none') {
    effects.unknown.add('there is no body')
    return { dryRun, isTemplate: true }
  }
  if ((body.type === 'patch') !== (verb === 'patch')) {
    effects.unknown.add(verb === 'patch' ? 'the body is not a patch' : 'the body is a patch')
    return { dryRun, isTemplate: true }
  }
  const message = messageFor(request, body)
  if (message === undefined) {
    // Of a resource that is not known, opaque says so.
    if (knownResource(group, resource) !== undefined && !READ_ELSEWHERE.has(group))
      effects.unknown.add('the body is of another kind than the resource')
    return { ...named(body), dryRun, isTemplate: true }
  }
  if (body.type === 'patch' && body.patch === 'json') readOperations(body.operations, message, effects)
  else {
    const isPatch = body.type === 'patch'
    const directives = isPatch && body.patch === 'strategic'
    if (directives && '$patch' in body.object) effects.unknown.add('a patch that replaces or deletes the whole object')
    readEffects(body.object, message, '', effects, { directives, isPartial: isPatch && body.patch !== 'apply' })
    checkPlace(request, body.object, effects)
  }
  return { ...named(body), dryRun, isTemplate: true }
}

/** The message of the body, which has to be what the path says, as the server demands. */
function messageFor(request: ApiRequest, body: Body): Message | undefined {
  const { group, version, resource, subresource } = request
  const ofPath = group === '' ? version : `${group}/${version}`
  const kind = knownResource(group, resource)?.kind
  if (kind === undefined) return undefined
  const place = `${fullName(resource, group)}/${subresource}`
  const expected =
    SUBRESOURCES.get(place) ??
    (subresource === 'scale'
      ? ['autoscaling/v1 Scale']
      : subresource === '' || subresource === 'status' || WHOLE_OBJECT.has(place)
        ? [`${ofPath} ${kind}`]
        : [])
  const object = body.type === 'object' || (body.type === 'patch' && body.patch !== 'json') ? body.object : {}
  const [first] = expected
  const [usualVersion = '', usualKind = ''] = first?.split(' ') ?? []
  const apiVersion = object['apiVersion'] ?? usualVersion
  const own = object['kind'] ?? usualKind
  if (typeof apiVersion !== 'string' || typeof own !== 'string') return undefined
  // What says nothing of its kind is read as the path's.
  const named = `${apiVersion === '' ? usualVersion : apiVersion} ${own === '' ? usualKind : own}`
  if (!expected.includes(named)) return undefined
  const [itsVersion = '', itsKind = ''] = named.split(' ')
  return messageOfKind(itsVersion, itsKind)
}

/** The server refuses an object that says it is elsewhere; a gateway that believed the path alone would not. */
function checkPlace({ name, namespace, resource }: ApiRequest, object: KubernetesObject, effects: ObjectEffects): void {
  const metadata = object['metadata']
  if (!isObject(metadata)) return
  const own = metadata['namespace']
  if (typeof own === 'string' && own !== '' && own !== namespace && resource !== 'namespaces')
    effects.unknown.add('the body names another namespace than the path')
  const ownName = metadata['name']
  if (name !== '' && typeof ownName === 'string' && ownName !== '' && ownName !== name)
    effects.unknown.add('the body names another object than the path')
}

function named(body: Body): { readonly name?: string } {
  if (body.type !== 'object') return {}
  const metadata = body.object['metadata']
  const name = isObject(metadata) ? metadata['name'] : undefined
  return typeof name === 'string' && name !== '' ? { name } : {}
}

/** With a body, what the query says does not count. */
function readDeleteOptions(request: ApiRequest, body: Body, effects: ObjectEffects): boolean {
  const isKnown = knownResource(request.group, request.resource) !== undefined
  if (body.type === 'none') return request.dryRun && isKnown
  if (body.type !== 'object') {
    effects.unknown.add('the body holds no options of a deletion')
    return false
  }
  const { kind = 'DeleteOptions', apiVersion = 'meta.k8s.io/v1', dryRun } = body.object
  const message = messageOfKind('meta.k8s.io/v1', 'DeleteOptions')
  if (kind !== 'DeleteOptions' || typeof apiVersion !== 'string' || message === undefined) {
    effects.unknown.add('the body holds no options of a deletion')
    return false
  }
  readEffects(body.object, message, '', effects, { directives: false, isPartial: false })
  return isKnown && Array.isArray(dryRun) && dryRun.length === 1 && dryRun[0] === 'All'
}

/** Subresources that keep nothing of a dry run. */
const DRY_RUNS = new Set(['', 'status', 'scale', 'eviction', 'binding', 'ephemeralcontainers', 'resize', 'approval'])
/** Subresources whose body is the object itself. */
const WHOLE_OBJECT = new Set([
  'pods/ephemeralcontainers',
  'pods/resize',
  'namespaces/finalize',
  'certificatesigningrequests.certificates.k8s.io/approval',
])
const SUBRESOURCES: ReadonlyMap<string, readonly string[]> = new Map([
  ['pods/eviction', ['policy/v1 Eviction', 'policy/v1beta1 Eviction']],
  ['pods/binding', ['v1 Binding']],
  ['serviceaccounts/token', ['authentication.k8s.io/v1 TokenRequest']],
])
/** Groups whose messages are not in the API's own packages; a kind of their own says that they are changed. */
const READ_ELSEWHERE = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io'])
/** Settings beyond the baseline of the Pod Security Standards, and the choice of a node. */
const PRIVILEGED: ReadonlySet<string> = new Set(
  wordList(`
    privileged host-network host-pid host-ipc host-path host-port host-process node-name
    capabilities proc-mount unconfined selinux sysctls system-priority
  `),
)
