import { expect, it } from 'vitest'
import { SaltedPasswords } from '../../../../../src/protocols/postgres/gateway/login/salted-passwords.ts'

const input = { password: 'secret', salt: Buffer.from('salt'), iterations: 4096 }
const SALTED = Buffer.from('salted')

it('gives back what was kept for the same target, password, salt and count alone', () => {
  const passwords = new SaltedPasswords()
  passwords.keep('prod-db', input, SALTED)
  expect(passwords.get('prod-db', { ...input, salt: Buffer.from('salt') })).toBe(SALTED)
  for (const other of [
    { ...input, password: 'secre' },
    { ...input, password: 'secret2' },
    { ...input, salt: Buffer.from('sal') },
    { ...input, iterations: 4097 },
  ])
    expect(passwords.get('prod-db', other)).toBeUndefined()
  expect(passwords.get('other-db', input)).toBeUndefined()
})

it('a target with ever new salts pushes out its own entries and nobody else’s', () => {
  const passwords = new SaltedPasswords()
  passwords.keep('prod-db', input, SALTED)
  passwords.keep('hostile', input, SALTED)
  for (let n = 0; n < 1000; n++) passwords.keep('hostile', { ...input, salt: Buffer.from(`${n}`) }, SALTED)
  expect(passwords.get('hostile', input)).toBeUndefined()
  expect(passwords.get('hostile', { ...input, salt: Buffer.from('999') })).toBe(SALTED)
  expect(passwords.get('prod-db', input)).toBe(SALTED)
})
