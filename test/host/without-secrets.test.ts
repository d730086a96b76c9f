import { expect, it } from 'vitest'
import {
  withoutSecrets,
  withoutSecretsInCommand,
  withoutSecretsInData,
  withoutSecretsOf,
  withoutSecretsOfCommand,
} from '../../src/host/without-secrets.ts'

const session = { masking: { kinds: [] }, commitment: (secret: string) => `of ${secret.length}` }
const keep = (text: string): string => withoutSecrets(text, session)

it.each([
  ['PGPASSWORD=hunter22 psql', 'PGPASSWORD=<secret of 8> psql'],
  ['--password hunter22', '--password <secret of 8>'],
  ['password   hunter22', 'password   <secret of 8>'],
  ['"password": "hunter22"', '"password": "<secret of 8>"'],
  ['token = hunter22', 'token = <secret of 8>'],
  ['token =  "hunter22"', 'token =  "<secret of 8>"'],
  ['authorization: Bearer hunter22', 'authorization: Bearer <secret of 8>'],
  ['https://user:hunter22@host', 'https://user:<secret of 8>@host'],
  ['--password p@ssw0rd --user a', '--password <secret of 8> --user a'],
  ['"password":"P@ssw0rd!","b":1', '"password":"<secret of 9>","b":1'],
  ['https://user:p@ss:w@host/a@b', 'https://user:<secret of 6>@host/a@b'],
  [String.raw`{"said":"{\"password\":\"hunter22\"}"}`, String.raw`{"said":"{\"password\":\"<secret of 9>"}"}`],
  [`token=${'x'.repeat(2000)}`, 'token=<secret of 2000>'],
  ['echo "<secret 0123456789ab>"', 'echo "<secret of 21>"'],
  // What a shell would run is there to be read, whatever stands around it.
  [`echo 'password="' ; rm -rf /data ; echo '"'`, `echo 'password="' ; rm -rf /data ; echo '"'`],
  ['nothing of the kind', 'nothing of the kind'],
])('keeps %s as %s', (text, kept) => {
  expect(keep(text)).toBe(kept)
})

it.each([
  ['{"password":"a b@c;d|e&f\'g","b":"c"}', '{"password":"<secret of 13>","b":"c"}'],
  [String.raw`{"password": "a\"b c", "b": 1}`, '{"password": "<secret of 6>", "b": 1}'],
  [String.raw`{"said":"{\"token\": \"a b\"}"}`, String.raw`{"said":"{\"token\": \"<secret of 4>"}"}`],
  ["password: 'a b'", "password: '<secret of 3>'"],
  ['<a:dbPassword>a b</a:dbPassword>', '<a:dbPassword><secret of 3></a:dbPassword>'],
  ['{"password":"","b":"c"}', '{"password":"","b":"c"}'],
  ['{"password":12345}', '{"password":<secret of 6>'],
])('keeps %s in data as %s', (text, kept) => {
  expect(withoutSecretsInData(text, session)).toBe(kept)
})

it.each([
  [`mysql --password 'a b' && id`, `mysql --password '<secret of 3>' && id`],
  [`PGPASSWORD="a b" psql -h password=x`, `PGPASSWORD="<secret of 3>" psql -h password=<secret of 1>`],
  ['mysql -phunter2', 'mysql -p<secret of 7>'],
  // What a shell runs, or puts something else in place of, is there to be read, whatever it stands behind.
  ['echo token=$(reboot)', 'echo token=$(reboot)'],
  ['echo token=`reboot` token=a$(reboot)b', 'echo token=`reboot` token=<secret of 1>$(reboot)b'],
  ['echo token=$(PASSWORD=x reboot)', 'echo token=$(PASSWORD=<secret of 1> reboot)'],
  ['echo "token=a${IFS}b"', 'echo "token=<secret of 1>${IFS}b"'],
])('keeps the command %s as %s', (text, kept) => {
  expect(withoutSecretsInCommand(text, session, true)).toBe(kept)
})

it('leaves out nothing that a command of unknown effect may evaluate, beyond one word', () => {
  const text = `password='rm -rf /data'; eval "$password" --token 'x'`
  expect(withoutSecretsInCommand(text, session, false)).toBe(
    `password='<secret of 2> -rf /data'; eval "$password" --token '<secret of 1>'`,
  )
  expect(withoutSecretsOfCommand(`mysql --password 'a b c'`, session, true)('"a b c" is not known')).toBe(
    '"<secret of 5>" is not known',
  )
})

it('leaves out all of a password that has a value of a masked kind within it', () => {
  const masking = { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] } as const
  expect(withoutSecrets('password: jane@example.org!x and', { ...session, masking })).toBe(
    'password: <secret of 18> and',
  )
})

// Whatever takes the square of the length does not come to an end here.
it.each(['token', 'password"', 'authorization:', 'authorization: a', 'api_key='])(
  'reads megabytes of blanks behind %s',
  (word) => {
    const text = `${word}${' '.repeat(4_000_000)};`
    expect(keep(text)).toBe(text)
    expect(withoutSecretsInData(text, session)).toBe(text)
  },
)

it('removes what it found in a text from messages about it, also without the words that it was found by', () => {
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
