import { TargetRefusal } from '../../../../gateway/target-failure.ts'
import { pause } from '../../../../shared/pause.ts'
import type { Administrator } from './administrator.ts'
import {
  becoming,
  disabling,
  joining,
  leaving,
  membershipsOf,
  preparedBy,
  termination,
  undoing,
} from './role-statements.ts'

/**
 * Terminates the backends of a role and revokes everything that it could do. A person with the role's privileges may have prepared for
 * this, so no step waits for another that a session can delay: a change of the role that is uncommitted, or prepared for two-phase commit,
 * keeps NOLOGIN waiting, but not the end of its backends or of its memberships. When all steps have been tried, throws the target's error
 * of the first that failed.
 */
export async function cutOff(administrator: Administrator, name: string, signal: AbortSignal): Promise<void> {
  const failures: TargetRefusal[] = []
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    const failure = await refusal(step)
    if (failure !== undefined) failures.push(failure)
  }
  // This releases the locks of its transactions. Without pg_signal_backend it works only once the administrator is a member.
  await refusal(() => administrator.ask(termination(name)))
  await attempt(() => administrator.run([joining(name)]))
  for (const [other, isMember] of await administrator.ask(membershipsOf(name)))
    if (other != null) await attempt(() => administrator.run([leaving(name, other, isMember === 'true')]))
  await attempt(() => undoPrepared(administrator, name))
  await attempt(() => endLogins(administrator, name, signal))
  const [first] = failures
  if (first !== undefined) throw first
}

/** Prevents logins, and then terminates the backends; these are terminated as well if the role cannot be changed. */
async function endLogins(administrator: Administrator, name: string, signal: AbortSignal): Promise<void> {
  let failure: TargetRefusal | undefined
  for (let tries = 1; ; tries++) {
    if (tries === 1 || (failure !== undefined && tries <= MAX_TRIES))
      failure = await refusal(() => administrator.change(disabling(name)))
    const left = await administrator.ask(termination(name))
    if (left.length === 0 && (failure === undefined || tries >= MAX_TRIES)) break
    signal.throwIfAborted()
    await pause(POLL_MS)
  }
  if (failure !== undefined) throw failure
}

/** The target's error if it refuses a step; any other failure is thrown. */
async function refusal(step: () => Promise<unknown>): Promise<TargetRefusal | undefined> {
  try {
    await step()
    return undefined
  } catch (error) {
    if (error instanceof TargetRefusal) return error
    throw error
  }
}

/** Rolls back the role's prepared transactions in the database that the administrator is connected to. */
export async function undoPrepared(administrator: Administrator, name: string): Promise<void> {
  const prepared = await administrator.ask(preparedBy(name))
  if (prepared.length === 0) return
  await administrator.run([becoming(name)])
  try {
    for (const [gid] of prepared) if (gid != null) await administrator.run([undoing(gid)])
  } finally {
    await administrator.run(['set role none'])
  }
}

/** Attempts at NOLOGIN: a backend that is being terminated keeps its changes for a moment. */
const MAX_TRIES = 5
const POLL_MS = 50
