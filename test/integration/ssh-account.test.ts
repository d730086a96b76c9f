import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../helpers/gateway-client.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { run } from '../helpers/run.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/**
 * What sshd does only for another account than the one that it runs as: passwords (of the system's accounts), and
 * signals (it sends them where it has separated its privileges). The account is made for the test and removed after it,
 * so this runs only on machines that are there for tests.
 */
const MAY_MAKE_ACCOUNTS = SSHD && process.getuid?.() === 0 && process.env['PAMCTL_TEST_REQUIRE_ALL'] === '1'
const ACCOUNT = 'pamctl-test'
const password = randomBytes(12).toString('base64url')
let own: SshGateway

function system(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
}

beforeAll(async () => {
  if (!MAY_MAKE_ACCOUNTS) return
  spawnSync('userdel', [ACCOUNT])
  // By standard input: as an argument, one that happens to begin with a hyphen would be an option.
  const { stdout, status, stderr } = spawnSync('openssl', ['passwd', '-6', '-stdin'], {
    encoding: 'utf8',
    input: password,
  })
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
  system(
    'useradd',
    '--no-create-home',
    '--home-dir',
    '/tmp',
    '--shell',
    '/bin/sh',
    '--password',
    stdout.trim(),
    ACCOUNT,
  )
  own = await startSshGateway({
    sshd: 'PasswordAuthentication yes',
    prepare: ({ directory }) => writeFileSync(join(directory, 'password'), `${password}\n`),
    target: ({ port, hostKey, directory }) => `
  - name: by-password
    type: ssh
    host: 127.0.0.1
    port: ${port}
    hostKeys: ["${hostKey}"]
    logins: [{ name: ${ACCOUNT}, password: "file:${join(directory, 'password')}" }]
`,
    rules: `commands: [{ name: rest, match: {}, allow: true }]`,
  })
}, 60_000)
afterAll(async () => {
  if (!MAY_MAKE_ACCOUNTS) return
  await own?.stop()
  system('userdel', ACCOUNT)
})

describe.skipIf(!MAY_MAKE_ACCOUNTS)('another account', () => {
  it('by password, and nothing that is kept has it', async () => {
    const port = await own.port('by-password')
    const { stdout, stderr, code } = await run('ssh', ['-l', ACCOUNT, ...own.options(port), '127.0.0.1', 'whoami'])
    expect({ stdout, code }, stderr).toEqual({ stdout: `${ACCOUNT}\n`, code: 0 })
    expect(own.gateway.log()).not.toContain(password)
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
})
