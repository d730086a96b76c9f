import { TargetSaidNo } from '../../../../gateway/target-failure.ts'
import { PamError } from '../../../../shared/errors.ts'
import { pause } from '../../../../shared/pause.ts'
import type { OwnConnection } from '../login/connect-upstream.ts'
import { connectionsOf, disabling, grantsOf, killing, stripping, type Account } from './account-statements.ts'

/**
 * Ends what runs as an account and takes away all that it could do: a server that drops an account lets its connections go on. Each step is
 * tried, whatever has become of the others. Throws what the target said of the first that failed.
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
      if (!(error instanceof TargetSaidNo) && !(error instanceof PamError)) throw error
      failures.push(error)
    }
  }
  await attempt(() => administrator.ask(disabling(account)))
  for (const statement of stripping(account, role)) await refusal(() => administrator.ask(statement))
  await attempt(() => expectNoRights(administrator, account))
  await attempt(() => endConnections(administrator, account, signal))
  if (failures.length > 0) throw failures[0]
}

/** What is not there cannot be revoked, which has other codes on each server: what is left counts. */
async function expectNoRights({ ask }: Pick<OwnConnection, 'ask'>, account: Account): Promise<void> {
  let grants: readonly (readonly (string | null)[])[] = []
  const failure = await refusal(async () => (grants = await ask(grantsOf(account))))
  if (failure !== undefined && failure.code !== NO_SUCH_GRANT) throw failure
  if (!grants.every(([grant]) => grant?.startsWith('GRANT USAGE ON *.* TO ') === true))
    throw new PamError('TARGET_REFUSED', `the target did not take away all rights of ${account.user}`, {
      side: 'upstream',
    })
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

/** Until none is left that could do anything: one that is killed may roll back for long, and reads nothing more. */
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
/** ER_NONEXISTING_GRANT: the account is not there. */
const NO_SUCH_GRANT = '1141'
const POLL_MS = 50
