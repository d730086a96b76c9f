import { expect, it } from 'vitest'
import { supportedScopes } from '../../src/shared/provider-words.ts'

it.each<[string, string[], string[] | undefined, string[]]>([
  ['those that the provider supports', ['openid', 'email', 'groups'], ['openid', 'email'], ['openid', 'email']],
  ['openid, whatever it says', ['openid', 'groups'], [], ['openid']],
  ['all where it does not say', ['openid', 'groups'], undefined, ['openid', 'groups']],
])('of the scopes are requested: %s', (_what, scopes, supported, requested) => {
  expect(supportedScopes(scopes, supported)).toEqual(requested)
})
