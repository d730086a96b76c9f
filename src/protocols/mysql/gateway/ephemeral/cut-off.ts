import { TargetRefusal } from '../../../../gateway/target-failure.ts'
import { PamError } from '../../../../shared/errors.ts'
import { pause } from '../../../../shared/pause.ts'
import type { OwnConnection } from '../login/connect-upstream.ts'
import { connectionsOf, disabling, grantsOf, killing, stripping, type Account } from './account-statements.ts'

/**
 * Ends the connections of an account and revokes everything that it could do: a server that drops an account does not end its connections.
 * Each step is tried, whatever happened to the others. Throws the target's error of the first that failed.
 */
export async function cutOff(
  administrator: Pick<OwnConnection, 'ask' | 'version'>,
  { account, role }: { readonly account: Account; readonly role: string },
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = []
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof TargetRefusal) && !(error instanceof PamError)) throw error
      failures.push(error)
    }
  }
  await attempt(() => administrator.ask(disabling(account)))
  for (const statement of stripping(account, role)) await refusal(() => administrator.ask(statement))
  await attempt(() => expectNoRights(administrator, account))
  await attempt(() => endConnections(administrator, account, signal))
  if (failures.length > 0) throw failures[0]
}

/** Revoking a privilege that the account does not have is an error with different codes on each server, so only what is left counts. */
async function expectNoRights({ ask }: Pick<OwnConnection, 'ask'>, account: Account): Promise<void> {
  let grants: readonly (readonly (string | null)[])[] = []
  const failure = await refusal(async () => (grants = await ask(grantsOf(account))))
  if (failure !== undefined && failure.code !== NO_SUCH_GRANT) throw failure
  if (!grants.every(([grant]) => grant?.startsWith('GRANT USAGE ON *.* TO ') === true))
    throw new PamError('TARGET_REFUSED', `the target did not revoke all rights of ${account.user}`, {
      side: 'upstream',
    })
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

/** Kills connections until none is left that could do anything: a killed one may roll back for long, and accepts no more statements. */
async function endConnections(
  { ask, version }: Pick<OwnConnection, 'ask' | 'version'>,
  account: Account,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const living = (await ask(connectionsOf(account))).filter(([, isKilled]) => isKilled !== '1')
    if (living.length === 0) return
    for (const [id] of living) {
      if (id == null || !/^\d+$/.test(id)) continue
      const failure = await refusal(() => ask(killing(version.flavor, id)))
      if (failure !== undefined && failure.code !== NO_SUCH_THREAD) throw failure
    }
    signal.throwIfAborted()
    await pause(POLL_MS)
  }
}

const NO_SUCH_THREAD = '1094'
/** ER_NONEXISTING_GRANT: the account does not exist. */
const NO_SUCH_GRANT = '1141'
const POLL_MS = 50
