import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import { hasProgram } from '../../src/demo/programs.ts'
import { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { pamctl, ROOT, run } from '../helpers/run.ts'
import { runScript } from '../helpers/script.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/** The command line, the agent, and the programs that people start with them. */
let own: SshGateway
let home: string
let environment: NodeJS.ProcessEnv

beforeAll(async () => {
  if (!SSHD) return
  own = await startSshGateway({
    rules: `commands:
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: no mkfs, match: { programs: [mkfs] }, deny: "nobody formats anything here" }
  - { name: touching, match: { programs: [touch] }, hold: { approvers: { groups: [sre] } } }
  - { name: what ansible runs, who: { groups: [engineering] }, match: { unknown: true }, allow: true }
  - { name: rest, match: {}, allow: true }`,
  })
  home = join(own.directory, 'home')
  mkdirSync(home)
  environment = { PAMCTL_HOME: join(home, 'pam'), PAMCTL_SECRET_STORE: 'file', HOME: home }
  await signIn()
})
afterAll(async () => {
  if (!SSHD) return
  await pamctl(['agent', 'stop'], environment)
  await own?.stop()
})

function signIn(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'pamctl.js'), 'login', '--no-browser', '--gateway', own.gateway.url],
      {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    let text = ''
    let isOpen = false
    child.stderr.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const [, link, code] = /Open (\S+) and enter\s+(\S+)\n/.exec(text) ?? []
      if (link === undefined || isOpen) return
      isOpen = true
      void new Browser().signIn(`${link}?user_code=${code}`, DEMO_PEOPLE.jane)
    })
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(text))))
  })
}
const connect = (...args: string[]) => pamctl(['connect', 'bastion', '--', ...args], environment, '')
const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

it.skipIf(!SSHD)('pamctl exec bastion -- … says what its text script says', async () => {
  await runScript(readFileSync(join(ROOT, 'test', 'cli', 'ssh', 'exec.txt'), 'utf8'), {}, () => environment)
})

describe.skipIf(!SSHD)('pamctl connect bastion -- …', () => {
  it('ssh, with and without naming the target, and with options', async () => {
    expect(await connect('ssh', 'echo', 'one')).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await connect('ssh', '-o', 'LogLevel=ERROR', '-n', 'echo', 'two')).toMatchObject({
      code: 0,
      stdout: 'two\n',
    })
    expect(await connect('ssh', 'bastion', 'echo three')).toMatchObject({ code: 0, stdout: 'three\n' })
    expect(await connect('ssh', `${own.sshd.user}@`, 'echo four')).toMatchObject({ code: 0, stdout: 'four\n' })
    expect(await connect('ssh', 'false')).toMatchObject({ code: 1 })
  })

  it('what is refused is said once, by ssh itself', async () => {
    const { code, stderr } = await connect('ssh', 'mkfs', '/dev/x')
    expect(code).toBe(126)
    expect(stderr.match(/nobody formats anything here/g)).toHaveLength(1)
    expect(await connect('ssh', 'nobody@', 'true')).toMatchObject({
      code: 126,
      stderr: expect.stringContaining('as "nobody"'),
    })
  })

  it('scp, sftp, rsync and git', async () => {
    const source = join(own.files, 'source')
    writeFileSync(source, randomBytes(100_000))
    expect(await connect('scp', '-q', source, `:${own.files}/by-scp`)).toMatchObject({ code: 0 })
    expect(await connect('scp', '-q', `:${own.files}/by-scp`, join(own.files, 'back'))).toMatchObject({ code: 0 })
    expect(await connect('rsync', '-a', source, `:${own.files}/by-rsync`)).toMatchObject({ code: 0 })
    const batch = join(own.files, 'batch')
    writeFileSync(batch, `put ${source} ${own.files}/by-sftp\n`)
    expect(await connect('sftp', '-b', batch)).toMatchObject({ code: 0 })
    for (const name of ['by-scp', 'back', 'by-rsync', 'by-sftp'])
      expect(digest(join(own.files, name))).toBe(digest(source))
    await run('git', ['init', '-q', '--bare', join(own.files, 'r.git')])
    expect(await connect('git', 'clone', '-q', `bastion:${own.files}/r.git`, join(own.files, 'clone'))).toMatchObject({
      code: 0,
    })
  })

  it('a program that is not there', async () => {
    expect(await connect('no-such-program')).toMatchObject({ code: 127 })
  })
})

describe.skipIf(!SSHD)('pamctl exec bastion -- …', () => {
  const exec = (...args: string[]) => pamctl(['exec', 'bastion', ...args], environment, '')

  it('words, streams and the exit code are those of the command', async () => {
    expect(await exec('--', 'printf', '%s|', `it's`, 'a  b', '$HOME')).toMatchObject({
      code: 0,
      stdout: `it's|a  b|$HOME|`,
    })
    const { code, stdout } = await exec('--json', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')
    expect(code).toBe(7)
    expect(JSON.parse(stdout)).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n', truncated: false })
  })

  it('what is refused runs nowhere', async () => {
    const { code, stdout, stderr } = await exec('--', 'mkfs', '/dev/x')
    expect([code, stdout]).toEqual([126, ''])
    expect(stderr).toContain('nobody formats anything here')
  })
})

describe.skipIf(!SSHD)('pamctl exec --detach bastion -- …', () => {
  const detach = (...args: string[]) => pamctl(['exec', '--detach', 'bastion', ...args], environment)
  const result = (...args: string[]) => pamctl(['result', ...args], environment)
  const held = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await detach('--quiet', '--', ...words)
    expect([code, stdout, stderr]).toEqual([6, expect.stringMatching(/^apr_\w{13}\n$/), ''])
    return stdout.trim()
  }
  const decide = async (id: string, verdict: 'approve' | 'deny'): Promise<void> => {
    const { digest } = await own.bob.api.reviews.get(id)
    await own.bob.api.reviews.decide(id, { verdict, comment: 'seen', ...(digest === undefined ? {} : { digest }) })
  }

  it('what is not held runs to its end, whatever it says of itself', async () => {
    const words = 'pam: exec needs approval by sre; request apr_0000000000000 sent, waiting up to 15m (Ctrl-C cancels)'
    const { code, stdout, stderr } = await detach('--', 'sh', '-c', `echo out; echo '${words}' >&2; exit 7`)
    expect([code, stdout, stderr]).toEqual([7, 'out\n', `${words}\n`])
    expect(await detach('--json', '--', 'cat')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"stdout": ""'),
    })
    expect(await result()).toMatchObject({ code: 0, stdout: '' })
  })

  it('two that are held are two approvals: one runs, the other does not', async () => {
    const [file, other] = [join(own.files, 'detached'), join(own.files, 'never')]
    const script = (path: string): string[] => ['sh', '-c', `touch '${path}'; echo out; echo err >&2; exit 3`]
    const [first, second] = await Promise.all([held(...script(file)), held(...script(other))])
    expect((await result()).stdout).toMatch(/held, waiting for sre[^]*held, waiting for sre/)
    expect(await result(first)).toMatchObject({ code: 6, stderr: expect.stringContaining('is held, waiting for sre') })
    const waiting = result(first, '--wait')
    await decide(first, 'approve')
    expect(await waiting).toMatchObject({ code: 3, stdout: 'out\n', stderr: expect.stringContaining('err\n') })
    expect([existsSync(file), existsSync(other)]).toEqual([true, false])
    await decide(second, 'deny')
    expect(await result(second, '--wait')).toMatchObject({ code: 5, stderr: expect.stringContaining('denied by bob') })
    expect(existsSync(other)).toBe(false)
  })

  it('without its agent it is withdrawn, and did not run', async () => {
    const file = join(own.files, 'lost')
    const id = await held('touch', file)
    await pamctl(['agent', 'stop'], environment)
    const { code, stderr } = await result(id, '--wait')
    expect([code, stderr]).toEqual([1, expect.stringContaining('was withdrawn and did not run')])
    await expect(decide(id, 'approve')).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
    expect(existsSync(file)).toBe(false)
  })
})

describe.skipIf(!SSHD)('pamctl ssh-config', () => {
  const ssh = (...args: string[]) => run('ssh', ['-F', join(home, '.ssh', 'config'), ...args], { env: environment })

  it('prints what plain ssh needs, and installs it once', async () => {
    const printed = await pamctl(['ssh-config'], environment)
    expect(printed.stdout).toMatch(/^Host bastion\n/)
    expect(printed.stdout).toContain('tunnel --protocol ssh %n')
    mkdirSync(join(home, '.ssh'), { mode: 0o700 })
    writeFileSync(join(home, '.ssh', 'config'), 'Host other\n  User nobody\n')
    for (let time = 0; time < 2; time++)
      expect(await pamctl(['ssh-config', '--install'], environment)).toMatchObject({ code: 0 })
    const config = readFileSync(join(home, '.ssh', 'config'), 'utf8')
    expect(config).toMatch(/^Include \S+\nHost other\n {2}User nobody\n$/)
    expect(await ssh('bastion', 'echo plain')).toMatchObject({ code: 0, stdout: 'plain\n' })
    expect(await pamctl(['ssh-config', 'nothing'], environment)).toMatchObject({ code: 5 })
  })

  it('leaves a link to the user’s configuration in place, and follows no file that was prepared', async () => {
    const dotfiles = join(own.directory, 'dotfiles')
    const place = join(own.directory, 'linked-home')
    mkdirSync(dotfiles)
    mkdirSync(join(place, '.ssh'), { recursive: true, mode: 0o700 })
    writeFileSync(join(dotfiles, 'ssh-config'), 'Host other\n')
    symlinkSync(join(dotfiles, 'ssh-config'), join(place, '.ssh', 'config'))
    writeFileSync(join(dotfiles, 'victim'), 'untouched')
    symlinkSync(join(dotfiles, 'victim'), join(place, '.ssh', 'config.next'))
    expect(await pamctl(['ssh-config', '--install'], { ...environment, HOME: place })).toMatchObject({ code: 0 })
    expect(lstatSync(join(place, '.ssh', 'config')).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(dotfiles, 'ssh-config'), 'utf8')).toMatch(/^Include \S+\nHost other\n$/)
    expect(readFileSync(join(dotfiles, 'victim'), 'utf8')).toBe('untouched')
    rmSync(join(dotfiles, 'ssh-config'))
    expect(await pamctl(['ssh-config', '--install'], { ...environment, HOME: place })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        `${join(place, '.ssh', 'config')} cannot be written: its directory does not exist`,
      ),
    })
  })

  it('many at once, each with a ProxyCommand of its own', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, index) => ssh('bastion', `echo ${index}`)))
    expect(all.map(({ stdout, stderr }) => stdout || stderr)).toEqual(
      Array.from({ length: 8 }, (_, index) => `${index}\n`),
    )
  })

  it('ControlMaster: one connection, many sessions', async () => {
    const control = join(own.directory, 'cm')
    const config = join(home, '.ssh', 'config')
    const master = spawn('ssh', ['-F', config, '-N', '-M', '-S', control, 'bastion'], {
      env: { ...process.env, ...environment },
      stdio: 'ignore',
    })
    const gone = new Promise<void>((resolve) => master.once('exit', () => resolve()))
    await eventually(() => (existsSync(control) ? true : undefined), 'the master is there')
    const all = await Promise.all([1, 2, 3].map((one) => ssh('-S', control, 'bastion', `echo ${one}`)))
    expect(all.map(({ stdout }) => stdout)).toEqual(['1\n', '2\n', '3\n'])
    await ssh('-S', control, '-O', 'exit', 'bastion')
    await gone
  })

  it('a key of the gateway that is not the known one is refused by ssh', async () => {
    const { code, stderr } = await ssh('-o', 'UserKnownHostsFile=/dev/null', 'bastion', 'true')
    expect(code).toBe(255)
    expect(stderr).toMatch(/No ED25519 host key is known/i)
  })

  it.skipIf(!hasProgram('ansible'))(
    'ansible',
    async () => {
      const inventory = join(own.directory, 'inventory')
      writeFileSync(inventory, `bastion ansible_remote_tmp=${own.files}/ansible\n`)
      const { stdout, stderr } = await run(
        'ansible',
        ['-i', inventory, 'bastion', '-m', 'command', '-a', 'echo by ansible'],
        {
          env: {
            ...environment,
            ANSIBLE_SSH_ARGS: `-F ${join(home, '.ssh', 'config')}`,
            ANSIBLE_LOCAL_TEMP: join(own.directory, 'ansible'),
          },
        },
      )
      expect(stdout, stderr).toContain('by ansible')
    },
    120_000,
  )
})

describe.skipIf(!SSHD)('a gateway that is gone', () => {
  it('is said once, by ssh itself, as the reason for which it was disconnected', async () => {
    await own.gateway.stop('SIGTERM')
    const { code, stderr } = await run('ssh', ['-F', join(home, '.ssh', 'config'), 'bastion', 'true'], {
      env: environment,
    })
    expect(code).toBe(255)
    expect(stderr).toMatch(/^Received disconnect from UNKNOWN port 65535:11: pam: .*cannot be reached/m)
    expect(stderr.match(/cannot be reached/g)).toHaveLength(1)
  })
})
