import type { CommandReader } from '../../../host/command/command-reader.ts'
import type { Facts } from '../../../policy/command.ts'
import type { PamError } from '../../../shared/errors.ts'
import { readCommand } from './read-command.ts'

/** A request as rules are tested with it: method and target, and a body in YAML or JSON below. */
export async function readText(
  text: string,
  reader: Pick<CommandReader, 'readWords'>,
): Promise<{ readonly facts: Facts; readonly refusal: PamError | undefined }> {
  const end = text.indexOf('\n')
  const [line, body] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
  const [method = '', target = ''] = line.trim().split(/ +/)
  const isStream = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/(?:exec|attach|portforward)(?:\?|$)/.test(target)
  const headers = [...(body === '' ? [] : [['content-type', 'application/yaml'] as const]), ...(isStream ? STREAM : [])]
  const head = { version: '1.1', method, target, host: 'localhost', headers } as const
  const asked = { request: head, upgrade: isStream ? 'websocket' : undefined }
  const { facts, refusal } = await readCommand(asked, Buffer.from(body), reader)
  return { facts, refusal }
}

/** As kubectl asks for one. */
const STREAM = [
  ['sec-websocket-version', '13'],
  ['sec-websocket-key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ['sec-websocket-protocol', 'v5.channel.k8s.io, SPDY/3.1+portforward.k8s.io'],
] as const
