import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { DEMO_ACCOUNT, loadSampleData } from '../../src/demo/sample-data.ts'
import { eventually, signIn } from '../helpers/gateway-client.ts'
import { pamctlSignedIn, type PamctlHome } from '../helpers/pamctl-client.ts'
import { pamctl, PSQL, ROOT } from '../helpers/run.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'
import { pamctlOnTerminal, SCRIPT } from '../helpers/terminal.ts'

/** Whoever is turned away or cut off reads why: in their own protocol, or, where nothing can be said in it, from pamctl. */
const READY = SSHD && PSQL
let postgres: LocalPostgres
let own: SshGateway
let home: PamctlHome
let config: string
/** A target that takes a connection and says nothing. */
let silent: Server
const silentSockets = new Set<Socket>()
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-cut-'))

beforeAll(async () => {
  if (!READY) return
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')) })
  await loadSampleData(postgres)
  silent = createServer((socket) => {
    silentSockets.add(socket.on('error', () => {}))
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port: silentPort } = silent.address() as { port: number }
  writeFileSync(join(directory, 'password'), `${DEMO_ACCOUNT.password}\n`)
  const database = (name: string, port: number): string => `
  - name: ${name}
    type: postgres
    host: 127.0.0.1
    port: ${port}
    database: app_dev
    user: ${DEMO_ACCOUNT.user}
    password: "file:${join(directory, 'password')}"
    tls: disable
`
  own = await startSshGateway({
    target: () => database('dev-db', postgres.port) + database('silent-db', silentPort),
    rules: `commands:
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: traps, match: { unknown: true }, allow: true }
  - { name: rest, match: {}, allow: true }`,
  })
  config = readFileSync(join(own.directory, 'pam.yaml'), 'utf8')
  home = await pamctlSignedIn(own.gateway.url, 'jane')
})
afterAll(async () => {
  if (!READY) return
  await pamctl(['agent', 'stop'], home.environment)
  silent.close()
  for (const socket of silentSockets) socket.destroy()
  await own.stop()
  await postgres.stop()
  for (const path of [directory, home.home]) rmSync(path, { recursive: true, force: true })
})

interface Running {
  readonly pid: number
  type(text: string): void
  stdout(): string
  stderr(): string
  kill(signal: NodeJS.Signals): void
  readonly closed: Promise<number | null>
}

function start(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { env: { ...process.env, ...home.environment }, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {})
  return {
    pid: child.pid as number,
    type: (text) => child.stdin.write(text),
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => void child.kill(signal),
    closed: new Promise((resolve) => child.on('close', resolve)),
  }
}
const startPamctl = (...args: string[]): Running => start(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), ...args])
const startPsql = (target = 'dev-db'): Running => startPamctl('connect', target, '--', 'psql', '-XAtq', '-f', '-')
const shows = (running: Running, text: string | RegExp, from: 'stdout' | 'stderr' = 'stdout') =>
  eventually(() => running[from]().match(text) ?? undefined, `${String(text)} on ${from}`)

/** `pamctl connect dev-db`, whose port stays open. */
async function keepOpen(): Promise<Running & { port: string }> {
  const running = startPamctl('connect', 'dev-db', '--json')
  const [, port = ''] = await shows(running, /"port": ?(\d+)/)
  return { ...running, port }
}
const psqlAt = (port: string, target = 'app_dev'): Running =>
  start('psql', ['-XAtq', '-f', '-', `host=127.0.0.1 port=${port} user=app dbname=${target}`])

const tunnelOptions = (): string[] =>
  [
    'LogLevel=INFO',
    `User=${own.sshd.user}`,
    `UserKnownHostsFile=${join(own.directory, 'known_hosts')}`,
    'HostKeyAlias=gateway',
    `ProxyCommand=${process.execPath} ${join(ROOT, 'bin', 'pamctl.js')} tunnel --protocol ssh bastion`,
  ].flatMap((option) => ['-o', option])
const startSsh = (...command: string[]): Running =>
  start('ssh', ['-F', 'none', ...tunnelOptions(), '-tt', 'bastion', ...command])

const agentPid = async (): Promise<number> =>
  (JSON.parse((await pamctl(['agent', 'status', '--json'], home.environment)).stdout) as { pid: number }).pid
const active = async () => (await own.bob.api.sessions.list({ active: true, limit: 10 })).items
const noneActive = () =>
  eventually(async () => ((await active()).length === 0 ? true : undefined), 'no session is live')
const isGone = (pid: string): boolean => {
  try {
    process.kill(Number(pid), 0)
    return false
  } catch {
    return true
  }
}

describe.skipIf(!READY)('a target that is withdrawn while its port is open', () => {
  it('is reported to the next connection and to open sessions in their protocol, and the port stays', async () => {
    const open = await keepOpen()
    const before = psqlAt(open.port)
    before.type('select 6 * 7;\n\\q\n')
    expect(await before.closed, before.stderr()).toBe(0)
    const live = psqlAt(open.port)
    live.type("select 'here';\n")
    await shows(live, 'here')
    const file = join(own.directory, 'pam.yaml')
    writeFileSync(
      file,
      config
        .replace('access:\n', 'access:\n  - { name: never, who: { groups: [nobody] }, grant: standing }\n')
        .replace(
          'groups: [engineering] }, grant',
          'groups: [engineering] }, targets: { names: [bastion, silent-db] }, grant',
        ),
    )
    own.gateway.signal('SIGHUP')
    await eventually(() => (own.gateway.log().includes('config.reloaded') ? true : undefined), 'reloaded')
    const after = psqlAt(open.port)
    expect(await after.closed).toBe(2)
    expect(after.stderr()).toContain('pam: no target named "dev-db" is visible to you')
    await noneActive()
    live.type("select 'and now';\n")
    expect(await live.closed).toBe(2)
    expect(live.stdout()).toBe('here\n')
    expect(live.stderr()).toContain('pam: the access rules changed, and no rule grants you this access now')
    writeFileSync(file, config)
    own.gateway.signal('SIGHUP')
    await eventually(
      () => ((own.gateway.log().match(/config\.reloaded/g) ?? []).length > 1 ? true : undefined),
      'again',
    )
    open.kill('SIGINT')
    await open.closed
  })
})

describe.skipIf(!READY || !SCRIPT)('psql at its prompt on a terminal', () => {
  it('reads why its session has ended, and pamctl says why it cannot reconnect', async () => {
    const psql = pamctlOnTerminal(['connect', 'dev-db', '--', 'psql', '-X', '-At'], home.environment)
    const says = (text: string | RegExp) =>
      eventually(() => psql.output().match(text) ?? undefined, `${String(text)} on the terminal`)
    await says(/app_dev=> $/)
    const [session] = await active()
    await own.bob.api.sessions.kill(session?.id ?? '', 'looks odd')
    psql.type("select 'lost';\n")
    await says(
      /FATAL: {2}pam: the session was ended by bob@example.com: looks odd\r?\nHINT: {2}your access to dev-db has not ended/,
    )
    await says('Attempting reset: Succeeded.')
    psql.type("select 'here';\n")
    await says(/^here/m)
    const grant = (await own.bob.api.grants.list({ all: true, active: true })).items.find(
      ({ target }) => target === 'dev-db',
    )
    await own.bob.api.grants.revoke(grant?.id ?? '', 'for today')
    const revoked = 'your access to dev-db was revoked by bob@example.com: for today'
    psql.type("select 'gone';\n")
    await says('Attempting reset: Failed.')
    await says(new RegExp(`^pamctl: ${revoked}`, 'm'))
    psql.type('\\q\n')
    await psql.closed
    await own.bob.api.grants.lift(grant?.id ?? '')
    await noneActive()
  })
})

describe.skipIf(!READY)('when the agent stops', () => {
  it.each(['agent stop', 'SIGTERM'])(
    '%s: an idle session, one that runs a command and one that waits are told',
    async (how) => {
      const idle = startPsql()
      idle.type('select 6 * 7;\n')
      await shows(idle, '42\n')
      const busy = startPsql()
      busy.type('\\echo begun\nselect pg_sleep(60);\n')
      await shows(busy, 'begun')
      silentSockets.clear()
      const waiting = startPsql('silent-db')
      await eventually(() => (silentSockets.size > 0 ? true : undefined), 'it waits')
      if (how === 'SIGTERM') process.kill(await agentPid(), 'SIGTERM')
      else expect(await pamctl(['agent', 'stop'], home.environment)).toMatchObject({ code: 0 })
      for (const one of [busy, waiting]) {
        expect(await one.closed).toBe(2)
        expect(one.stderr()).toMatch(/FATAL: {2}pam: the local agent is stopping/)
        expect(one.stderr()).toContain('run "pamctl connect" again')
      }
      idle.type('select 1;\n')
      await idle.closed
      expect(idle.stderr()).toMatch(/FATAL: {2}pam: the local agent is stopping/)
      await noneActive()
    },
    120_000,
  )

  it('an SSH session, in which nothing can be said, has it from the ProxyCommand', async () => {
    const ssh = startSsh('echo begun; sleep 60')
    await shows(ssh, 'begun')
    await pamctl(['agent', 'stop'], home.environment)
    expect(await ssh.closed).toBe(255)
    expect(ssh.stderr()).toMatch(/^pamctl: the local agent is stopping \(run "pamctl connect" again\)/m)
    await noneActive()
  })

  it('Ctrl-C of `connect`: those who came through its port are told', async () => {
    const open = await keepOpen()
    const busy = psqlAt(open.port)
    busy.type('\\echo begun\nselect pg_sleep(60);\n')
    await shows(busy, 'begun')
    await eventually(async () => ((await active()).length > 0 ? true : undefined), 'it is connected')
    open.kill('SIGINT')
    expect(await busy.closed).toBe(2)
    expect(busy.stderr()).toContain('FATAL:  pam: "pamctl connect dev-db" has ended, and this port with it')
    await noneActive()
  })
})

describe.skipIf(!READY)('when pamctl is killed', () => {
  /** A program with a terminal that writes its process id and would note a hang-up. */
  const program = (name: string): string =>
    `trap 'echo hung up > ${own.files}/${name}; exit' HUP; echo pid=$$=; while :; do sleep 0.1; done`

  it.each(['the ProxyCommand', 'the agent'])(
    'kill -9 of %s: the program is hung up, and no session stays',
    async (what) => {
      const name = what.replace(' ', '-')
      const ssh = startSsh(program(name))
      const [, pid = ''] = await shows(ssh, /pid=(\d+)=/)
      expect(await active()).toHaveLength(1)
      if (what === 'the agent') process.kill(await agentPid(), 'SIGKILL')
      else {
        const proxies = readFileSync(`/proc/${ssh.pid}/task/${ssh.pid}/children`, 'utf8').trim().split(' ')
        expect(proxies).toHaveLength(1)
        process.kill(Number(proxies[0]), 'SIGKILL')
      }
      expect(await ssh.closed).toBe(255)
      if (what === 'the agent') expect(ssh.stderr()).toContain('pamctl: lost the connection to the local agent')
      await eventually(() => (isGone(pid) ? true : undefined), 'it is gone')
      expect(readFileSync(join(own.files, name), 'utf8')).toBe('hung up\n')
      await noneActive()
    },
    120_000,
  )

  it('kill -9 of the agent: a database session ends at the target, too', async () => {
    const busy = startPsql()
    busy.type('\\echo begun\nselect pg_sleep(61);\n')
    await shows(busy, 'begun')
    await eventually(async () => ((await active()).length > 0 ? true : undefined), 'it is connected')
    process.kill(await agentPid(), 'SIGKILL')
    expect(await busy.closed).not.toBe(0)
    await noneActive()
  })
})

describe.skipIf(!READY)('when the connection to the gateway is lost', () => {
  const lose = async (): Promise<void> => {
    await own.gateway.stop('SIGKILL')
    // Only then, so that what it listened on is free.
    await own.restart(config)
  }

  it('an idle session, one that runs a command, and one that has not heard of the gateway read it natively', async () => {
    const idle = startPsql()
    idle.type('select 6 * 7;\n')
    await shows(idle, '42\n')
    const busy = startPsql()
    busy.type('\\echo begun\nselect pg_sleep(60);\n')
    await shows(busy, 'begun')
    silentSockets.clear()
    const waiting = startPsql('silent-db')
    await eventually(() => (silentSockets.size > 0 ? true : undefined), 'it waits')
    await lose()
    for (const one of [busy, waiting]) {
      expect(await one.closed).toBe(2)
      expect(one.stderr()).toContain('FATAL:  pam: the connection to the gateway was lost')
    }
    idle.type('select 1;\n')
    await idle.closed
    expect(idle.stderr()).toContain('FATAL:  pam: the connection to the gateway was lost')
  })

  it('an SSH session has it from the ProxyCommand, once', async () => {
    const ssh = startSsh('echo begun; sleep 60')
    await shows(ssh, 'begun')
    await lose()
    expect(await ssh.closed).toBe(255)
    expect(ssh.stderr().match(/pamctl: the connection to the gateway was lost/g)).toHaveLength(1)
  })

  it('an SSH client that waits for its tunnel is disconnected in SSH', async () => {
    const tunnels = async (): Promise<number> => {
      const { stdout } = await pamctl(['agent', 'status', '--json'], home.environment)
      return Number(/"target": ?"bastion"[^}]*"tunnels": ?(\d+)/s.exec(stdout)?.[1] ?? 0)
    }
    await eventually(async () => ((await tunnels()) === 0 ? true : undefined), 'nothing is left of the test before')
    own.gateway.signal('SIGSTOP')
    const ssh = startSsh('true')
    await eventually(async () => ((await tunnels()) === 1 ? true : undefined), 'it waits')
    await lose()
    expect(await ssh.closed).toBe(255)
    expect(ssh.stderr()).toMatch(/Received disconnect from UNKNOWN port 65535:11: pam: /)
  })
})

/** The last one here: jane is not signed in afterwards. */
describe.skipIf(!READY)('a person disabled by the directory', () => {
  const token = 'directory-token-0123456789abcdef012345'
  const scim = async (method: string, path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${own.gateway.url}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as Record<string, unknown>
    expect([path, response.ok, answer]).toEqual([path, true, answer])
    return answer
  }
  const provision = async (externalId: string): Promise<string> => {
    const schemas = ['urn:ietf:params:scim:schemas:core:2.0:User']
    return String((await scim('POST', '/Users', { schemas, userName: `${externalId}@example.com`, externalId }))['id'])
  }

  it('reads why in psql and ssh at once, connects no more, and cannot sign in', async () => {
    await pamctl(['agent', 'stop'], home.environment)
    rmSync(home.home, { recursive: true, force: true })
    writeFileSync(join(own.directory, 'scim-token'), token)
    const provider = 'evaluation: { people: people.yaml }'
    const directoryOf = '- { name: okta, issuer: evaluation, token: "file:scim-token" }'
    await own.restart(config.replace(provider, `${provider}\n  provisioning:\n    ${directoryOf}`))
    await expect(signIn(own.gateway.url, 'bob')).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    const [jane] = [await provision('jane'), await provision('bob')]
    home = await pamctlSignedIn(own.gateway.url, 'jane')
    const bob = await signIn(own.gateway.url, 'bob')
    const busy = startPsql()
    busy.type('\\echo begun\nselect pg_sleep(62);\n')
    const ssh = startSsh('echo begun; sleep 62')
    for (const one of [busy, ssh]) await shows(one, 'begun')
    await scim('PATCH', `/Users/${jane}`, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'Replace', path: 'active', value: 'False' }],
    })
    const why = 'the directory "okta" has disabled your account'
    expect(await busy.closed).toBe(2)
    expect(busy.stderr()).toContain(`FATAL:  pam: ${why}`)
    expect(await ssh.closed).toBe(255)
    expect(ssh.stderr()).toContain(why)
    const sessions = await eventually(async () => {
      const { items } = await bob.api.sessions.list({ limit: 2 })
      return items.every(({ ended }) => ended !== undefined) ? items : undefined
    }, 'both have ended')
    expect(sessions.map(({ ended }) => ended)).toMatchObject(
      Array.from({ length: 2 }, () => ({ code: 'IDENTITY_LOST', message: why })),
    )
    const again = startPsql()
    expect(await again.closed).not.toBe(0)
    await expect(signIn(own.gateway.url, 'jane')).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
  })
})
