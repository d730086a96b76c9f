import type { ApiClient } from '../gateway-client/api-client.ts'
import type { AccessRequest, Target } from '../api/schemas/access.ts'
import { PamError } from '../shared/errors.ts'
import type { CliContext } from './context.ts'
import { clockTime } from './output/clock-time.ts'
import type { Io } from './output/io.ts'
import { visible } from '../shared/visible.ts'

/** Waits until a request is decided, and says what was. */
export async function waitForRequest(api: ApiClient, request: AccessRequest, io: Io): Promise<AccessRequest> {
  let current = request
  while (current.state === 'pending') {
    const next = await api.requests.get(current.id, LONG_POLL)
    if (next.state === 'pending' && next.status !== current.status) io.note(visible(next.status))
    current = next
  }
  const until = current.grantEndsAt === undefined ? '' : `, until ${clockTime(current.grantEndsAt)}`
  io.note(visible(`${current.status}${until}`))
  return current
}

/** The reason given, or asked for where one is needed and there is somebody to ask. */
export async function reasonFor(
  { io }: CliContext,
  targets: readonly Target[],
  name: string,
  given: string | undefined,
): Promise<string> {
  const target = targets.find((candidate) => candidate.name === name)
  if (target === undefined)
    throw new PamError('TARGET_UNKNOWN', `there is no target "${name}" for you`, {
      hint: '"pamctl targets" lists yours',
    })
  if (given !== undefined || !target.reasonRequired) return given ?? ''
  if (!io.interactive) throw new PamError('NO_TERMINAL', 'a reason is required', { hint: 'give --reason "…"' })
  const { input } = await import('@inquirer/prompts')
  return input({ message: `Why do you need ${name}?`, required: true }, { output: process.stderr })
}

const LONG_POLL = 25_000
