import { expect, it } from 'vitest'
import { localSecrets } from '../helpers/local-secrets.ts'
import { credentialSource, type Accounts } from '../../src/gateway/credential-source.ts'
import type { TargetConfig } from '../../src/gateway/target.ts'

const target: TargetConfig = { name: 'store', type: 'echo', labels: {}, host: 'localhost', port: 1 }
const kind: Accounts = {
  accounts: () => ['app', 'admin'],
  credentials: (_target, user) => ({
    lease: () => Promise.resolve({ user, password: undefined, release: () => Promise.resolve() }),
  }),
}
const lessee = { session: 'ses_1', person: { id: 'jane', label: 'jane' }, at: 0, endsAt: 1, gateway: '' }
const userOf = async (account: string | undefined, logins?: string[]): Promise<string> =>
  (
    await credentialSource(kind, target, account, logins === undefined ? {} : { logins }, localSecrets('/')).lease(
      lessee,
    )
  ).user

it('logs in as the account that the client names, or as the first', async () => {
  expect(await userOf('admin')).toBe('admin')
  expect(await userOf(undefined)).toBe('app')
})

it('keeps to the accounts of the rule where the client names none', async () => {
  expect(await userOf(undefined, ['admin'])).toBe('admin')
  expect(await userOf(undefined, ['admin', 'app'])).toBe('app')
  for (const logins of [['other'], []])
    await expect(userOf(undefined, logins)).rejects.toMatchObject({
      code: 'NO_ACCESS',
      message: 'your access to store allows none of its accounts',
    })
})

it('refuses accounts that the target does not have, or that the rule does not allow', async () => {
  await expect(userOf('root')).rejects.toMatchObject({
    code: 'NO_ACCESS',
    hint: 'accounts available to you: app, admin',
  })
  await expect(userOf('admin', ['app'])).rejects.toMatchObject({ hint: 'accounts available to you: app' })
  await expect(userOf('app', ['other'])).rejects.toMatchObject({
    hint: expect.stringMatching(/^no accounts on this target are available to you; ask/) as string,
  })
  // A rule gives no account that the target does not have.
  await expect(userOf('other', ['other'])).rejects.toMatchObject({ code: 'NO_ACCESS' })
})
