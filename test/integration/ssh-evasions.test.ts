import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVASIONS, LISTINGS } from '../fixtures/ssh-evasions.ts'
import { eventually, type Port } from '../helpers/gateway-client.ts'
import { run } from '../helpers/run.ts'
import { execOn, sshClient } from '../helpers/ssh-client.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/**
 * Ways around rules that protect one directory and allow everything else that can be understood. Each is first run past
 * the gateway, where it must have its effect on the file system, and then through it, where it must not.
 */
const SECRET = 'the secret of the victim'
let own: SshGateway
let port: Port
let place: string
let masters: string[][] = []
/** Through the gateway, and past it. One connection each, many channels: what is tested is the command, not the handshake. */
let client: Client
let past: Client

beforeAll(async () => {
  if (!SSHD) return
  own = await startSshGateway({
    rules: (files) => `commands:
  - { name: nothing is written there, match: { writesPaths: ["${files}/guarded/**", "${files}/guarded"] }, deny: "guarded" }
  - { name: nothing is read there, match: { paths: ["${files}/guarded/**"] }, deny: "guarded" }
  - { name: rest, match: {}, allow: true }`,
  })
  port = await own.port()
  place = own.files
  client = await sshClient(port, own.sshd.user)
  past = await sshClient(own.sshd.port, own.sshd.user, { privateKey: readFileSync(own.sshd.keys.ed25519) })
  // For programs of their own.
  masters = [
    ['-o', `ControlPath=${join(own.directory, 'm1')}`, ...own.options(port)],
    ['-o', `ControlPath=${join(own.directory, 'm2')}`, ...own.directOptions()],
  ]
  for (const options of masters) {
    const opened = await run('ssh', [
      '-fN',
      '-o',
      'ControlMaster=yes',
      '-o',
      'ControlPersist=60',
      ...options,
      '127.0.0.1',
    ])
    expect(opened.code, opened.stderr).toBe(0)
  }
})
afterAll(async () => {
  client?.end()
  past?.end()
  for (const options of masters) await run('ssh', ['-O', 'exit', ...options, '127.0.0.1'])
  await own?.stop()
})

const guarded = (): string => join(place, 'guarded')
const victim = (): string => join(guarded(), 'victim')
function reset(): void {
  for (const name of readdirSync(place)) rmSync(join(place, name), { recursive: true, force: true })
  for (const name of ['guarded', 'open', 'tree', 'over', 'src', 'bin']) mkdirSync(join(place, name))
  writeFileSync(victim(), SECRET, { mode: 0o640 })
  writeFileSync(join(place, 'open', 'input'), 'other content\n')
  symlinkSync(guarded(), join(place, 'link'))
  writeFileSync(join(place, 'list'), `${victim()}\n`)
  writeFileSync(join(place, 'list0'), `${victim()}\0`)
  symlinkSync(victim(), join(place, 'tree', 'secret'))
  symlinkSync(guarded(), join(place, 'tree', 'dir'))
  symlinkSync('../guarded', join(place, 'tree', 'near'))
  symlinkSync('/proc/self/cwd', join(place, 'own'))
  writeFileSync(join(place, 'over', 'secret'), 'over\n')
  writeFileSync(join(place, 'src', 'victim'), 'src\n')
  // Programs that somebody has put there, one by the name of a program of the system.
  for (const name of ['ls', 'rmv'])
    writeFileSync(join(place, 'bin', name), `#!/bin/sh\n/bin/rm -f ${victim()}\n`, { mode: 0o755 })
  writeFileSync(join(place, 'script'), `rm ${victim()}\n`)
}
/** Whether the victim is as it was, and nobody has read it. */
const isUntouched = (output: string): boolean =>
  existsSync(victim()) &&
  readdirSync(guarded()).join() === 'victim' &&
  readFileSync(victim(), 'utf8') === SECRET &&
  (statSync(victim()).mode & 0o777) === 0o640 &&
  statSync(victim()).nlink === 1 &&
  !output.includes(SECRET) &&
  !output.includes(Buffer.from(SECRET).toString('base64').slice(0, 12))

const placed = (template: string): string =>
  template.replaceAll(/\bV\b/g, victim()).replaceAll(/\bG\b/g, guarded()).replaceAll(/\bD\b/g, place)

/** G is the guarded directory, V the file in it, D the directory of both. */
const COMMANDS: readonly string[] = [
  'rm V',
  'rm -rf G',
  'rm -- V',
  'rm D/open/../guarded/victim',
  'rm D//guarded///victim',
  'rm D/./guarded/victim',
  'cd G && rm victim',
  'cd D; cd guarded; rm victim',
  'cd D && rm guarded/victim',
  '/bin/rm V',
  '/usr/bin/rm -f V',
  '\\rm V',
  "r''m V",
  '"rm" V',
  "'r'm V",
  'r\\\nm V',
  "$'\\x72m' V",
  '$(echo rm) V',
  '`echo rm` V',
  'x=rm; $x V',
  'x=V; rm $x',
  'rm $(echo V)',
  'rm D/guarded/vic*',
  'rm D/guarde?/victim',
  'rm D/guard[e]d/victim',
  'rm D/{guarded,none}/victim',
  'eval rm V',
  'eval "r""m V"',
  'sh -c "rm V"',
  "bash -c 'rm V'",
  'sh -c "sh -c \'rm V\'"',
  "sh -c 'rm $0' V",
  'echo rm V | sh',
  'sh <<EOF\nrm V\nEOF',
  "sh <<<'rm V' || bash <<<'rm V'",
  'printf "rm V\\n" > D/x; sh D/x',
  'printf "rm V\\n" > D/x; . D/x',
  'echo cm0gVgo= | tr V V; echo rm V | base64 | base64 -d | sh',
  'env rm V',
  'nice -n 5 rm V',
  'nohup rm V',
  'timeout 5 rm V',
  'command rm V',
  'exec rm V',
  'time rm V',
  'setsid -w rm V',
  'stdbuf -o0 rm V',
  'echo V | xargs rm',
  'xargs rm < D/list',
  'xargs -a D/list rm',
  'find G -delete',
  'find D -name victim -delete',
  'find G -name victim -exec rm {} \\;',
  'find G -name victim -exec rm {} +',
  'find G -type f -execdir rm {} \\;',
  'f() { rm V; }; f',
  'f() { rm "$1"; }; f V',
  'f() { "$@"; }; f rm V',
  'alias x=rm\nx V || rm V',
  'trap "rm V" EXIT',
  'true && rm V',
  'false || rm V',
  'true; rm V',
  'true & rm V; wait',
  '(rm V)',
  '{ rm V; }',
  '! rm V',
  'if true; then rm V; fi',
  'for i in 1; do rm V; done',
  'while rm V; do break; done',
  'case x in x) rm V;; esac',
  'echo $(rm V)',
  'echo "`rm V`"',
  'echo ${x:-$(rm V)}',
  'x=$(rm V)',
  'cat <<EOF\n$(rm V)\nEOF',
  'cat <(rm V)',
  'echo $((`rm V; echo 1`))',
  '[[ -z $(rm V) ]]',
  "x='a[$(rm V)]'; echo $((x))",
  "test -v 'a[$(rm V)]'",
  "printf -v 'a[$(rm V)]' x",
  'unlink V',
  'shred -u V',
  'mv V D/moved',
  'mv G D/moved',
  'mv -t D V',
  'mv D/open/input V',
  'cp D/open/input V',
  'cp -t G D/open/input && cp D/open/input V',
  'install D/open/input V',
  'dd if=D/open/input of=V',
  'truncate -s 0 V',
  ': > V',
  '> V',
  'echo x >> V',
  'echo x >| V',
  'echo x &> V',
  'echo x <> V 1>&0',
  'exec 3> V; echo x >&3',
  'echo x | tee V',
  'chmod 777 V',
  'chmod -R u+x G',
  'ln V D/x && echo changed > D/x',
  'sort -o V D/open/input',
  'sed -i s/secret/x/ V',
  'uniq D/open/input V',
  'cat V',
  'head -c 100 V',
  'grep -r secret D',
  'tail -n +1 < V',
  'cat < V',
  'read x < V; echo "$x"',
  'while read -r x || [ -n "$x" ]; do echo "$x"; done < V',
  'base64 V',
  'cp V D/x; cat D/x',
  'cat D/guarded/*',
  'tac -- V',
  'diff V D/open/input',
  'python3 -c \'import os; os.remove("V")\'',
  'perl -e \'unlink "V"\'',
  'awk \'BEGIN { system("rm V") }\'',
  'tar -cf - G',
  'git -C D -c alias.x="!rm V" x',
  'vim -es -c "!rm V" -c q',
  'busybox rm V || rm V',
  'cp /bin/rm D/tool && D/tool V',
  'ln -s /bin/rm D/tool && D/tool V',
  'PATH=/usr/bin:/bin rm V',
  'unset x; ${x:=rm} V',
  'set -- V; rm "$1"',
  'set -- rm V; "$@"',
  'pushd G >/dev/null && rm victim',
  'CDPATH=D; cd guarded && rm victim',
  'rm V\u0020#comment',
  '(echo x) > V',
  '{ echo x; } > V',
  'for i in 1; do echo x; done > V',
  'if true; then echo x; fi > V',
  'f() { echo x; } > V; f',
  'echo x 3> V >&3',
  'echo x >& V',
  'cat <<EOF > V\nx\nEOF',
  'sh -c "rm \\"V\\""',
  'sh -c "echo \\$(rm V)"',
  'sh -c "r\\\\\nm V"',
  "sh -c 'echo `rm V`'",
  'cd G && false && cd /tmp; rm victim',
  'cd G && cd /nonexistent; rm victim',
  'cd G; cd /nonexistent; rm victim',
  'cd G && cd /nonexistent || rm victim',
  'cd G && { cd /nonexistent || true; } && rm victim',
  'ls() { cd G; }; ls; rm victim',
  'ls() { cd G; }; cd /tmp && ls && rm victim',
  'env -C G rm victim',
  'env --chdir=G rm victim',
  '\\time -o V true',
  'cd G; grep -fvictim D/open/input; cat ./victim',
  "cd D && mkdir -p '~' && cat '~/../guarded/victim'",
  'rm D/link/victim',
  'cat D/link/victim',
  'echo x > D/link/victim',
  'rm -r D/link/',
  'cd D/link && rm victim',
  'cat D/link/../guarded/victim',
]

describe.skipIf(!SSHD)('ways around rules about a directory', () => {
  it.each(COMMANDS.map((command) => [command]))('%j', (template) => attempt(template))

  describe.each(Object.entries(EVASIONS))('by %s', (_kind, commands) => {
    it.each(commands.map((command) => [command]))('%j', (template) => attempt(template, 'bash'))
  })

  async function attempt(template: string, written?: string): Promise<void> {
    const command = placed(template)
    const shell = written ?? (/\[\[|<\(|<<<|&>|test -v|printf -v|pushd|x='a\[/.test(command) ? 'bash' : 'sh')
    reset()
    const direct = await execOn(past, command)
    // The account's own shell decides what runs; where that is another one, the text is given to the shell it is written for.
    if (isUntouched(direct.stdout)) await runIn(shell, command)
    reset()
    const through = await execOn(client, command)
    expect(through.code, through.stderr).toBe(126)
    expect(through.stderr).toContain('pam: ')
    expect(isUntouched(through.stdout), `${through.stdout}\n${through.stderr}`).toBe(true)
  }

  it.each(LISTINGS.map((command) => [command]))('names alone: %j', async (template) => {
    const command = placed(template)
    reset()
    const { stdout, stderr } = await run('bash', ['-c', command])
    expect(stdout, stderr).toContain('victim')
    const through = await execOn(client, command)
    expect({ code: through.code, stdout: through.stdout }, through.stderr).toEqual({ code: 126, stdout: '' })
  })

  async function runIn(shell: string, command: string): Promise<void> {
    reset()
    const { stdout, stderr } = await run(shell, ['-c', command], { cwd: place })
    expect(isUntouched(stdout), `without the gateway it has no effect: ${stderr}`).toBe(false)
  }

  it.each([
    ['echo fine', 'fine\n'],
    ['ls -l D/open | wc -l', '2\n'],
    ['cat D/open/input | tr a-z A-Z', 'OTHER CONTENT\n'],
    ['grep -c content D/open/input', '1\n'],
    ['echo x > D/out; cat D/out; rm D/out', 'x\n'],
    ['for i in a b; do echo $i; done', 'a\nb\n'],
    ['sh -c "echo inner; cat D/open/input"', 'inner\nother content\n'],
    ['find D/open -type f -exec wc -c {} + | wc -l', undefined],
    ['echo $((1 + 2))', '3\n'],
    ['mkdir D/x && cp D/open/input D/x/ && cat D/x/input && rm -r D/x', 'other content\n'],
    ['mv D/open/input D/open/other', ''],
  ])('runs what is understood and allowed: %s', async (template, output) => {
    reset()
    const command = template.replaceAll(/\bD\b/g, place)
    const { stdout, stderr, code } = await execOn(client, command)
    if (output === undefined) {
      // What find hands over is known only when it runs.
      expect(code, stderr).toBe(126)
    } else expect({ stdout, code }, stderr).toEqual({ stdout: output, code: 0 })
  })
})

/** Lines for sftp: what they do is seen on the file system. */
const BATCHES: readonly string[] = [
  'rm V',
  'rm D/open/../guarded/victim',
  'rm D/link/victim',
  'rm D/link/../guarded/victim',
  '-cd G\nrm victim',
  'rename V D/moved',
  'rename G D/moved',
  'rename D/open/input V',
  'put D/open/input V',
  'put D/open/input D/link/victim',
  'put D/open/input D/guarded/',
  'get V D/out',
  'get D/link/victim D/out',
  'get D/open/../guarded/victim D/out',
  'reget V D/out',
  'get -r G D/out',
  'chmod 777 V',
  'chmod 777 D/link/victim',
  'ln V D/x',
  'ln -s V D/x\nget D/x D/out',
  'symlink G D/x\nrm D/x/victim',
  'symlink guarded D/x\nrm D/x/victim',
  'symlink open/../guarded D/x\nput D/open/input D/x/victim',
  '-mkdir D/guarded/new\nrename D/guarded/victim D/guarded/new/victim',
]

describe.skipIf(!SSHD)('ways around them by sftp', () => {
  it.each(BATCHES.map((batch) => [batch]))('%j', async (template) => {
    const batch = template.replaceAll(/\bV\b/g, victim()).replaceAll(/\bG\b/g, guarded()).replaceAll(/\bD\b/g, place)
    const sftp = (options: readonly string[]) =>
      run('sftp', ['-b', '-', ...options, '127.0.0.1'], { input: `${batch}\n` })
    const changed = (): boolean => !isUntouched(textOf(join(place, 'out')))
    reset()
    const direct = await sftp(masters[1] as string[])
    expect(changed(), direct.stderr).toBe(true)
    reset()
    const through = await sftp(masters[0] as string[])
    expect(changed(), through.stdout + through.stderr).toBe(false)
    expect(through.stderr).toContain('pam: ')
  })

  it('and what is allowed works', async () => {
    reset()
    const batch = `cd ${join(place, 'open')}\nls -l\nput ${join(place, 'open', 'input')} copy\nrename copy other\nchmod 600 other\nget other ${join(place, 'out')}\nrm other\nmkdir d\nrmdir d\n`
    const { code, stderr } = await run('sftp', ['-b', '-', ...(masters[0] as string[]), '127.0.0.1'], { input: batch })
    expect(code, stderr).toBe(0)
    await eventually(() => (textOf(join(place, 'out')) === 'other content\n' ? true : undefined), 'copied')
  })
})

const HAS_RSYNC = SSHD && spawnSync('rsync', ['--version']).status === 0

describe.skipIf(!SSHD)('ways around them by links below what scp and rsync carry', () => {
  it.each([
    ['scp', ['-O', '-r'], 'tree'],
    ['scp', ['-O', '-rp'], 'tree/.'],
    ['scp', ['-O', '-r'], 'tree/dir'],
    ['rsync', ['-a', '--copy-unsafe-links'], 'tree/'],
    ['rsync', ['-aL'], 'tree/'],
    ['rsync', ['-rk'], 'tree/'],
    ['rsync', ['-a'], 'tree/dir/'],
  ] as const)('%s %j of %s', async (program, options, source) => {
    if (program === 'rsync' && !HAS_RSYNC) return
    const copy = (master: readonly string[]) => {
      const from = `127.0.0.1:${join(place, source)}${source.endsWith('/') ? '/' : ''}`
      const by = program === 'scp' ? master : ['-e', ['ssh', ...master].join(' ')]
      return run(program, [...options, ...by, from, join(place, 'out')])
    }
    const hasSecret = (): boolean =>
      existsSync(join(place, 'out')) &&
      readdirSync(join(place, 'out'), { recursive: true, encoding: 'utf8' }).some((name) => {
        const path = join(place, 'out', name)
        return lstatSync(path).isFile() && readFileSync(path, 'utf8') === SECRET
      })
    reset()
    mkdirSync(join(place, 'out'))
    const direct = await copy(masters[1] as string[])
    expect(hasSecret(), direct.stderr).toBe(true)
    reset()
    mkdirSync(join(place, 'out'))
    const through = await copy(masters[0] as string[])
    expect(hasSecret(), through.stderr).toBe(false)
    expect(through.stderr).toContain('pam: ')
  })
})

function textOf(path: string): string {
  if (!existsSync(path)) return ''
  return statSync(path).isDirectory()
    ? existsSync(join(path, 'victim'))
      ? readFileSync(join(path, 'victim'), 'utf8')
      : ''
    : readFileSync(path, 'utf8')
}
