import type { Facts } from '../../../policy/command.ts'
import type { CommandReader } from '../../../host/command/command-reader.ts'
import type { HostStatement } from '../../../host/command/facts.ts'
import { hostStatement } from '../../../host/command/host-statement.ts'
import type { KubernetesStatement } from '../facts/kubernetes-statement.ts'
import type { ApiRequest } from '../request/api-request.ts'
import { isSet } from './channels-of.ts'

/**
 * What an exec does: each part of its command, within the request that runs it. Nobody knows who a process in a container is, where it
 * begins, or where its paths lead, so that relative paths are any.
 */
export async function execFacts(
  request: ApiRequest,
  around: KubernetesStatement,
  reader: Pick<CommandReader, 'readWords'>,
): Promise<Facts> {
  const words = request.query.get('command') ?? []
  const { type, statements } = await reader.readWords(words, { login: '', home: undefined }, isSet(request, 'tty'))
  return { type, statements: statements.map((statement) => placed(statement, around)) }
}

/** What one connection of a port-forward does: its port is said by the stream, and not by the request. */
export const forwardFacts = (around: KubernetesStatement, port: number): Facts => ({
  type: 'forward',
  statements: [placed(hostStatement('', { endpoints: [endpointOf(around, port)] }), around)],
})

/** As rules name it in `hosts`: `web-1.dev:8080`. */
const endpointOf = ({ name, namespace }: Pick<KubernetesStatement, 'name' | 'namespace'>, port: number): string =>
  `${name}.${namespace}:${port}`

/** A rule has to name what the request is in full, and what the part is besides. */
const placed = (statement: HostStatement, around: KubernetesStatement): HostStatement => ({
  ...statement,
  kinds: [...new Set([...statement.kinds, ...around.kinds])],
  unknown: [...around.unknown, ...statement.unknown],
  named: true,
  within: around,
})
