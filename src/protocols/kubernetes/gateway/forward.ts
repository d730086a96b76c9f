import type { Session } from '../../../gateway/engine.ts'
import type { HostStatement } from '../../../host/command/facts.ts'
import type { Statement } from '../../../policy/command.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import type { UpstreamAnswer, UpstreamRequest } from '../../http/upstream/answer.ts'
import type { Header } from '../../http/wire/headers.ts'
import { serveStream } from '../streams/serve-stream.ts'
import type { Transport } from '../streams/transport.ts'
import type { KubernetesTarget } from '../target.ts'
import { maskableHeaders } from './answer-masking.ts'
import { AnswerRelay, type AllowedRequest } from './answer-relay.ts'
import type { ConnectionParts } from './connection-parts.ts'
import type { KubernetesCommand } from './read-command.ts'
import { identityHeaders, passedHeaders } from './upstream-headers.ts'

/** Sends an allowed request with the gateway's credential, and gives its answer to the client as it comes. */
export async function forward(
  allowed: AllowedRequest,
  exchange: Exchange,
  signal: AbortSignal,
  parts: Pick<ConnectionParts, 'session' | 'upstream' | 'decidePort'>,
): Promise<void> {
  const { command } = allowed
  const { session } = parts
  const start = performance.now()
  const relay = new AnswerRelay(allowed, exchange, session)
  let isStream = false
  try {
    if (command.transport === undefined) {
      const headers = maskableHeaders(passedHeaders(command.head.headers), command, session)
      return await relay.pass(await ask(allowed, headers, signal, parts))
    }
    const answer = await stream(allowed, command.transport, exchange, signal, parts)
    if (answer === undefined) isStream = true
    else await relay.pass(answer)
  } catch (error) {
    if (!relay.tellWatcher()) throw error
  } finally {
    // A stream has put its own end on record.
    if (!isStream) relay.record(performance.now() - start)
  }
}

/**
 * The credential may have been replaced after it was read: where the API server refuses it, and another one is there by now, the request is sent
 * once more. One that may change something is not: what has refused it may not have been the API server.
 */
async function ask(
  allowed: AllowedRequest,
  headers: readonly Header[],
  signal: AbortSignal,
  { session, upstream }: Pick<ConnectionParts, 'session' | 'upstream'>,
): Promise<UpstreamAnswer> {
  const { lease } = session
  const before = lease.password
  const answer = await upstream.send(requestOf(allowed, headers, session, signal))
  if (answer.status !== 401) return answer
  // A certificate is shown when a connection begins.
  if (lease.clientCertificate !== undefined) upstream.renew()
  const isRenewed = lease.clientCertificate !== undefined || lease.password !== before
  if (!isRenewed || !isReading(allowed.command)) return answer
  answer.body.destroy()
  return upstream.send(requestOf(allowed, headers, session, signal))
}

/** What a proxy leads to may do anything for a GET. */
const isReading = ({ head, request }: KubernetesCommand): boolean =>
  head.method === 'GET' && request !== undefined && request.subresource !== 'proxy' && request.verb !== 'proxy'

/** exec, attach and port-forward to their end; an answer of HTTP where the API server wants none of it. */
function stream(
  allowed: AllowedRequest,
  transport: Transport,
  exchange: Exchange,
  signal: AbortSignal,
  { session, upstream, decidePort }: Pick<ConnectionParts, 'session' | 'upstream' | 'decidePort'>,
): ReturnType<typeof serveStream> {
  const { command, decision } = allowed
  const { request } = command
  if (request === undefined) throw new Error('a stream without a request')
  return serveStream({
    session,
    request,
    transport,
    decision,
    archives: command.facts.statements.some(isTar),
    name: `${request.subresource} ${request.name} ${decision}`,
    keep: session.config.recordOutput,
    ended: signal,
    switchProtocols: (headers) => exchange.switchProtocols(headers),
    decidePort: (port, left) => decidePort(command, port, left),
    upgrade: (headers, protocol) =>
      upstream.switchProtocols(
        requestOf(allowed, [...ownHeaders(command.head.headers), ...headers], session, signal),
        protocol,
      ),
  })
}

/** What `kubectl cp` runs. Where it goes on with a copy, the archive has no beginning to know it by. */
const isTar = (statement: Statement & { readonly argv?: HostStatement['argv'] }): boolean =>
  /(?:^|\/)tar$/.test(statement.argv?.[0] ?? '')

/** Of a request that becomes a stream: who the client is, by its own words, and nothing else. */
const ownHeaders = (headers: readonly Header[]): Header[] =>
  passedHeaders(headers).filter(([name]) => name === 'user-agent' || name.startsWith('kubectl-'))

function requestOf(
  { command, decision, warning }: AllowedRequest,
  headers: readonly Header[],
  { lease, person, config }: Session<KubernetesTarget>,
  signal: AbortSignal,
): UpstreamRequest {
  const { head, bytes } = command
  return {
    method: head.method,
    target: head.target,
    headers: [
      ...headers,
      ...identityHeaders(lease, person, config.impersonate),
      // The audit log of the API server has the decision's id as that of the event.
      ['audit-id', decision],
    ],
    body: bytes.length === 0 ? undefined : bytes,
    once: warning !== undefined,
    signal,
  }
}
