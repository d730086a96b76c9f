import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { CommandBatch } from '../../../gateway/engine.ts'
import { valueOf } from '../../http/wire/headers.ts'
import type { KubernetesCommand } from './read-command.ts'

/**
 * What an approval of a request covers besides, where rules ask once per command: further deletions that differ in the object's name alone,
 * and what `kubectl cp` runs next. kubectl says in headers which invocation a request belongs to; a client may say there what it wants, and
 * gets no more by it than whoever decides was shown.
 */
export function batchOf(command: KubernetesCommand): CommandBatch | undefined {
  const { head, request } = command
  const invocation = valueOf(head.headers, 'kubectl-session')
  if (request === undefined || invocation === undefined || !UUID.test(invocation)) return undefined
  const name = valueOf(head.headers, 'kubectl-command') ?? ''
  return deletionBatch(command, [invocation, name]) ?? copyBatch(command, [invocation, name])
}

type Invocation = readonly [session: string, command: string]

/** kubectl asks for one deletion after the other. What belongs to no namespace is asked about one by one: more may go with it. */
function deletionBatch(
  { request, head, bytes, statements }: KubernetesCommand,
  invocation: Invocation,
): CommandBatch | undefined {
  const [statement] = statements
  if (request?.verb !== 'delete' || statement === undefined || statements.length > 1) return undefined
  const { name, namespace, subresource, resource, group } = request
  if (name === '' || namespace === '' || subresource !== '' || resource === 'namespaces') return undefined
  const unnamed = (object: string): string => (object.endsWith(`/${name}`) ? object.slice(0, -name.length) : object)
  const item = JSON.stringify([
    invocation,
    head.target.slice(request.path.length),
    valueOf(head.headers, 'content-type') ?? '',
    createHash('sha256').update(bytes).digest('hex'),
    { ...statement, name: '', path: '', reads: statement.reads.map(unnamed), writes: statement.writes.map(unnamed) },
  ])
  const what = `${resource}${group === '' ? '' : `.${group}`}`
  return {
    item,
    covers: [item],
    limit: MAX_DELETIONS - 1,
    shown: [
      `with it up to ${MAX_DELETIONS - 1} more deletions of ${what} in ${namespace} by the same client command, whose names come one by one and are recorded`,
    ],
  }
}

/** Source: copyToPod in k8s.io/kubectl/pkg/cmd/cp/cp.go. */
function copyBatch({ request, place }: KubernetesCommand, invocation: Invocation): CommandBatch | undefined {
  if (request?.subresource !== 'exec' || place === undefined || place.pod === '' || invocation[1] !== 'kubectl cp')
    return undefined
  const { pod, container, image } = place
  const isTerminal = request.query.get('tty') !== undefined
  const itemOf = (words: readonly string[]): string =>
    JSON.stringify([invocation, request.path, pod, container, image, isTerminal, words])
  const words = request.query.get('command') ?? []
  const [program, option, directory, ...more] = words
  const isQuestion = program === 'test' && option === '-d' && directory !== undefined && more.length === 0
  const next = isQuestion ? unpackingCommands(directory) : []
  return {
    item: itemOf(words),
    covers: next.map(itemOf),
    limit: Math.min(next.length, 1),
    shown: next.length === 0 ? [] : [`with it one of: ${next.map((one) => one.join(' ')).join(', ')}`],
  }
}

/** Into the directory, or where there is none under that name, next to it. */
function unpackingCommands(directory: string): string[][] {
  const places = new Set([posix.normalize(directory), posix.normalize(posix.dirname(directory))])
  return [[], ['--no-same-permissions', '--no-same-owner']].flatMap((options) =>
    [...places].map((place) => ['tar', ...options, '-xmf', '-', '-C', place]),
  )
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const MAX_DELETIONS = 20
