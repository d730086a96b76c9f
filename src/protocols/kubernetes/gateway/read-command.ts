import type { CommandReader } from '../../../host/command/command-reader.ts'
import type { Facts } from '../../../policy/command.ts'
import { PamError } from '../../../shared/errors.ts'
import type { Exchange, RequestHead } from '../../http/server/exchange.ts'
import { isHostOf } from '../../http/local/local-host.ts'
import { valueOf } from '../../http/wire/headers.ts'
import { factsOf } from '../facts/facts-of.ts'
import type { KubernetesStatement } from '../facts/kubernetes-statement.ts'
import { readApiRequest, type ApiRequest } from '../request/api-request.ts'
import { readBody, type Body, type BodyFailure } from '../request/read-body.ts'
import { execFacts } from '../streams/stream-facts.ts'
import type { StreamPlace } from '../streams/stream-place.ts'
import { readTransport, type Transport } from '../streams/transport.ts'
import { goDuration } from './hold.ts'
import { refusedHeader } from './upstream-headers.ts'

/** A request with what is known of it. */
export interface KubernetesCommand {
  readonly head: Pick<RequestHead, 'method' | 'target' | 'headers'>
  readonly bytes: Buffer
  readonly body: Body | BodyFailure
  /** Undefined where the API server might read it otherwise. */
  readonly request: ApiRequest | undefined
  /** What the request itself does. */
  readonly statements: readonly KubernetesStatement[]
  /** What rules look at: of exec, what the command does within the request. */
  readonly facts: Facts
  /** What it becomes, where it asks for a stream. */
  readonly transport: Transport | undefined
  /** Where that leads, once it is looked up. */
  readonly place?: StreamPlace
  /** Refused whatever policy says. */
  readonly refusal: PamError | undefined
  /** How long the client says that it waits. */
  readonly timeoutMs: number | undefined
}

/** Reads a request as the API server would. `port`: of the agent, where it came through one. */
export async function readCommand(
  { request: head, upgrade }: Pick<Exchange, 'request' | 'upgrade'>,
  bytes: Buffer,
  reader: Pick<CommandReader, 'readWords'>,
  port?: number,
): Promise<KubernetesCommand> {
  const request = readApiRequest(head.method, head.target)
  const body = readBody(valueOf(head.headers, 'content-type'), bytes)
  if ('failure' in request) {
    const statements = [unreadStatement(head, request.failure)]
    return {
      head,
      bytes,
      body,
      request: undefined,
      statements,
      facts: { type: 'kubernetes', statements },
      transport: undefined,
      refusal: new PamError('SYNTAX_ERROR', request.failure),
      timeoutMs: undefined,
    }
  }
  const facts = factsOf(request, body)
  const { statements } = facts
  const [around] = statements
  const transport = transportOf(request, upgrade, head)
  const isExec = streamOf(request) === 'exec' && around !== undefined
  return {
    head,
    bytes,
    body,
    request,
    statements,
    facts: isExec ? await execFacts(request, around, reader) : facts,
    transport: transport instanceof PamError ? undefined : transport,
    refusal:
      hostRefusal(head, port) ??
      refusedHeader(head.headers) ??
      formatRefusal(body) ??
      (transport instanceof PamError ? transport : undefined),
    timeoutMs: goDuration(request.query.get('timeout')?.[0]),
  }
}

/** Which stream a request asks for. */
function streamOf({
  isResource,
  group,
  resource,
  subresource,
}: ApiRequest): 'exec' | 'attach' | 'portforward' | undefined {
  if (!isResource || group !== '' || resource !== 'pods') return undefined
  return subresource === 'exec' || subresource === 'attach' || subresource === 'portforward' ? subresource : undefined
}

function transportOf(
  request: ApiRequest,
  upgrade: string | undefined,
  { method, headers }: RequestHead,
): Transport | PamError | undefined {
  const stream = streamOf(request)
  if (stream !== undefined) return readTransport(stream, method, upgrade, headers)
  return upgrade === undefined
    ? undefined
    : new PamError('FEATURE_REFUSED', 'only exec, attach and port-forward of pods can change the protocol', {
        hint: 'watch over plain HTTP; WebSockets through a proxy to pods and services are not supported',
      })
}

/** What a request may do of which not even the path can be read. */
const unreadStatement = (
  { method, target }: Pick<RequestHead, 'method' | 'target'>,
  why: string,
): KubernetesStatement => ({
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
})

/** A page in a browser could have its own name point here. */
const hostRefusal = ({ host }: RequestHead, port: number | undefined): PamError | undefined =>
  (port === undefined ? LOOPBACK.test(host) : isHostOf(host, port, 443))
    ? undefined
    : new PamError('PROTOCOL_VIOLATION', 'the request is for another host than this local port')

/** Clients that know another format send the request again in that. */
const formatRefusal = (body: Body | BodyFailure): PamError | undefined =>
  'failure' in body && body.isUnsupported === true ? new PamError('ENCODING_REFUSED', body.failure) : undefined

const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i
