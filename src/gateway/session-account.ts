import type { Lessee } from '../credentials/credential.ts'
import { pause } from '../shared/pause.ts'
import { GATEWAY_RUN } from './gateway-name.ts'
import { MAX_ABSENCE_MS } from './presence.ts'

/**
 * The name of the account of one session: `jane_ses_0123456789abc`, of the part of a mail address before its @ in plain letters. ASCII, which
 * every server takes whatever its encodings. `maxLength` is that of names on the target; `isReserved` says which are not to be had.
 */
export function accountNameOf(
  { session, person }: Pick<Lessee, 'session' | 'person'>,
  maxLength: number,
  isReserved: (name: string) => boolean = () => false,
): string {
  const [local = ''] = person.label.split('@')
  const plain = local
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
  const name = plain === '' || isReserved(plain) ? `user_${plain}` : plain
  return `${name.slice(0, maxLength - session.length - 1).replace(/_+$/, '')}_${session}`
}

/** An account of the gateway's making, as it is found on a target. */
export interface FoundAccount {
  readonly account: string
  /** The target that it was made for. */
  readonly target: string
  /** See `gatewayName` and `GATEWAY_RUN`; accounts of earlier versions have no run. */
  readonly gateway: string
  readonly run: string | undefined
  /** Its time was over minutes ago. */
  readonly hasEnded: boolean
  /** The target sees the run (`Presence`). */
  readonly isSeen: boolean
}

/**
 * Which accounts sessions have left: those that a gateway of this name has made for sessions with this target and no living one uses, and those of
 * any other one whose time was over minutes ago. `inUse`: of this process.
 */
export async function accountsLeft(
  look: () => Promise<readonly FoundAccount[]>,
  {
    target,
    gateway,
    inUse,
  }: { readonly target: string; readonly gateway: string; readonly inUse: ReadonlySet<string> },
): Promise<string[]> {
  const find = async (): Promise<ReadonlyMap<string, 'certain' | 'unseen'>> => {
    const left = new Map<string, 'certain' | 'unseen'>()
    for (const found of await look()) {
      if (found.target !== target || inUse.has(found.account)) continue
      if (!found.hasEnded && found.gateway !== gateway) continue
      if (found.run === GATEWAY_RUN || found.run === undefined) left.set(found.account, 'certain')
      // Also where its time is over: access may have been extended, and what a living gateway leaves it finds itself.
      else if (!found.isSeen) left.set(found.account, 'unseen')
    }
    return left
  }
  const left = await find()
  if (![...left.values()].includes('unseen')) return [...left.keys()]
  // Another process with the same data directory, as it was or copied, may have lost its connection for a moment.
  await pause(MAX_ABSENCE_MS, { keepsAlive: false })
  const again = await find()
  return [...again.keys()].filter((account) => left.has(account))
}
