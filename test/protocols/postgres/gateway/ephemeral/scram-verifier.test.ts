import { expect, it } from 'vitest'
import {
  randomPassword,
  scramVerifier,
} from '../../../../../src/protocols/postgres/gateway/ephemeral/scram-verifier.ts'

it('is what PostgreSQL keeps of a password', async () => {
  // The password and the salt of RFC 7677, section 3, whose rounds are as many as ours.
  expect(await scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

it('a password is plain, of 256 bits, and another each time', () => {
  const [one, other] = [randomPassword(), randomPassword()]
  expect(one).toMatch(/^[\w-]{43}$/)
  expect(one).not.toBe(other)
})
