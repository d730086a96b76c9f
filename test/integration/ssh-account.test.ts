import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../helpers/gateway-client.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { run } from '../helpers/run.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'
import { SSH_GO } from '../helpers/test-clients.ts'

/**
 * What sshd does only for another account than the one that it runs as: passwords (of the system's accounts), and
 * signals (it sends them where it has separated its privileges). The account is made for the test and removed after it,
 * so this runs only on machines that are there for tests.
 */
const MAY_MAKE_ACCOUNTS = SSHD && process.getuid?.() === 0 && process.env['PAMCTL_TEST_REQUIRE_ALL'] === '1'
const ACCOUNT = 'pamctl-test'
/** Accounts whose login shell is another one, where the machine has it. */
const SHELLS = ['zsh', 'mksh'].flatMap((name) => {
  const path = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
  return path === '' ? [] : [{ account: `${ACCOUNT}-${name}`, name, path }]
})
const password = randomBytes(12).toString('base64url')
let own: SshGateway

function system(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
}

beforeAll(async () => {
  if (!MAY_MAKE_ACCOUNTS) return
  for (const account of [ACCOUNT, ...SHELLS.map((shell) => shell.account)]) spawnSync('userdel', [account])
  // By standard input: as an argument, one that happens to begin with a hyphen would be an option.
  const { stdout, status, stderr } = spawnSync('openssl', ['passwd', '-6', '-stdin'], {
    encoding: 'utf8',
    input: password,
  })
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
  for (const { account, path } of [{ account: ACCOUNT, path: '/bin/sh' }, ...SHELLS]) {
    const options = ['--no-create-home', '--home-dir', '/tmp', '--shell', path, '--password', stdout.trim()]
    system('useradd', ...options, account)
  }
  own = await startSshGateway({
    sshd: 'PasswordAuthentication yes',
    prepare: ({ directory }) => writeFileSync(join(directory, 'password'), `${password}\n`),
    target: ({ port, hostKey, directory }) => {
      const login = (name: string, more = ''): string =>
        `{ name: ${name}, password: "file:${join(directory, 'password')}"${more} }`
      return `
  - name: by-password
    type: ssh
    host: 127.0.0.1
    port: ${port}
    hostKeys: ["${hostKey}"]
    logins: [${[login(ACCOUNT), ...SHELLS.map(({ account }) => login(account))].join(', ')}]
  - name: configured
    type: ssh
    host: 127.0.0.1
    port: ${port}
    hostKeys: ["${hostKey}"]
    logins: [${login(ACCOUNT, ', shell: other')}]
`
    },
    rules: `commands: [{ name: rest, match: {}, allow: true }]`,
  })
})
afterAll(async () => {
  if (!MAY_MAKE_ACCOUNTS) return
  await own?.stop()
  for (const account of [ACCOUNT, ...SHELLS.map((shell) => shell.account)]) system('userdel', account)
})

describe.skipIf(!MAY_MAKE_ACCOUNTS)('another account', () => {
  it('by password, and nothing that is kept has it', async () => {
    const port = await own.port('by-password')
    const { stdout, stderr, code } = await run('ssh', ['-l', ACCOUNT, ...own.options(port), '127.0.0.1', 'whoami'])
    expect({ stdout, code }, stderr).toEqual({ stdout: `${ACCOUNT}\n`, code: 0 })
    expect(own.gateway.log()).not.toContain(password)
  })

  it.skipIf(SSH_GO === undefined)('a signal of a client without input reaches the command', async () => {
    const { port } = await own.port('by-password')
    const command = 'echo ready; sleep 4713'
    expect(await run(SSH_GO as string, [`127.0.0.1:${port}`, ACCOUNT, 'signal', command])).toMatchObject({
      code: 143,
      stdout: 'ready\nsignal TERM\n',
    })
  })

  it('kill: a command without a terminal is ended by a signal, and that it is gone is known', async () => {
    const port = await own.port('by-password')
    const running = run('ssh', ['-l', ACCOUNT, ...own.options(port), '127.0.0.1', 'sleep 4712'])
    const pids = async (): Promise<string> => (await run('pgrep', ['-x', '-f', 'sleep 4712'])).stdout
    await eventually(async () => ((await pids()) === '' ? undefined : true), 'it runs')
    const [session] = (await own.bob.api.sessions.list({ active: true, limit: 1 })).items
    await own.bob.api.sessions.kill(session?.id ?? '', 'enough')
    expect((await running).stderr).toContain('pam: the session was ended by bob@example.com: enough')
    await eventually(async () => ((await pids()) === '' ? true : undefined), 'it is gone')
    const events = await eventually(async () => {
      const file = filesIn(join(own.directory, 'data', 'recordings'), '.pamrec').find((path) =>
        path.includes(session?.id ?? ''),
      )
      return file === undefined ? undefined : eventsOf(file)
    }, 'its record')
    expect(JSON.stringify(events)).not.toContain('outcome unknown')
  })

  const asAccount = async (account: string, command: string, target = 'by-password') =>
    run('ssh', ['-l', account, ...own.options(await own.port(target)), '127.0.0.1', command])

  it.skipIf(SHELLS.length === 0).each(SHELLS.map((shell) => [shell.name, shell]))(
    'whose login shell is %s: its command lines are not read, files are',
    async (_name, { account, path }) => {
      const { code, stderr } = await asAccount(account, 'echo in')
      expect({ code, stderr }).toMatchObject({ code: 126 })
      expect(stderr).toContain("the account's login shell is not one that the gateway can read")
      // What the reader of bash would take for an array, or for nothing.
      const tricks = { zsh: 'path=(/tmp/pamctl-none); ls', mksh: "[ 1 -eq 'a[$(touch /tmp/pamctl-none)]' ]" }
      for (const trick of Object.values(tricks)) expect(await asAccount(account, trick)).toMatchObject({ code: 126 })
      expect(path).toMatch(/^\//)
      const shared = mkdtempSync(join(tmpdir(), 'pamctl-test-account-'))
      chmodSync(shared, 0o777)
      const name = join(shared, account)
      writeFileSync(join(own.directory, 'sent'), 'sent\n')
      const options = own
        .options(await own.port('by-password'))
        .map((one) => one.replace(/^User=.*/, `User=${account}`))
      for (const more of [[], ['-O']]) {
        const copied = await run('scp', [...more, ...options, join(own.directory, 'sent'), `127.0.0.1:${name}`])
        expect(copied.code, copied.stderr).toBe(0)
        expect(readFileSync(name, 'utf8')).toBe('sent\n')
        rmSync(name)
      }
      rmSync(shared, { recursive: true })
    },
  )

  it('whose login shell is sh is found out, and is on record', async () => {
    expect(await asAccount(ACCOUNT, 'echo in')).toMatchObject({ stdout: 'in\n' })
    // Words of bash that dash reads in another way.
    expect(await asAccount(ACCOUNT, 'echo &>/dev/null in')).toMatchObject({ code: 126, stdout: '' })
    await eventually(async () => {
      const records = filesIn(join(own.directory, 'data', 'recordings'), '.pamrec').map((path) => eventsOf(path))
      const notice = `the login shell of ${ACCOUNT} is sh`
      return JSON.stringify(await Promise.all(records)).includes(notice) ? true : undefined
    }, 'a notice in the record')
  })

  it('whose login shell is configured is not asked', async () => {
    const { code, stderr } = await asAccount(ACCOUNT, 'echo in', 'configured')
    expect({ code, stderr }).toMatchObject({ code: 126 })
    expect(stderr).toContain("the account's login shell is not one that the gateway can read")
  })
})
