import { describe, expect, it, vi } from 'vitest'
import { GATEWAY_RUN } from '../../src/gateway/gateway-name.ts'
import { accountNameOf, accountsLeft, type FoundAccount } from '../../src/gateway/session-account.ts'

const NAME = '0123456789abcdef'
const found = (account: string, more: Partial<FoundAccount> = {}): FoundAccount => ({
  account,
  target: 'db',
  gateway: NAME,
  run: 'f'.repeat(16),
  hasEnded: false,
  isSeen: false,
  ...more,
})
const leftOf = (...looks: FoundAccount[][]): Promise<string[]> => {
  const look = vi.fn<() => Promise<FoundAccount[]>>()
  for (const one of looks) look.mockResolvedValueOnce(one)
  return accountsLeft(look, { target: 'db', gateway: NAME, inUse: new Set(['used']) })
}

it('a name is cut to what the target takes, and keeps the session', () => {
  const lessee = { session: 'ses_0123456789abc', person: { id: 'x', label: 'Maximiliane.Mustermann@x' } }
  expect(accountNameOf(lessee, 32)).toBe('maximiliane.mu_ses_0123456789abc')
})

describe('accounts that sessions have left', () => {
  it.each<[string, FoundAccount]>([
    ['of another target', found('a', { target: 'other', hasEnded: true })],
    ['of this process and in use', found('used', { run: GATEWAY_RUN })],
    ['of another gateway whose time is not over', found('a', { gateway: 'f'.repeat(16) })],
    ['of a run that the target sees', found('a', { isSeen: true })],
    ['of a run that the target sees, when their time was extended', found('a', { isSeen: true, hasEnded: true })],
  ])('are none %s', async (_, account) => {
    expect(await leftOf([account])).toEqual([])
  })

  it.each<[string, FoundAccount]>([
    ['of this process that it does not use', found('a', { run: GATEWAY_RUN })],
    ['of an earlier version', found('a', { run: undefined })],
  ])('are those %s', async (_, account) => {
    expect(await leftOf([account])).toEqual(['a'])
  })

  it('are those of a run that is seen neither at once nor when it is looked for again', async () => {
    vi.useFakeTimers()
    try {
      const over = found('over', { gateway: 'f'.repeat(16), hasEnded: true })
      const looks = leftOf(
        [found('a'), over, found('back')],
        [found('a'), over, found('back', { isSeen: true }), found('new')],
      )
      await vi.advanceTimersByTimeAsync(2000)
      expect(await looks).toEqual(['a', 'over'])
    } finally {
      vi.useRealTimers()
    }
  })
})
