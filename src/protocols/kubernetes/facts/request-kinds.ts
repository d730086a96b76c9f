import { wordList } from '../../../shared/word-list.ts'
import type { ApiRequest } from '../request/api-request.ts'
import { fullName, knownResource } from '../request/resources.ts'

/** What a request is, outside resources. */
export function serverKinds({ method, parts }: ApiRequest): { readonly kind: string; readonly problem?: string } {
  const [first = '', second] = parts
  const kind = isDiscovery(parts) ? 'discovery' : PATHS.get(first)
  const isOpenId = parts.join('/') === '.well-known/openid-configuration' || parts.join('/') === 'openid/v1/jwks'
  const found = kind ?? (isOpenId ? 'discovery' : 'server-path')
  if (found === 'server-path') return { kind: found, problem: `the path /${parts.join('/')} is not known` }
  if (method !== 'GET' && method !== 'HEAD') return { kind: found, problem: `${method} is not known for this path` }
  return found === 'discovery' && first === 'version' && second !== undefined
    ? { kind: 'server-path', problem: 'the path after /version is not known' }
    : { kind: found }
}

/** `/`, `/api`, `/api/v1`, `/apis`, `/apis/GROUP`, `/apis/GROUP/VERSION`, `/version`, `/openapi/…`. */
const isDiscovery = ([first, ...rest]: readonly string[]): boolean =>
  first === undefined ||
  (first === 'api' && rest.length <= 1) ||
  (first === 'apis' && rest.length <= 2) ||
  first === 'version'

const PATHS: ReadonlyMap<string, string> = new Map([
  ['openapi', 'openapi'],
  ['healthz', 'health'],
  ['livez', 'health'],
  ['readyz', 'health'],
  ['metrics', 'metrics'],
  ['logs', 'server-logs'],
  ['debug', 'server-debug'],
  ['configz', 'server-debug'],
  ['flagz', 'server-debug'],
  ['statusz', 'server-debug'],
])

/** What a request for a resource is, and what it is besides. */
export function resourceKinds(request: ApiRequest): { readonly kinds: readonly string[]; readonly isRead: boolean } {
  const { verb, group, resource, subresource } = request
  const name = fullName(resource, group)
  const connection = CONNECTIONS.get(`${name}/${subresource}`)
  if (connection !== undefined) return { kinds: [connection], isRead: connection === 'log' }
  const isRead = verb === 'get' || verb === 'list' || verb === 'watch'
  if (isRead) return { kinds: [verb], isRead }
  const creation = verb === 'create' ? CREATIONS.get(`${name}/${subresource}`) : undefined
  if (creation !== undefined) return { kinds: [creation], isRead: false }
  const also: string[] = []
  if (verb === 'update' && subresource === '' && CREATED_BY_UPDATE.has(name)) also.push('create')
  const change = knownResource(group, resource) === undefined ? undefined : CHANGES.get(group)
  if (change !== undefined) also.push(change)
  if (name === 'namespaces' && verb === 'delete' && subresource === '') also.push('delete-namespace')
  if (name === 'namespaces' && subresource === 'finalize') also.push('finalize')
  if (name === 'pods' && subresource === 'ephemeralcontainers') also.push('debug')
  // What controllers and kubelets say of an object: addresses, for instance, to which traffic of a Service then goes.
  if (subresource === 'status') also.push('status-change')
  return { kinds: [verb, ...also], isRead: false }
}

/** What an update creates where there is none (`AllowCreateOnUpdate` in the registry of Kubernetes). */
const CREATED_BY_UPDATE = new Set(
  wordList(`
    services endpoints events events.events.k8s.io limitranges leases.coordination.k8s.io leasecandidates.coordination.k8s.io
    runtimeclasses.node.k8s.io roles.rbac.authorization.k8s.io rolebindings.rbac.authorization.k8s.io
    clusterroles.rbac.authorization.k8s.io clusterrolebindings.rbac.authorization.k8s.io
  `),
)

/** Whatever the method. */
const CONNECTIONS: ReadonlyMap<string, string> = new Map([
  ['pods/exec', 'exec'],
  ['pods/attach', 'attach'],
  ['pods/portforward', 'port-forward'],
  ['pods/log', 'log'],
  ['pods/proxy', 'proxy'],
  ['services/proxy', 'proxy'],
  ['nodes/proxy', 'proxy'],
])

/** What creates no object that stays. */
const CREATIONS: ReadonlyMap<string, string> = new Map([
  ['pods/eviction', 'evict'],
  ['pods/binding', 'bind'],
  ['bindings/', 'bind'],
  ['serviceaccounts/token', 'token-request'],
  ['selfsubjectreviews.authentication.k8s.io/', 'self-review'],
  ['selfsubjectaccessreviews.authorization.k8s.io/', 'self-review'],
  ['selfsubjectrulesreviews.authorization.k8s.io/', 'self-review'],
  ['tokenreviews.authentication.k8s.io/', 'access-review'],
  ['subjectaccessreviews.authorization.k8s.io/', 'access-review'],
  ['localsubjectaccessreviews.authorization.k8s.io/', 'access-review'],
])

/** Groups that decide who may do what, and what happens to requests of everybody. */
const CHANGES: ReadonlyMap<string, string> = new Map([
  ['rbac.authorization.k8s.io', 'rbac-change'],
  ['admissionregistration.k8s.io', 'admission-change'],
  ['apiextensions.k8s.io', 'api-change'],
  ['apiregistration.k8s.io', 'api-change'],
  ['certificates.k8s.io', 'certificate'],
  ['flowcontrol.apiserver.k8s.io', 'admission-change'],
])
