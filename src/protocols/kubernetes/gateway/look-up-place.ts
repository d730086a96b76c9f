import { placeOf, type PlainAnswer } from '../streams/stream-place.ts'
import { draftOf } from './command-draft.ts'
import type { ConnectionParts } from './connection-parts.ts'
import type { KubernetesCommand } from './read-command.ts'
import { identityHeaders } from './upstream-headers.ts'

/**
 * A request for a stream with the pod that it leads to, which an approval is bound to. Nothing is asked of the API server for what no rule
 * allows.
 */
export async function withPlace(
  command: KubernetesCommand,
  parts: Pick<ConnectionParts, 'session' | 'upstream'>,
  signal: AbortSignal,
): Promise<KubernetesCommand> {
  const { request, transport } = command
  if (request === undefined || transport === undefined) return command
  if (parts.session.denies(draftOf(command, parts.session))) return command
  return { ...command, place: await placeOf(request, (target) => lookUp(target, parts, signal)) }
}

/** As the person, like the request itself. */
export async function lookUp(
  target: string,
  { session, upstream }: Pick<ConnectionParts, 'session' | 'upstream'>,
  signal: AbortSignal,
): Promise<PlainAnswer> {
  const { lease, person, config } = session
  const { status, body } = await upstream.send({
    method: 'GET',
    target,
    headers: [['accept', 'application/json'], ...identityHeaders(lease, person, config.impersonate)],
    body: undefined,
    signal,
  })
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    // No object is as large: etcd takes no more.
    if (length > MAX_OBJECT_BYTES) return { status: 0, body: Buffer.alloc(0) }
    chunks.push(chunk)
  }
  return { status, body: Buffer.concat(chunks) }
}

const MAX_OBJECT_BYTES = 4 * 1024 * 1024
