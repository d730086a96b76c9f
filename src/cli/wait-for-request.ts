import type { ApiClient } from '../gateway-client/api-client.ts'
import type { AccessRequest, Target } from '../api/schemas/access.ts'
import { asPamError, PamError, UsageError } from '../shared/errors.ts'
import { localTimeZone } from './command.ts'
import type { CliContext } from './context.ts'
import { Exit } from './exit-codes.ts'
import { interruptible } from './interruption.ts'
import { editText } from './editor.ts'
import type { Io } from './output/io.ts'
import { whileWaiting } from './output/spinner.ts'
import { targetNamed } from './target-named.ts'
import { visibleInLine } from '../shared/visible.ts'

/** A request, and whether this command made it. */
export interface OpenRequest {
  readonly request: AccessRequest
  readonly isOurs: boolean
}

/**
 * Waits until a request is decided, and says what was. A command that is interrupted meanwhile withdraws the request that it made:
 * nobody is there to use what would be approved. A request of an earlier command stays.
 */
export async function waitForRequest(api: ApiClient, open: () => Promise<OpenRequest>, io: Io): Promise<AccessRequest> {
  return interruptible(async (interruption) => {
    const { request, isOurs } = await open()
    const { signal } = interruption
    let current = request
    try {
      if (current.state === 'pending') {
        await whileWaiting(io, `${waitsFor(current)}${isOurs ? '; Ctrl-C withdraws the request' : ''}`, async () => {
          while (current.state === 'pending') {
            signal.throwIfAborted()
            const next = await api.requests.get(current.id, LONG_POLL, signal)
            if (next.state === 'pending' && next.status !== current.status) io.note(visibleInLine(next.status))
            current = next
          }
        })
      }
    } catch (error) {
      const standing = `${request.id} is still waiting; to withdraw it: pamctl withdraw ${request.id}`
      if (!signal.aborted) {
        io.note(standing)
        throw error
      }
      io.note(isOurs ? await withdrawn(api, request.id, standing) : standing)
      throw new Exit(interruption.exitCode)
    }
    // What else was decided is told by whoever needed it.
    noteApproved(io, current)
    if (signal.aborted) throw new Exit(interruption.exitCode)
    return current
  })
}

/** Who may decide: `waiting for sre or dba to decide`, `waiting for 2 people of sre or dba to decide`. */
function waitsFor({ approvers: { groups, count } }: Pick<AccessRequest, 'approvers'>): string {
  const who = groups.join(' or ')
  return visibleInLine(`waiting for ${count === 1 ? who : `${count} people of ${who}`} to decide`)
}

/** REQUEST_DENIED with what was decided, unless it is a yes. */
export function needApproved({ id, state, status }: AccessRequest): void {
  if (state !== 'approved') throw new PamError('REQUEST_DENIED', visibleInLine(`${id} was ${status}`), { id })
}

/** Withdraws it; says what became of it. */
async function withdrawn(api: ApiClient, id: string, standing: string): Promise<string> {
  try {
    await api.requests.withdraw(id, AbortSignal.timeout(WITHDRAWAL_TIMEOUT_MS))
    return `withdrew ${id}`
  } catch (error) {
    const { code, message } = asPamError(error)
    // It was decided in the same moment.
    return visibleInLine(code === 'ALREADY_DECIDED' ? message : `cannot withdraw it (${message}): ${standing}`)
  }
}

/** Says that a request was filed, and who or what decides on it. What was approved at once is told by `noteApproved`. */
export function noteFiled(
  io: Io,
  { id, state, approvers, people, asking, startsAt }: AccessRequest,
  what: string,
  end = '',
): void {
  const groups = approvers.groups.join(' or ')
  io.note(`${what}: ${id}${state === 'pending' ? ` (approvers: ${groups})${end}` : ''}`)
  if (startsAt !== undefined) io.note(`access begins at ${io.clock(startsAt)} ${localTimeZone()}`)
  if (people !== undefined) io.note(visibleInLine(`people decide: ${people}`))
  if (asking !== undefined && state === 'pending')
    io.note(visibleInLine(`the webhook "${asking}" is asked; ${groups} can decide meanwhile`))
}

/** Says how a request was approved, and until when. */
export function noteApproved(io: Io, { state, status, grantEndsAt }: AccessRequest): void {
  if (state !== 'approved') return
  const until = grantEndsAt === undefined ? '' : `, until ${io.clock(grantEndsAt)}`
  io.note(visibleInLine(`${status}${until}`))
}

export interface ReasonOptions {
  readonly reason?: string
  /** Written in the user's editor. */
  readonly edit?: boolean
  /** Of a verb for scripts, whose output is often captured while the terminal is still there: then nothing is asked. */
  readonly forScripts?: boolean
}

/** One that is mistyped is said here; what of several can be requested, the gateway says of all at once. */
const wanted = (targets: readonly Target[], names: readonly string[]): readonly Target[] =>
  names.length > 1
    ? targets.filter(({ name }) => names.includes(name))
    : names.map((name) => targetNamed(targets, name))

/** The reason given, or asked for where one is needed and there is somebody to ask. */
export async function reasonFor(
  context: CliContext,
  targets: readonly Target[],
  {
    names,
    labels,
  }: { readonly names: readonly string[]; readonly labels?: Readonly<Record<string, string>> | undefined },
  { reason: given, edit = false, forScripts = false }: ReasonOptions,
): Promise<string> {
  const { io } = context
  if (edit && given !== undefined)
    throw new UsageError('--reason and --edit both say why', 'give one of them (PAMCTL_REASON counts as --reason)')
  const asked =
    labels === undefined
      ? wanted(targets, names)
      : targets.filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))
  const [only] = asked
  // Nobody writes a reason for what is going to be refused.
  if (asked.length === 1 && only?.locked !== undefined)
    throw new PamError('LOCKED', visibleInLine(only.locked), {
      hint: 'ask your administrator to lift it; "pamctl locks" lists locks',
    })
  const question = visibleInLine(`Why do you need ${asked.map(({ name }) => name).join(', ')}?`)
  if (edit) return editText(context, question)
  if (given !== undefined || !asked.some(({ reasonRequired }) => reasonRequired)) return given ?? ''
  if (!io.interactive || (forScripts && !io.stdoutIsTerminal))
    throw new PamError('NO_TERMINAL', 'a request for access needs a reason', {
      hint: forScripts
        ? visibleInLine(
            `get access first: pamctl request ${names.join(' ')} --reason "…" --wait; or give --reason "…" here`,
          )
        : 'give --reason "…"',
    })
  const { input } = await import('@inquirer/prompts')
  return input({ message: question, required: true }, { output: process.stderr })
}

const LONG_POLL = 25_000
const WITHDRAWAL_TIMEOUT_MS = 5000
