import { item } from '../../../shared/item.ts'
import { readQuery } from './query.ts'
import { checkParameters } from './query-parameters.ts'

/**
 * One request as the API server's RequestInfoFactory reads it (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go). What that could
 * read otherwise than this is a failure; what it reads alike and we do not know the effect of is `unknown`.
 */
export interface ApiRequest {
  readonly isResource: boolean
  /** The method, in upper case. */
  readonly method: string
  /** As sent, without the query. */
  readonly path: string
  /** `get list watch create update patch delete deletecollection`; outside resources the method in lower case. */
  readonly verb: string
  /** `api` or `apis`; empty outside resources. */
  readonly apiPrefix: string
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** From the resource on. Outside resources all of the path. */
  readonly parts: readonly string[]
  readonly query: ReadonlyMap<string, readonly string[]>
  /** What the query says. A body with DeleteOptions says it in place of the query. */
  readonly dryRun: boolean
  /** Why its effect cannot be known, for instance a parameter that is not known for the verb. */
  readonly unknown: readonly string[]
}

export interface RequestFailure {
  /** For the client: why the request is refused as malformed. */
  readonly failure: string
}

/** `method` and `target` as in the request line or in `:method` and `:path`. */
export function readApiRequest(method: string, target: string): ApiRequest | RequestFailure {
  if (!METHODS.has(method)) return { failure: `the method ${method} is not supported` }
  const [path = '', ...queries] = target.split('?')
  // A second question mark is a character of the query.
  const query = readQuery(queries.length === 0 ? undefined : queries.join('?'))
  if ('failure' in query) return query
  const segments = readPath(path)
  if ('failure' in segments) return segments
  const request = readSegments(method, path, segments.names, query.parameters)
  if ('failure' in request) return request
  const isWatchPath = segments.names[segments.names[0] === 'api' ? 2 : 3] === 'watch'
  const names = isWatchPath ? { name: request.name } : nameOfSelector(request)
  if ('failure' in names) return names
  const named = { ...request, ...names }
  const { failure, unknown } = checkParameters(named)
  return failure === undefined ? { ...named, unknown: [...named.unknown, ...unknown] } : { failure }
}

/** Segments, decoded as the server decodes them before it splits; empty for `/`. */
function readPath(path: string): { readonly names: readonly string[] } | RequestFailure {
  if (!path.startsWith('/')) return { failure: 'the target of a request is a path that begins with a slash' }
  if (!PATH.test(path)) return { failure: 'the path has characters that the API server might parse differently' }
  const names = path.slice(1).split('/')
  // A slash at the end means nothing to the API server, and something to what it proxies to.
  const isTrailing = names.length > 1 && names.at(-1) === ''
  const decoded = (isTrailing ? names.slice(0, -1) : names).map((name) =>
    name.replace(ESCAPE, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
  )
  if (path === '/') return { names: [] }
  if (decoded.includes('')) return { failure: 'the path has an empty segment' }
  if (decoded.some((name) => name === '.' || name === '..'))
    return { failure: 'the path contains a segment "." or ".."' }
  if (decoded.some((name) => !SEGMENT.test(name)))
    return { failure: 'the path has an escape that the API server might parse differently' }
  if (isTrailing && !mayEndInSlash(decoded)) return { failure: 'the path ends in a slash' }
  return { names: decoded }
}

/** Only what follows `…/proxy` is for somebody else to read. */
function mayEndInSlash(names: readonly string[]): boolean {
  const at = names.indexOf('proxy')
  return names[0] === 'api' && at >= 4
}

function readSegments(
  method: string,
  path: string,
  names: readonly string[],
  query: ApiRequest['query'],
): ApiRequest | RequestFailure {
  const dryRun = query.get('dryRun')?.[0] === 'All'
  const base = { method, path, query, dryRun, unknown: [] }
  const [apiPrefix = ''] = names
  const isCore = apiPrefix === 'api'
  const resourceAt = isCore ? 2 : 3
  if ((!isCore && apiPrefix !== 'apis') || names.length <= resourceAt) {
    // Of the server itself: discovery, health and the like.
    const none = { apiPrefix: '', group: '', version: '', namespace: '', resource: '', subresource: '', name: '' }
    return { ...base, ...none, isResource: false, verb: method.toLowerCase(), parts: names }
  }
  const group = isCore ? '' : item(names, 1)
  const version = item(names, resourceAt - 1)
  let rest = names.slice(resourceAt)
  let verb = VERBS[method]
  if (verb === undefined) return { failure: `the method ${method} is not one of resources` }
  const isWatchPath = rest[0] === 'watch'
  if (rest[0] === 'proxy') return { failure: 'paths with the verb proxy are no longer served' }
  if (isWatchPath) {
    if (method !== 'GET') return { failure: `a watch needs the method GET, not ${method}` }
    if (rest.length < 2) return { failure: 'a watch needs a resource' }
    verb = 'watch'
    rest = rest.slice(1)
  }
  let namespace = ''
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = item(rest, 1)
    if (rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(item(rest, 2))) rest = rest.slice(2)
  }
  const [resource = '', name = '', subresource = ''] = rest
  if (name === '' && verb === 'get') verb = isWatching(query) ? 'watch' : 'list'
  if (name === '' && verb === 'delete') verb = 'deletecollection'
  const places = { apiPrefix, group, version, namespace, resource, subresource, name, parts: rest }
  const unknown =
    rest.length > 3 && !(isCore && subresource === 'proxy') ? ['the path continues after its subresource'] : []
  if (![group, version, resource].every((word) => word === '' || DNS_NAME.test(word)))
    return { failure: 'the path names no group, version and resource that the API server could serve' }
  return { ...base, ...places, unknown, isResource: true, verb }
}

/** `watch`, `watch=` and `watch=yes` all watch. */
const isWatching = (query: ApiRequest['query']): boolean => {
  const [value] = query.get('watch') ?? []
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false'
}

/** A list or watch of one name by its field selector is about that name; one by a path with `watch` is not. */
function nameOfSelector(request: ApiRequest): { readonly name: string } | RequestFailure {
  const { name, verb, query } = request
  const [selector] = query.get('fieldSelector') ?? []
  if (selector === undefined || name !== '' || (verb !== 'list' && verb !== 'watch')) return { name }
  const exact = selectorTerms(selector).filter(({ field, operator }) => field === 'metadata.name' && operator === '=')
  if (exact.length > 1) return { failure: 'fieldSelector names more than one metadata.name' }
  const [term] = exact
  if (term === undefined || term.value === '') return { name: '' }
  return SEGMENT.test(term.value) && term.value !== '.' && term.value !== '..'
    ? { name: term.value }
    : { failure: 'metadata.name of fieldSelector cannot be a name' }
}

export interface SelectorTerm {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/** Terms of a field selector that `checkParameters` lets pass: without escapes. */
export const selectorTerms = (selector: string): readonly SelectorTerm[] =>
  selector
    .split(',')
    .filter((term) => term !== '')
    .map((term) => {
      const [, field = '', operator = '', value = ''] = /^([^=!]*)(!=|==|=)(.*)$/.exec(term) ?? []
      return { field, operator: operator === '!=' ? '!=' : '=', value }
    })

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}
/** `status` and `finalize` of a namespace are no resources in it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize'])
/** Characters of a path (RFC 3986) but those that end it, split it or mean something to some readers. */
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})*$/
const ESCAPE = /%([0-9A-Fa-f]{2})/g
/** What a segment may hold once it is decoded: no slash, per cent sign, backslash, control character or white space. */
const SEGMENT = /^[A-Za-z0-9._~!$&'()*+,=:@[\]-]+$/
const DNS_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/
