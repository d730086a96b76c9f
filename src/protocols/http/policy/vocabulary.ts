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
import type { HttpStatement } from '../facts/http-statement.ts'
import { checkBodyField, matchesBodyField } from './body-fields.ts'
import { checkContentType, matchesContentType } from './content-types.ts'
import { methods } from './kinds.ts'
import { checkGrpcMethod, matchesGrpcMethod } from './grpc-methods.ts'
import { checkField } from './masked-fields.ts'
import { checkName, matchesDescribed } from './operations.ts'
import { checkQueryField, matchesQueryField } from './query-fields.ts'
import { checkRoute, matchesRoute } from './routes.ts'
import { otherPathsOf } from '../request/read-target.ts'

/** How policy speaks of requests to services of HTTP. */
export const httpVocabulary: Vocabulary<HttpStatement> = {
  type: 'http',
  about: 'HTTP services',
  noun: 'request',
  hasColumns: false,
  checkField,
  fields: {
    methods: {
      schema: z
        .array(z.enum(methods as [string, ...string[]]))
        .min(1)
        .optional()
        .describe('methods, in upper case; GET stands for HEAD as well'),
      otherwise: (value) => `applies only to ${listed(value)}`,
      describe: (value) => `with method ${listed(value)}`,
    },
    routes: {
      schema: patternList(checkRoute).describe(
        'paths such as /api/orders/{id}: {name} or * for one segment, ** at the end for all below, and the path itself',
      ),
      otherwise: (value) => `applies only to ${listed(value)}`,
      describe: (value) => `to ${listed(value)}`,
    },
    grpcMethods: {
      schema: patternList(checkGrpcMethod).describe(
        'methods of gRPC services as billing.v1.Invoices/Delete, or billing.v1.Invoices/* for all of a service',
      ),
      otherwise: (value) => `applies only to calls of ${listed(value)}`,
      describe: (value) => `calling ${listed(value)}`,
    },
    query: {
      schema: patternList(checkQueryField).describe(
        'parameters of the query as NAME or NAME=VALUE, with * for any characters of the value; any of them',
      ),
      otherwise: (value) => `names other parameters: ${listed(value)}`,
      describe: (value) => `with ${listed(value)}`,
    },
    contentTypes: {
      schema: patternList(checkContentType).describe('types of the body, without parameters, such as application/json'),
      otherwise: (value) => `names other types of content: ${listed(value)}`,
      describe: (value) => `carrying ${listed(value)}`,
    },
    body: {
      schema: patternList(checkBodyField).describe(
        'values in a body of JSON as POINTER=VALUE, such as /status=cancelled (RFC 6901); any of them',
      ),
      otherwise: (value) => `names other values in the body: ${listed(value)}`,
      describe: (value) => `saying ${listed(value)}`,
    },
    operations: {
      schema: patternList(checkName).describe(
        'operations of the OpenAPI document of the target, by operationId, or as "DELETE /orders/{id}" where there is none',
      ),
      otherwise: (value) => `names other operations: ${listed(value)}`,
      describe: (value) => `that are the operations ${listed(value)}`,
    },
    tags: {
      schema: patternList(checkName).describe('tags of operations in the OpenAPI document of the target; any of them'),
      otherwise: (value) => `names other tags: ${listed(value)}`,
      describe: (value) => `of operations tagged ${listed(value)}`,
    },
  },
  // What passes through one is not judged message by message.
  namedInFull: new Set(['websocket']),
  alsoKinds: {},
  toldByText: new Set(['kinds', 'unknown', 'methods', 'routes', 'grpcMethods', 'query', 'contentTypes', 'body']),
  answersOpaque: [],
  matches: matchesRequest,
  name,
  subject: (statement) => `this ${name(statement)}`,
  operationOf: ({ described }) => described?.operation?.name,
  describe,
  opaque: () => [],
  whyMaybe,
  undescribed: (match, statement, isConditionKnown) =>
    isUndescribed(statement) && (!isConditionKnown || matchesAsUndescribed(match, statement))
      ? { reason: statement.unknown.join('; '), advice: `${ADD_ADVICE}, in front of this one` }
      : undefined,
  adviceOnUnknown: ({ described }) => (described === undefined ? REWRITE_ADVICE : ADD_ADVICE),
  contradictions,
  variables: {
    method: { type: 'string', absent: '' },
    path: { type: 'string', absent: '' },
    segments: { type: 'list<string>', absent: [] },
    queryNames: { type: 'list<string>', absent: [] },
    contentType: { type: 'string', absent: '' },
    operation: { type: 'string', absent: '' },
    tags: { type: 'list<string>', absent: [] },
    grpcService: { type: 'string', absent: '' },
    grpcMethod: { type: 'string', absent: '' },
  },
  values,
  otherValues(statement) {
    const { reads, writes, request } = statement
    const own = values(statement)
    if (own === undefined) return []
    const moved = (paths: readonly string[], path: string): string[] =>
      paths.map((one) => (one === request.path ? path : one))
    return otherPathsOf(request.path).map(({ path, segments }) => ({
      ...own,
      path,
      segments,
      reads: moved(reads, path),
      writes: moved(writes, path),
    }))
  },
}

/** What conditions may ask of a request. Where a server may take it for another operation, nothing can be said of which it is. */
function values({
  request: { method, path, segments, query, contentType, grpc },
  unknown,
  described,
}: HttpStatement): Readonly<Record<string, unknown>> | undefined {
  if (unknown.length > 0 || (described !== undefined && described.alternatives.length > 0)) return undefined
  return {
    method,
    path,
    segments: [...segments],
    queryNames: query.map((one) => one.name),
    contentType,
    operation: described?.operation?.name ?? '',
    tags: [...(described?.operation?.tags ?? [])],
    grpcService: grpc?.service ?? '',
    grpcMethod: grpc?.method ?? '',
  }
}

/** As the schema of the fields gives it. */
interface RequestMatch extends StatementMatch {
  readonly methods?: readonly string[]
  readonly routes?: readonly string[]
  readonly grpcMethods?: readonly string[]
  readonly query?: readonly string[]
  readonly contentTypes?: readonly string[]
  readonly body?: readonly string[]
  readonly operations?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
}

/** A rule that refuses or holds matches what any server may take for what it names; one that allows only what is surely that. */
function matchesRequest(match: RequestMatch, effect: CommandEffect['type'], statement: HttpStatement): boolean {
  const surely = effect === 'allow'
  const { kinds, unknown, request, described } = statement
  const isUnknown = unknown.length > 0
  if (!matchesUnknown(match.unknown, effect, isUnknown)) return false
  if (surely && kinds.includes('websocket') && match.kinds?.includes('websocket') !== true) return false
  if (match.kinds !== undefined) {
    const isNamed = (kind: string): boolean => match.kinds?.some((pattern) => matchesKind(pattern, kind)) === true
    // A rule for WebSockets need not say that they begin as a GET.
    const named = kinds.includes('websocket') ? ['websocket'] : kinds
    if (!(surely ? named : kinds).some(isNamed)) return false
  }
  if (match.methods !== undefined && !matchesMethod(match.methods, request.method)) return false
  // What could not be read may be for any of them.
  if (isUnread(statement)) return true
  if (match.routes !== undefined && !match.routes.some((route) => matchesRoute(route, request.segments, surely)))
    return false
  if (
    match.grpcMethods !== undefined &&
    !match.grpcMethods.some((method) => matchesGrpcMethod(method, request, surely))
  )
    return false
  if (match.query !== undefined && !match.query.some((field) => matchesQueryField(field, request, surely))) return false
  if (match.contentTypes !== undefined && !match.contentTypes.some((type) => matchesContentType(type, request, surely)))
    return false
  const { operations: names, tags } = match
  if (names !== undefined && !matchesDescribed(described, surely, ({ name: one }) => names.includes(one))) return false
  if (tags !== undefined && !matchesDescribed(described, surely, (one) => one.tags.some((tag) => tags.includes(tag))))
    return false
  return match.body === undefined || match.body.some((field) => matchesBodyField(field, request.body, surely))
}

/** It can be read, and the OpenAPI document of the target does not have it. */
const isUndescribed = ({ request, unknown }: HttpStatement): boolean => unknown.length > 0 && request.path !== ''

/** Whether a rule that denies matches a request only because the document does not have it: without a document it would not. */
const matchesAsUndescribed = (match: StatementMatch, statement: HttpStatement): boolean =>
  match.unknown !== true &&
  !matchesRequest(match, 'deny', {
    ...statement,
    kinds: statement.kinds.filter((kind) => kind !== 'unsafe'),
    unknown: [],
    described: undefined,
  })

const ADD_ADVICE =
  'ask your administrator to add it to the OpenAPI document, or for a rule that allows its route with `unknown: true`'

/** Nothing of it is known but its method. */
const isUnread = ({ request, unknown }: HttpStatement): boolean => unknown.length > 0 && request.path === ''

/** Servers answer a HEAD as they would the GET. */
const matchesMethod = (methodNames: readonly string[], method: string): boolean =>
  methodNames.includes(method) || (method === 'HEAD' && methodNames.includes('GET'))

function name({ kinds, request: { method, path }, described }: HttpStatement): string {
  const operation = described?.operation === undefined ? '' : ` (${described.operation.name})`
  return `${kinds.includes('websocket') ? 'WebSocket' : method} ${path === '' ? '(unread path)' : path}${operation}`
}

/** For whoever decides: of what, and what else a server might take it for. */
function describe({ described }: HttpStatement): readonly string[] {
  if (described === undefined) return []
  const { operation, alternatives } = described
  return [
    ...(operation === undefined || operation.tags.length === 0 ? [] : [`tagged ${operation.tags.join(', ')}`]),
    ...(alternatives.length === 0
      ? []
      : [`a server may take it for ${alternatives.map((one) => one.name).join(' or ')}`]),
  ]
}

function whyMaybe(given: RequestMatch, statement: HttpStatement): string | undefined {
  const { body: fields, routes, operations, tags } = given
  const { body, segments } = statement.request
  if (isUnread(statement)) return 'could not be read'
  if (isUndescribed(statement) && given.unknown === true) return 'is not in the OpenAPI document'
  if (isUndescribed(statement) && matchesAsUndescribed(given, statement))
    return 'is not in the OpenAPI document, and may do what any operation does'
  if ((operations ?? tags) !== undefined && !matchesRequest({ operations, tags }, 'allow', statement))
    return 'may be taken for another operation by some server'
  if (fields !== undefined && body.type === 'opaque') return `has ${body.reason}, which may say anything`
  if (fields !== undefined && body.type === 'long') return 'has a body that is too long to be read'
  if (fields !== undefined && body.type === 'form') return 'has a form, of which each framework makes another object'
  return routes !== undefined && !routes.some((route) => matchesRoute(route, segments, true))
    ? 'may be taken for it by a server that does not look at letter case, suffixes, slashes at the end or whether a slash is encoded'
    : undefined
}

/** Parts that no request has together. */
function contradictions(match: RequestMatch, kinds: readonly string[] | undefined): readonly Contradiction[] {
  const { methods: named, body, contentTypes, grpcMethods } = match
  if (grpcMethods !== undefined && named?.includes('POST') === false)
    return [{ field: 'methods', message: `methods names ${named.join(', ')}, and calls of gRPC are POST` }]
  const field = body !== undefined ? 'body' : contentTypes !== undefined ? 'contentTypes' : undefined
  if (field !== undefined && kinds?.length === 1 && kinds[0] === 'websocket')
    return [{ field, message: `${field} is about bodies, and a request for a WebSocket has none` }]
  if (named === undefined || kinds === undefined) return []
  return named.some((method) => kinds.includes(method.toLowerCase())) || kinds.includes('websocket')
    ? []
    : [{ field: 'methods', message: `methods names ${named.join(', ')}, and kinds only ${kinds.join(', ')}` }]
}
