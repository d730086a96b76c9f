import type { Facts } from '../../../policy/command.ts'
import type { PamError } from '../../../shared/errors.ts'
import { isGrpcCall } from '../grpc/call.ts'
import { GRPC_HEADERS, passedHeaders } from '../request/read-headers.ts'
import { MAX_JUDGED } from '../request/read-request.ts'
import { descriptionOf } from '../openapi/target-description.ts'
import type { HttpTarget } from '../target.ts'
import { withoutHandshake } from '../websocket/handshake.ts'
import type { Header } from '../wire/headers.ts'
import { readCommand } from './read-command.ts'

/** A request as rules are tested with it: method and path, headers where they matter, and a body behind an empty line. */
export function readText(
  text: string,
  target: HttpTarget | undefined,
  baseDirectory: string,
): { readonly facts: Facts; readonly refusal: PamError | undefined } {
  const at = /\r?\n\r?\n/.exec(text)
  const [line = '', ...lines] = (at === null ? text : text.slice(0, at.index)).trim().split(/\r?\n/)
  const body = at === null ? '' : text.slice(at.index + at[0].length).replace(/\r?\n$/, '')
  const [, method = '', path = ''] = /^(\S+)\s+(\S+)(?:\s+HTTP\/[\d.]+)?$/.exec(line.trim()) ?? []
  const given = lines.flatMap((header): Header[] => {
    const colon = header.indexOf(':')
    return colon < 0 ? [] : [[header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()]]
  })
  const upgrade = given.find(([name]) => name === 'upgrade')?.[1]
  const isTyped = given.some(([name]) => name === 'content-type')
  const headers: Header[] = body === '' || isTyped ? given : [...given, ['content-type', 'application/json']]
  // A call of gRPC is one in HTTP/2 alone; other requests are the same in each version.
  const head = { version: '2', method, target: path, headers } as const
  const isCall = isGrpcCall(head)
  const ownNames = [...(isCall ? GRPC_HEADERS : []), ...(target?.headers ?? [])]
  const { facts, refusal } = readCommand(head, upgrade, isCall && body === '' ? undefined : Buffer.from(body), {
    passed: passedHeaders(upgrade === undefined ? headers : withoutHandshake(headers), ownNames),
    description: target === undefined ? undefined : descriptionOf(target, baseDirectory),
    encodedSlashes: target?.encodedSlashes ?? false,
    maxBody: target?.maxBody ?? MAX_JUDGED,
  })
  return { facts, refusal }
}
