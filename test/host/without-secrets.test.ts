import { expect, it } from 'vitest'
import { withoutSecrets, withoutSecretsOf } from '../../src/host/without-secrets.ts'

const keep = (text: string): string =>
  withoutSecrets(text, { masking: { kinds: [] }, commitment: (secret) => `of ${secret.length}` })

it.each([
  ['PGPASSWORD=hunter22 psql', 'PGPASSWORD=<secret of 8> psql'],
  ['--password hunter22', '--password <secret of 8>'],
  ['password   hunter22', 'password   <secret of 8>'],
  ['"password": "hunter22"', '"password": "<secret of 8>"'],
  ['token = hunter22', 'token = <secret of 8>'],
  ['token =  "hunter22"', 'token =  "<secret of 8>"'],
  ['authorization: Bearer hunter22', 'authorization: Bearer <secret of 8>'],
  ['https://user:hunter22@host', 'https://user:<secret of 8>@host'],
  ['nothing of the kind', 'nothing of the kind'],
])('keeps %s as %s', (text, kept) => {
  expect(keep(text)).toBe(kept)
})

// Whatever takes the square of the length does not come to an end here.
it.each(['token', 'password"', 'authorization:', 'authorization: a', 'api_key='])(
  'reads megabytes of blanks behind %s',
  (word) => {
    const text = `${word}${' '.repeat(4_000_000)};`
    expect(keep(text)).toBe(text)
  },
)

it('keeps what it found in a text out of what is said of that, also without the words that it was found by', () => {
  const beside = withoutSecretsOf('mysql --password hunter2+ token=a', {
    masking: { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] },
    commitment: (secret) => `of ${secret.length}`,
  })
  expect(beside('cannot tell what "hunter2+" is, of jane@example.org')).toBe(
    'cannot tell what "<secret of 8>" is, of <secret of 16>',
  )
  expect(beside('a plain text')).toBe('a plain text')
  expect(beside('password=other')).toBe('password=<secret of 5>')
})
