import { expect, it } from 'vitest'
import { secretWords } from '../../../src/host/command/secret-words.ts'

const valuesOf = (text: string): string[] | undefined =>
  secretWords(text)?.values.map(({ start, end }) => text.slice(start, end))

it.each([
  [`mysql --password 'a b'`, ['a b']],
  [`mysql --password 'a b' -e 'select 1'`, ['a b']],
  [`mysql --password="a b" db`, ['a b']],
  [`mysql "--password=a b" db`, ['a b']],
  [`mysql --pass'word'='a b'`, []],
  [`PGPASSWORD="a b" psql`, ['a b']],
  [`export PGPASSWORD='a b'`, ['a b']],
  [`vault login -token 'a b'`, ['a b']],
  [`mysql -p'a b' -P 3306`, ['a b']],
  [`mysql -phunter2`, ['hunter2']],
  ['mysql -p', []],
  [`sudo -u x /usr/bin/sshpass -p 'a b' ssh host`, ['a b']],
  [`/usr/bin/sshpass -p 'a b' ssh host`, ['a b']],
  [`curl -u 'jane:a b' https://x`, ['a b']],
  [`curl -ujane:hunter2 https://x`, ['hunter2']],
  [`curl --user=jane:"a b" https://x`, ['a b']],
  [`curl -u jane https://x`, []],
  [`redis-cli -a "it's" get x`, ["it's"]],
  [`ldapsearch -w 'a b' -x`, ['a b']],
  // A value in two quotes, and quotes within quotes.
  [`mysql --password 'a'"b c"`, [`a'"b c"`]],
  [`sh -c "mysql --password 'a b'; id"`, ['a b']],
  [`sh -c 'mysql --password "a b"; id'`, ['a b']],
  ['cat <<E\n--password "a b" $(mysql --password "c d")\nE', ['c d']],
  // What may be a script of its own stays, and so does what the shell puts something in place of.
  [`sh -c 'password=x; rm -rf /data'`, []],
  [`sh -c '--password=x; rm -rf /data'`, []],
  [`sh -c '--password=x\nrm -rf /data'`, []],
  [`sh -c 'eval "$1"' token 'rm -rf /data'`, []],
  [`echo 'password="' ; rm -rf /data ; echo '"'`, []],
  [`mysql --password "$(cat f)"`, []],
  [`mysql --password "a $x b"`, []],
  [`mysql --password "a b`, undefined],
  ['uptime', undefined],
])('finds in %s: %j', (text, values) => {
  expect(valuesOf(text)).toEqual(values)
})

it('finds what the shell puts something else in place of', () => {
  const text = `echo token=$(reboot) "password $(id)" token=\`halt\` token=$x secret=<(ls)`
  const found = secretWords(text)?.expansions.map(({ start, end }) => text.slice(start, end))
  expect(found).toEqual(['$(reboot)', '$(id)', '`halt`', '$x', '<(ls)'])
})

it('leaves long texts, and those with many groups, to who reads them in a worker', () => {
  expect(secretWords(`mysql --password 'a b' ${'x'.repeat(4000)}`)).toBeUndefined()
  expect(secretWords(`mysql --password 'a b' ${'$('.repeat(200)}`)).toBeUndefined()
})
