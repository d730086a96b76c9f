import type { Session } from '../../../gateway/engine.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import type { UpstreamAnswer } from '../../http/upstream/answer.ts'
import type { Header } from '../../http/wire/headers.ts'
import { statusOf } from '../status.ts'
import type { KubernetesTarget } from '../target.ts'
import { AnswerBody } from './answer-body.ts'
import { passedAnswerHeaders } from './answer-headers.ts'
import type { ConnectionParts } from './connection-parts.ts'
import type { KubernetesCommand } from './read-command.ts'
import { reasonFor } from './refuse.ts'
import { identityHeaders, passedHeaders } from './upstream-headers.ts'

export interface AllowedRequest {
  readonly command: KubernetesCommand
  readonly decision: string
  readonly warning: string | undefined
}

/** Sends an allowed request with the gateway's credential, and gives its answer to the client as it comes. */
export async function forward(
  { command, decision, warning }: AllowedRequest,
  exchange: Exchange,
  signal: AbortSignal,
  { session, upstream }: ConnectionParts,
): Promise<void> {
  const start = performance.now()
  let status: number | undefined
  let body: AnswerBody | undefined
  try {
    const answer = await upstream.send({
      method: command.head.method,
      target: command.head.target,
      headers: requestHeaders(command, decision, session),
      body: command.bytes.length === 0 ? undefined : command.bytes,
      signal,
    })
    ;({ status } = answer)
    if (status === 401) throw credentialRefused(answer, session)
    body = new AnswerBody(exchange.answer({ status, headers: answerHeaders(answer, warning) }), exchange.left)
    for await (const chunk of answer.body as AsyncIterable<Buffer>) await body.write(chunk)
    body.end()
  } catch (error) {
    const isTold = session.ended.aborted && command.request?.verb === 'watch' && body?.endsLine === true
    if (!isTold) throw error
    // A watch ends with an event that says why, where the client reads nothing half.
    body?.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(reasonFor(reasonOf(session.ended))) })}\n`)
  } finally {
    session.recorder.outcome({
      type: 'result',
      command: decision,
      tag: status === undefined ? undefined : String(status),
      rows: 0,
      bytes: body?.bytes ?? 0,
      durationMs: Math.round(performance.now() - start),
      error: status === undefined ? 'no answer' : status >= 400 ? String(status) : undefined,
    })
  }
}

function requestHeaders(
  { head }: KubernetesCommand,
  decision: string,
  { lease, person, config }: Session<KubernetesTarget>,
): Header[] {
  return [
    ...passedHeaders(head.headers),
    ...identityHeaders(lease, person, config.impersonate),
    // The audit log of the API server has the decision's id as that of the event.
    ['audit-id', decision],
  ]
}

/** Warnings are shown to people by kubectl (RFC 7234, section 5.5). */
const answerHeaders = ({ headers }: UpstreamAnswer, warning: string | undefined): Header[] => [
  ...passedAnswerHeaders(headers, false),
  ...(warning === undefined ? [] : [['warning', `299 pamctl ${JSON.stringify(warning)}`] as const]),
]

/** It is not the client who has to sign in. */
function credentialRefused({ body }: UpstreamAnswer, { config, logger }: Session<KubernetesTarget>): PamError {
  body.destroy()
  logger.warn({ target: config.name }, 'target.credential_refused')
  return new PamError('TARGET_CREDENTIAL', `${config.name} did not accept the gateway's credential`, {
    side: 'upstream',
    hint: 'contact your gateway administrator',
  })
}
