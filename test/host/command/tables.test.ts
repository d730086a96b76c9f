import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../src/host/command/command-line.ts'
import { isHarmlessVariable } from '../../../src/host/command/variables.ts'

const read = (text: string) => readCommandLine(text, { login: 'jane', home: '/home/jane', shell: 'bash' }).statements
const unknown = (text: string): string[] => read(text).flatMap((statement) => statement.unknown)
const effect = (text: string) => ({
  reads: [...new Set(read(text).flatMap(({ reads }) => reads))],
  writes: [...new Set(read(text).flatMap(({ writes }) => writes))],
})
const AT = '/home/jane'

describe('programs', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['grep x f', [`${AT}/f`], []],
    ['grep -e x f g', [`${AT}/f`, `${AT}/g`], []],
    ['grep -f p f', [`${AT}/p`, `${AT}/f`], []],
    ['grep -rh x', [AT, `${AT}/**`], []],
    ['grep -R x d', [`${AT}/d`, '**'], []],
    ['grep -rec d', [`${AT}/d`, `${AT}/d/**`], []],
    ['sort -o out in', [`${AT}/in`], [`${AT}/out`]],
    ['date -f f', [`${AT}/f`], []],
    ['pgrep --pidfile=-', [`${AT}/-`], []],
    ['touch -r - f', [`${AT}/-`], [`${AT}/f`]],
    ['diff a -', [`${AT}/a`], []],
    ['diff a b', [`${AT}/a`, `${AT}/a/**`, `${AT}/b`, `${AT}/b/**`, '**'], []],
    ['du -s d', [`${AT}/d`, `${AT}/d/**`], []],
    ['du -L d', [`${AT}/d`, `${AT}/d/**`, '**'], []],
    ['tree', [AT, `${AT}/**`], []],
    ['ls -I x', [AT], []],
    ['find d -newer f', [`${AT}/d`, `${AT}/d/**`, `${AT}/f`], []],
    ['find -L d', [`${AT}/d`, `${AT}/d/**`, '**'], []],
    ['find -L d -delete', [`${AT}/d`, `${AT}/d/**`, '**'], [`${AT}/d`, `${AT}/d/**`, '**']],
    ['find d -follow -delete', [`${AT}/d`, `${AT}/d/**`, '**'], [`${AT}/d`, `${AT}/d/**`, '**']],
    ['find d -fprint o', [`${AT}/d`, `${AT}/d/**`], [`${AT}/o`]],
    ['uniq a b', [`${AT}/a`], [`${AT}/b`]],
    ['zcat f', ['f', 'f.gz', 'f-gz', 'f.z', 'f-z', 'f_z', 'f.Z', 'f.tgz'].map((name) => `${AT}/${name}`), []],
    ['chmod 600 a', [], [`${AT}/a`]],
    ['chmod -x a', [], [`${AT}/a`]],
    ['chmod --reference=r a b', [`${AT}/r`], [`${AT}/a`, `${AT}/b`]],
    ['chown -R x a', [], [`${AT}/a`, `${AT}/a/**`]],
    ['chown -RL x a', [], [`${AT}/a`, `${AT}/a/**`, '**']],
    ['touch -r a b', [`${AT}/a`], [`${AT}/b`]],
    ['truncate -r a b', [`${AT}/a`], [`${AT}/b`]],
    ['shred --random-source=a b', [`${AT}/a`], [`${AT}/b`]],
    ['cp -t d a', [`${AT}/a`], [`${AT}/d`, `${AT}/d/a`]],
    ['cp -T a d', [`${AT}/a`], [`${AT}/d`]],
    ['cp a d/..', ['/home/jane/a'], ['**']],
    ['dd if=a of=b bs=1M', [`${AT}/a`], [`${AT}/b`]],
    ['dd if=~/a', ['**'], ['**']],
    ['xargs -a f echo', [`${AT}/f`], []],
    ['nohup true', [], [`${AT}/nohup.out`]],
    ['[ -f x ]', [`${AT}/x`], []],
    ['cat /dev/stdin', ['**'], []],
    ['cat /proc/self/environ', ['**'], []],
    ['cat /proc/cpuinfo', ['/proc/cpuinfo'], []],
    ['cat /proc/cpuinfo/../self/cwd/x', ['**'], []],
    ['cat /proc/sys/kernel/hostname', ['/proc/sys/kernel/hostname'], []],
    ['ln -s ../vault d/l', ['**'], ['**', `${AT}/d/l`]],
  ])('%s', (text, reads, writes) => {
    expect(unknown(text)).toEqual([])
    const found = effect(text)
    expect(found.reads).toEqual(reads)
    expect(found.writes.slice(0, Math.max(1, writes.length))).toEqual(writes)
  })

  it('what may have made a link leaves no later path certain', () => {
    expect(effect('cat a; ln -s x l').reads).not.toContain('**')
    expect(effect('ln -s x l; cat a').reads).toContain('**')
    expect(effect('mv a b && cat c').reads).toContain('**')
    expect(effect('for i in 1 2; do cat a; ln -s x l; done').reads).toContain('**')
    expect(effect('cp -P l x').writes).not.toContain('**')
    expect(effect('seq 2 | xargs -I{} cp -P l x').writes).toContain('**')
    expect(effect('xargs -I{} cp -P l x').writes).toContain('**')
    expect(effect('find . -exec cp -P l x \\;').writes).toContain('**')
    expect(effect('sh -c "cp -a x l"; cat a').reads).toContain('**')
  })

  it.each([
    '(cat a) & mv b c',
    '{ sleep 1; cat a; } & mv b c; wait',
    'if true; then cat a & fi; mv b c',
    'echo <(cat a); mv b c',
    'true > >(cat a); mv b c',
    'setsid -f cat a; mv b c',
    'setsid cat a; mv b c',
    'sudo -b cat a; mv b c',
  ])('nor a path of what may still run meanwhile: %s', (text) => {
    expect(read(text).find(({ argv }) => argv[0] === 'cat')?.reads).toContain('**')
  })

  it('a function does not take the place of a program that is known', () => {
    expect(effect('rm() { :; }; rm a').writes).toEqual(['**'])
  })

  it.each(
    [
      'sort --o=f',
      'sort -T d f',
      'sort --compress-program=x',
      'sort $x',
      'cp -b a b',
      'cp --backup a b',
      'cp --su=x a b',
      'install -s a b',
      'install --strip-program=x -s a b',
      'mv -S x a b',
      'date --fil=x',
      'date $x',
      'grep -d recurse x',
      'grep -D read x',
      'find -files0-from f',
      'find -regextype',
      'find $x -delete',
      'find . -fprint -exec rm x \\;',
      'find . -execdir ls \\;',
      'strings @f',
      'file -C -m x',
      'file -z x',
      'tree -H . -o x',
      'tree -R',
      'uniq +1 a b',
      'getconf -v x PATH',
      'hostname -F f',
      'dd if=a foo=b',
      'diff -l a b',
      'xargs --replace=x --re',
      'env -i ls',
      'env -u PATH ls',
      'env -C d ls',
      'timeout $x ls',
      '\\time -o f ls',
      'time --format echo rm f',
      '/usr/bin/time --form=x rm f',
      'nice --adj=5 ls',
      'sudo -s',
      'sudo -D d ls',
      'busybox ls',
      'zsh -c ls',
      'sh -x',
      'bash -c -- ls',
      'exec -a x ls',
      '-x',
    ].map((text) => [text]),
  )('is not understood: %s', (text) => {
    expect(unknown(text).length).toBeGreaterThan(0)
  })
})

describe('builtins', () => {
  it.each(
    [
      'export X',
      'export PATH',
      'declare -i x',
      'declare -n x=y',
      'declare -a x',
      'unset -f ls',
      'read PATH',
      'read -a PATH',
      'read $x',
      'mapfile -C x a',
      'getopts a PATH',
      'printf -v x y',
      'printf "%5n" x',
      'printf $x y',
      '[ $x ]',
      '[ -v x ]',
      '[ "$x" y ]',
      'test a -a $x',
      'jobs -x ls',
      'wait -p x',
      'wait $x',
      'ulimit $x',
      'shift $x',
      'set -a',
      'set -o posix',
      'set -- a',
      'trap ls EXIT',
      'hash -p a b',
      'enable -f x y',
      'chdir /',
    ].map((text) => [text]),
  )('is not understood: %s', (text) => {
    expect(unknown(text).length).toBeGreaterThan(0)
  })

  it.each([
    ['bash', 'compgen -b'],
    [
      'dash',
      'for name in : . eval exec alias bg cd chdir command fg getopts hash jobs local read readonly set shift times trap type ulimit umask unalias unset wait; do echo $name; done',
    ],
  ])('each of %s has an entry, or hides what it does: none is left to rules that name programs', (shell, list) => {
    const { stdout, status } = spawnSync(shell, ['-c', list], { encoding: 'utf8' })
    if (status !== 0) return
    const names = stdout.split('\n').filter((name) => name !== '')
    expect(names.length).toBeGreaterThan(20)
    // It ends processes, and stays with the program of the same name.
    const unread = names.filter((name) =>
      read(`${name} x`).some(({ opaque, argv }) => opaque.length > 0 && argv[0] === name),
    )
    expect(unread.filter((name) => name !== 'kill')).toEqual([])
  })
})

describe('variables', () => {
  it.each<[string, string | undefined, boolean]>([
    ['x', 'a', true],
    ['some_name2', undefined, true],
    ['PATH', 'a', false],
    ['X', 'a', false],
    ['http_proxy', 'a', false],
    ['npm_config_script_shell', 'a', false],
    ['histchars', 'a', false],
    ['path', 'a', false],
    ['_x', 'a', false],
    ['LANG', 'C.UTF-8', true],
    ['LANG', '../../x', false],
    ['LANGUAGE', 'de/../../x', false],
    ['LC_ALL', undefined, false],
    ['TZ', 'Europe/Berlin', true],
    ['TZ', ':/etc/shadow', false],
    ['TERM', 'xterm-256color', true],
    ['TERM', '../x', false],
    ['DEBIAN_FRONTEND', 'noninteractive', true],
    ['DEBIAN_FRONTEND', 'x', false],
    ['IFS', ',', true],
    ['IFS', '3', false],
    ['BASH_ENV', '', false],
    ['LD_PRELOAD', '', false],
  ])('%s=%s', (name, value, isHarmless) => {
    expect(isHarmlessVariable(name, value)).toBe(isHarmless)
  })

  it.each(
    [
      'PATH=x ls',
      'for PATH in x; do ls; done',
      'read PATH',
      'exec {PATH}<f',
      'ls {PATH}>f',
      ': ${BASH_ENV:=x}',
      ': ${BASH_ENV=x}',
      'printf -v PATH x',
      'unset PATH',
      'export PATH=x',
      'local PATH=x',
      'readonly PATH',
      'mapfile PATH',
      'getopts x PATH',
      'env PATH=x ls',
      'sudo PATH=x ls',
      'select PATH in x; do ls; done',
      'PATH+=x',
      'sh -c "PATH=x ls"',
      'x=$(echo a) LANG=$x ls',
    ].map((text) => [text]),
  )('are looked at however they are set: %s', (text) => {
    expect(unknown(text).length).toBeGreaterThan(0)
  })
})
