import { PamError } from '../../../shared/errors.ts'
import type { Exchange, RequestHead } from '../../http/server/exchange.ts'
import { valueOf } from '../../http/wire/headers.ts'
import { factsOf } from '../facts/facts-of.ts'
import type { KubernetesFacts } from '../facts/kubernetes-statement.ts'
import { readApiRequest, type ApiRequest } from '../request/api-request.ts'
import { readBody, type Body, type BodyFailure } from '../request/read-body.ts'
import { goDuration } from './hold.ts'
import { refusedHeader } from './upstream-headers.ts'

/** A request with what is known of it. */
export interface KubernetesCommand {
  readonly head: Pick<RequestHead, 'method' | 'target' | 'headers'>
  readonly bytes: Buffer
  readonly body: Body | BodyFailure
  /** Undefined where the API server might read it otherwise. */
  readonly request: ApiRequest | undefined
  readonly facts: KubernetesFacts
  /** Refused whatever policy says. */
  readonly refusal: PamError | undefined
  /** How long the client says that it waits. */
  readonly timeoutMs: number | undefined
}

/** Reads a request as the API server would. */
export function readCommand(
  { request: head, upgrade }: Pick<Exchange, 'request' | 'upgrade'>,
  bytes: Buffer,
): KubernetesCommand {
  const request = readApiRequest(head.method, head.target)
  const body = readBody(valueOf(head.headers, 'content-type'), bytes)
  if ('failure' in request)
    return {
      head,
      bytes,
      body,
      request: undefined,
      facts: unreadFacts(head, request.failure),
      refusal: new PamError('SYNTAX_ERROR', request.failure),
      timeoutMs: undefined,
    }
  return {
    head,
    bytes,
    body,
    request,
    facts: factsOf(request, body),
    refusal: hostRefusal(head) ?? refusedHeader(head.headers) ?? formatRefusal(body) ?? upgradeRefusal(upgrade),
    timeoutMs: goDuration(request.query.get('timeout')?.[0]),
  }
}

/** What a request may do of which not even the path can be read. */
const unreadFacts = ({ method, target }: Pick<RequestHead, 'method' | 'target'>, why: string): KubernetesFacts => ({
  type: 'kubernetes',
  statements: [
    {
      type: 'kubernetes',
      kinds: ['server-path'],
      reads: [],
      writes: [],
      unknown: [why],
      verb: method.toLowerCase(),
      group: '',
      resource: '',
      subresource: '',
      namespace: '',
      allNamespaces: true,
      name: '',
      path: target,
      dryRun: false,
      settings: [],
      images: [],
      opaque: [],
    },
  ],
})

/** A page in a browser could have its own name point here. */
const hostRefusal = ({ host }: RequestHead): PamError | undefined =>
  LOOPBACK.test(host)
    ? undefined
    : new PamError('PROTOCOL_VIOLATION', 'the request is for another host than this local port')

/** Clients that know another format send the request again in that. */
const formatRefusal = (body: Body | BodyFailure): PamError | undefined =>
  'failure' in body && body.isUnsupported === true ? new PamError('ENCODING_REFUSED', body.failure) : undefined

const upgradeRefusal = (upgrade: string | undefined): PamError | undefined =>
  upgrade === undefined
    ? undefined
    : new PamError('FEATURE_REFUSED', 'exec, attach, cp and port-forward are not supported yet')

const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i
