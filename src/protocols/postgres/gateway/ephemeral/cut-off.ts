import { TargetSaidNo } from '../../../../gateway/target-failure.ts'
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
 * Ends what runs as a role and takes away all that it could do. Whoever has the role's rights may have prepared for this, so no step waits
 * for another that a session can hold up: a change of the role that is not committed or prepared for two-phase commit keeps NOLOGIN
 * waiting, but neither the end of its backends nor that of its memberships. Throws what the target said of the first step that failed, once
 * all have been tried.
 */
export async function cutOff(administrator: Administrator, name: string, signal: AbortSignal): Promise<void> {
  const failures: TargetSaidNo[] = []
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    const failure = await refusal(step)
    if (failure !== undefined) failures.push(failure)
  }
  // What its transactions hold is free from here on. Without pg_signal_backend it works once the administrator is a member.
  await refusal(() => administrator.ask(termination(name)))
  await attempt(() => administrator.run([joining(name)]))
  for (const [other, isMember] of await administrator.ask(membershipsOf(name)))
    if (other != null) await attempt(() => administrator.run([leaving(name, other, isMember === 'true')]))
  await attempt(() => undoPrepared(administrator, name))
  await attempt(() => endLogins(administrator, name, signal))
  const [first] = failures
  if (first !== undefined) throw first
}

/** No more logins, and then no more backends: these are ended, too, where the role cannot be changed. */
async function endLogins(administrator: Administrator, name: string, signal: AbortSignal): Promise<void> {
  let failure: TargetSaidNo | undefined
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

/** What the target says where it refuses a step; any other failure is thrown. */
async function refusal(step: () => Promise<unknown>): Promise<TargetSaidNo | undefined> {
  try {
    await step()
    return undefined
  } catch (error) {
    if (error instanceof TargetSaidNo) return error
    throw error
  }
}

/** Rolls back what it has prepared in the database that the administrator is connected to. */
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

/** Of NOLOGIN: a backend that is being ended holds on to what it has changed for a moment. */
const MAX_TRIES = 5
const POLL_MS = 50
