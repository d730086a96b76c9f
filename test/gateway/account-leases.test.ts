import { expect, it, vi } from 'vitest'
import { AccountLeases, type NewAccount } from '../../src/gateway/account-leases.ts'
import { GATEWAY_RUN } from '../../src/gateway/gateway-name.ts'
import type { FoundAccount } from '../../src/gateway/session-account.ts'
import { TargetRefusal } from '../../src/gateway/target-failure.ts'
import { idleHandler, type Channel } from '../../src/shared/channel.ts'
import { PamError } from '../../src/shared/errors.ts'

const channel: Channel = { handler: idleHandler, write: () => true, pause() {}, resume() {}, end() {}, destroy() {} }

const account = (more: Partial<NewAccount> = {}): NewAccount => ({
  user: 'jane_ses_1',
  password: 'secret',
  account: 'app',
  target: 'db',
  place: 'here',
  openPresence: () => Promise.resolve({ channel, goodbye: Buffer.from('bye') }),
  make: () => Promise.resolve(),
  drop: () => Promise.resolve(),
  ...more,
})

const GATEWAY = { target: 'db', gateway: '0123456789abcdef' }
const found: FoundAccount = {
  account: 'jane_ses_1',
  target: 'db',
  gateway: GATEWAY.gateway,
  run: GATEWAY_RUN,
  hasEnded: false,
  isSeen: true,
}
const look = (): Promise<FoundAccount[]> => Promise.resolve([found])

it('creates an account while its presence is visible, and drops it once', async () => {
  const order: string[] = []
  const note = (what: string) => (): Promise<void> => Promise.resolve(void order.push(what))
  const openPresence = (): ReturnType<NewAccount['openPresence']> => {
    order.push('presence')
    return account().openPresence()
  }
  const lease = await new AccountLeases().lease(account({ openPresence, make: note('make'), drop: note('drop') }))
  expect(lease).toMatchObject({ user: 'jane_ses_1', account: 'app', password: 'secret' })
  await Promise.all([lease.release(), lease.release()])
  expect(order).toEqual(['presence', 'make', 'drop'])
})

it('leaves an account that is in use to its session, until it is released', async () => {
  const leases = new AccountLeases()
  const lease = await leases.lease(account())
  const drop = vi.fn(() => Promise.resolve())
  expect(await leases.reap(GATEWAY, look, drop)).toEqual({ dropped: [], failed: [] })
  await lease.release()
  expect(await leases.reap(GATEWAY, look, drop)).toEqual({ dropped: ['jane_ses_1'], failed: [] })
  expect(drop).toHaveBeenCalledExactlyOnceWith('jane_ses_1')
})

it('leaves an account that may have been created to the reaper', async () => {
  const leases = new AccountLeases()
  const refused = new TargetRefusal({ code: '42501', said: 'role "boss" may not', isCredential: false })
  const lease = leases.lease(account({ make: () => Promise.reject(refused) }))
  await expect(lease).rejects.toMatchObject({
    code: 'TARGET_CREDENTIAL',
    message: 'db did not let the gateway make an account for this session',
  })
  const gone = new Error('gone')
  const reaped = await leases.reap(GATEWAY, look, () => Promise.reject(gone))
  expect(reaped).toEqual({ dropped: [], failed: [{ account: 'jane_ses_1', error: gone }] })
})

it('passes on an error of its own as it is, and creates nothing without presence', async () => {
  const own = new PamError('CONFIG_INVALID', 'too old')
  await expect(new AccountLeases().lease(account({ make: () => Promise.reject(own) }))).rejects.toBe(own)
  const make = vi.fn(() => Promise.resolve())
  const unseen = account({ openPresence: () => Promise.reject(own), make })
  await expect(new AccountLeases().lease(unseen)).rejects.toBe(own)
  expect(make).not.toHaveBeenCalled()
})

it('moves its end while it is in use, one time after the other, and not once it is released', async () => {
  const ends: number[] = []
  const extend = async ({ endsAt }: { readonly endsAt: number }): Promise<void> => {
    if (endsAt === 1) await new Promise((resolve) => setImmediate(resolve))
    ends.push(endsAt)
  }
  const lease = await new AccountLeases().lease(account({ extend }))
  const extendTo = async (endsAt: number): Promise<void> => lease.extend?.({ at: 0, endsAt })
  await Promise.all([extendTo(1), extendTo(2)])
  await Promise.all([lease.release(), extendTo(3)])
  expect(ends).toEqual([1, 2])
  expect((await new AccountLeases().lease(account())).extend).toBeUndefined()
})
