import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import xterm from '@xterm/headless'
import type { Client, SFTPWrapper } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { hasProgram } from '../../src/demo/programs.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import { readRecording } from '../../src/recording/read.ts'
import { parseTrustedKeys, verifyRecording } from '../../src/recording/verify.ts'
import { eventually, type Port } from '../helpers/gateway-client.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { run } from '../helpers/run.ts'
import { inTerminal, sshClient } from '../helpers/ssh-client.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

let own: SshGateway
let port: Port
const clients: Client[] = []

beforeAll(async () => {
  if (!SSHD) return
  own = await startSshGateway({
    target: (sshd) => `
  - name: by-rsa
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    knownHosts: ${join(sshd.directory, 'known')}
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.rsa}" }]
  - name: by-encrypted-key
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    trustOnFirstUse: true
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.encrypted}", passphrase: "file:${join(sshd.directory, 'passphrase')}" }]
  - name: another-host
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    hostKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }]
  - name: full-record
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    fullRecord: true
    hostKeys: ["${sshd.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }, { name: somebody, privateKey: "file:${sshd.keys.ed25519}" }]
  - name: exec-only
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    labels: { shells: held }
    hostKeys: ["${sshd.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }]
`,
    prepare: (sshd) => {
      writeFileSync(join(sshd.directory, 'passphrase'), 'secret\n')
      writeFileSync(join(sshd.directory, 'known'), `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
    },
    rules: (files) => `commands:
  - { name: shells of exec-only are held, targets: { labels: { shells: held } }, match: { kinds: [shell] }, hold: { approvers: { groups: [sre] } } }
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: touching is held, match: { programs: [touch] }, hold: { approvers: { groups: [sre] } } }
  - { name: no mkfs, match: { programs: ["mkfs*"] }, deny: "nobody formats anything here", hint: "ask the storage team" }
  - { name: not there, match: { writesPaths: ["${files}/guarded/**"] }, deny: "guarded" }
  - { name: forwarding to loopback, match: { kinds: [forward-local, forward-remote], hosts: ["127.0.0.1:*", "localhost:*"] }, allow: true }
  - { name: known programs, match: { programs: [vim, less, top, tmux, bash, git-receive-pack, ansible-test, python3, stty, tput, kill] }, allow: true }
  - { name: ansible, match: { unknown: true, programs: [python3] }, allow: true }
  - { name: rest, match: {}, allow: true }
masking:
  - { name: secrets, kinds: [email, cloud-key, private-key], style: redact }`,
  })
  port = await own.port()
})
afterAll(async () => {
  for (const client of clients) client.end()
  await own?.stop()
})

const client = async (target: Port = port): Promise<Client> => {
  const made = await sshClient(target, own.sshd.user)
  made.on('error', () => {})
  clients.push(made)
  return made
}
const records = (): string[] => filesIn(join(own.directory, 'data', 'recordings'), '.pamrec')
/** The record of the session in which this was asked for, once it is kept. */
const recordWith = (text: string): Promise<RecordedEvent[]> =>
  eventually(async () => {
    if (!existsSync(join(own.directory, 'data', 'recordings'))) return undefined
    for (const file of records().toReversed()) {
      const events = await eventsOf(file)
      if (events.some((event) => event.type === 'command' && event.text.includes(text))) return events
    }
    return undefined
  }, `a record with ${text}`)
const of = <T extends RecordedEvent['type']>(events: readonly RecordedEvent[], type: T) =>
  events.filter((event): event is RecordedEvent & { type: T } => event.type === type)
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
const held = () =>
  eventually(
    async () =>
      (await own.bob.api.reviews.list()).find(({ kind }) => kind === 'command') as
        { id: string; digest: string; effect: string; text: string; session: string } | undefined,
    'held',
  )

describe.skipIf(!SSHD)('the ssh client, unmodified', () => {
  it('runs commands: output, errors, input and exit status are the target’s', async () => {
    expect(await own.ssh(port, ['cat; echo err >&2; false'], 'in\n')).toEqual({
      code: 1,
      stdout: 'in\n',
      stderr: 'err\n',
    })
    expect(await own.ssh(port, ['echo é; true'])).toMatchObject({ code: 0, stdout: 'é\n' })
    expect((await own.ssh(port, ['seq 1 300000 | tail -n 1'])).stdout).toBe('300000\n')
    expect((await own.ssh(port, ['seq 1 300000'])).stdout.length).toBe(1_988_895)
    expect((await own.ssh(port, ['wc -c'], 'x'.repeat(3_000_000))).stdout.trim()).toBe('3000000')
    expect((await own.ssh(port, ['-n', 'cat'])).code).toBe(0)
  })

  it('keys are exchanged again in the middle, by either side’s limit', async () => {
    const { stdout, stderr, code } = await own.ssh(port, ['-o', 'RekeyLimit=64K', 'seq 1 300000'])
    expect({ length: stdout.length, stderr, code }).toEqual({ length: 1_988_895, stderr: '', code: 0 })
    // More often than without traffic.
    const input = 'x'.repeat(12_000_000)
    expect((await own.ssh(port, ['-o', 'RekeyLimit=64K', 'wc -c'], input)).stdout.trim()).toBe('12000000')
  })

  it('both outputs at once, faster than they are read: every byte once', async () => {
    const command = 'for i in 1 2 3 4 5 6; do seq 1 150000; seq 1 150000 >&2; done'
    const through = await own.ssh(port, [command])
    const direct = await own.direct([command])
    expect(through.code).toBe(0)
    expect(through.stdout === direct.stdout).toBe(true)
    expect(through.stderr === direct.stderr).toBe(true)
  })

  it('a signal that ended a command is told', async () => {
    const { code, stderr } = await own.ssh(port, ['bash -c "kill -TERM \\$\\$"'])
    expect(code, stderr).not.toBe(0)
  })

  it('refuses with 126 and says which rule, and nothing of it runs', async () => {
    const { code, stderr, stdout } = await own.ssh(port, [`echo x > ${own.files}/ran; mkfs.ext4 /dev/null`])
    expect({ code, stdout }).toEqual({ code: 126, stdout: '' })
    expect(stderr).toMatch(
      /^pam: nobody formats anything here\npam: rule "no mkfs"; ask the storage team; decision dec_\w+\n$/,
    )
    expect(existsSync(join(own.files, 'ran'))).toBe(false)
  })

  it('holds, says so, and goes on once somebody approved; exactly what was shown', async () => {
    const path = join(own.files, 'touched')
    const waiting = own.ssh(port, [`touch ${path}`])
    const review = await held()
    expect(review).toMatchObject({ text: `touch ${path}`, effect: expect.stringContaining(`writes ${path}`) })
    expect(existsSync(path)).toBe(false)
    await own.bob.api.reviews.decide(review.id, { verdict: 'approve', comment: '', digest: review.digest })
    const { code, stderr } = await waiting
    expect(code).toBe(0)
    expect(stderr).toMatch(/needs approval by sre; request apr_\w+ sent, waiting up to 15m[^]*approved/)
    expect(existsSync(path)).toBe(true)
  })

  it('a denied one does not run, and neither does one that Ctrl-C withdrew or whose client left', async () => {
    const path = join(own.files, 'never')
    const waiting = own.ssh(port, [`touch ${path}`])
    const review = await held()
    await own.bob.api.reviews.decide(review.id, { verdict: 'deny', comment: 'not today' })
    expect(await waiting).toMatchObject({ code: 126, stderr: expect.stringContaining('not today') })

    const { channel, output, over } = await inTerminal(await client(), `touch ${path}`)
    const second = await held()
    channel.write('\x03')
    expect(await over).toEqual({ code: 130 })
    expect(output().toString()).toContain('withdrawn')
    await expect(
      own.bob.api.reviews.decide(second.id, { verdict: 'approve', comment: '', digest: second.digest }),
    ).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })

    const leaving = await client()
    await inTerminal(leaving, `touch ${path}`)
    await held()
    leaving.end()
    await eventually(async () => ((await own.bob.api.reviews.list()).length === 0 ? true : undefined), 'withdrawn')
    expect(existsSync(path)).toBe(false)
  })

  it('masks output, not files', async () => {
    expect(await own.ssh(port, ['echo jane@example.com AKIAIOSFODNN7EXAMPLE; echo jane@example.com >&2'])).toEqual({
      code: 0,
      stdout: '**** ****\n',
      stderr: '****\n',
    })
    const path = join(own.files, 'addresses')
    writeFileSync(path, 'jane@example.com\n')
    for (const more of [[], ['-O']]) {
      await run('scp', [...more, ...own.options(port), `127.0.0.1:${path}`, `${path}.copy`])
      expect(readFileSync(`${path}.copy`, 'utf8')).toBe('jane@example.com\n')
    }
  })

  it('agent forwarding is refused with a sentence', async () => {
    const socket = join(own.directory, 'agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    await eventually(() => (existsSync(socket) ? true : undefined), 'an agent')
    const options = ['-A', ...own.options(port), '127.0.0.1', 'printenv SSH_AUTH_SOCK']
    const { stdout, stderr } = await run('ssh', options, { env: { SSH_AUTH_SOCK: socket } })
    agent.kill()
    expect(stdout).toBe('')
    expect(stderr).toContain('pam: agent forwarding is not supported')
  })

  it('only variables that are allowed, with plain values, are passed on', async () => {
    const made = await client()
    const echo = (env: Record<string, string>): Promise<string> =>
      new Promise((resolve, reject) =>
        made.exec('printenv | grep -c -e LC_TEST -e PAMTEST_X || true', { env }, (error, stream) => {
          if (error !== undefined) return reject(error)
          let out = ''
          stream.on('data', (bytes: Buffer) => (out += bytes.toString())).on('close', () => resolve(out.trim()))
        }),
      )
    expect(await echo({ LC_TEST: 'x' })).toBe('1')
    expect(await echo({ LC_TEST: 'a[$(id)]' })).toBe('0')
    expect(await echo({ PAMTEST_X: 'x' })).toBe('0')
    const many = Array.from({ length: 200 }, (_, number) => [`LC_TEST_${number}`, 'x'] as const)
    expect(await echo(Object.fromEntries(many))).toBe('128')
  })
})

describe.skipIf(!SSHD)('files', () => {
  const big = (): string => join(own.files, 'big')
  beforeAll(() => void (SSHD && writeFileSync(big(), randomBytes(5_000_000))))

  it.each([
    ['sftp', []],
    ['the old protocol', ['-O']],
  ] as const)('scp by %s, both ways, and the record has its digest', async (name, more) => {
    const up = join(own.files, `up ${name}`)
    expect(
      await run('scp', ['-q', ...more, ...own.options(port), big(), `127.0.0.1:${more.length > 0 ? `'${up}'` : up}`]),
    ).toMatchObject({ code: 0, stderr: '' })
    expect(sha256(up)).toBe(sha256(big()))
    const down = join(own.files, `down-${more.length}`)
    await run('scp', ['-q', ...more, ...own.options(port), `127.0.0.1:${big()}`, down])
    expect(sha256(down)).toBe(sha256(big()))
    const events = of(await recordWith(`${more.length > 0 ? 'scp -t' : 'sftp write'} '${up}'`), 'file')
    expect(events).toContainEqual(
      expect.objectContaining({ operation: 'write', bytes: 5_000_000, sha256: sha256(big()) }),
    )
  })

  it('scp -O of a directory: what may not be written there is refused by its name', async () => {
    const source = join(own.files, 'tree')
    mkdirSync(join(source, 'guarded'), { recursive: true })
    writeFileSync(join(source, 'guarded', 'x'), 'x')
    const { code, stderr } = await run('scp', [
      '-O',
      '-q',
      '-r',
      ...own.options(port),
      join(source, 'guarded'),
      `127.0.0.1:${own.files}`,
    ])
    expect(code).not.toBe(0)
    expect(stderr).toContain('guarded')
    expect(existsSync(join(own.files, 'guarded', 'x'))).toBe(false)
  })

  it('rsync', async () => {
    const source = join(own.files, 'rsync-source')
    mkdirSync(join(source, 'sub'), { recursive: true })
    writeFileSync(join(source, 'sub', 'f'), randomBytes(300_000))
    const shell = ['-e', `ssh ${own.options(port).join(' ')}`]
    const up = await run('rsync', ['-a', ...shell, `${source}/`, `127.0.0.1:${own.files}/rsync-copy/`])
    expect(up, up.stderr).toMatchObject({ code: 0 })
    expect(sha256(join(own.files, 'rsync-copy', 'sub', 'f'))).toBe(sha256(join(source, 'sub', 'f')))
    const refused = await run('rsync', ['-a', ...shell, `${source}/`, `127.0.0.1:${own.files}/guarded/`])
    expect(refused.stderr).toContain('pam: guarded')
    expect(existsSync(join(own.files, 'guarded', 'sub'))).toBe(false)
  })

  it('git clone and push', async () => {
    const bare = join(own.files, 'repo.git')
    await run('git', ['init', '-q', '--bare', bare])
    const env = { GIT_SSH_COMMAND: `ssh ${own.options(port).join(' ')}` }
    const work = join(own.files, 'work')
    expect(await run('git', ['clone', '-q', `127.0.0.1:${bare}`, work], { env })).toMatchObject({ code: 0 })
    writeFileSync(join(work, 'f'), 'content\n')
    const git = (...args: string[]) =>
      run('git', ['-C', work, '-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args], { env })
    await git('add', 'f')
    await git('commit', '-q', '-m', 'first')
    expect(await git('push', '-q', 'origin', 'HEAD:refs/heads/main')).toMatchObject({ code: 0 })
    expect((await run('git', ['-C', bare, 'log', '--format=%s', 'main'])).stdout).toBe('first\n')
  })
})

describe.skipIf(!SSHD)('forwarding', () => {
  it('-L, where a rule names it, recorded by endpoint and size; not elsewhere', async () => {
    const echo = createServer((socket) => socket.pipe(socket))
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
    const to = (echo.address() as AddressInfo).port
    const made = await client()
    const forwarded = await new Promise<string>((resolve, reject) => {
      made.forwardOut('127.0.0.1', 1, '127.0.0.1', to, (error, stream) => {
        if (error !== undefined) return reject(error)
        stream.on('data', (bytes: Buffer) => {
          resolve(bytes.toString())
          stream.end()
        })
        stream.write('hello')
      })
    })
    expect(forwarded).toBe('hello')
    const refused = new Promise((resolve) => made.forwardOut('127.0.0.1', 1, '192.0.2.1', 80, resolve))
    expect(await refused).toMatchObject({
      reason: 1,
      message: expect.stringMatching(
        /pam: no rule allows FORWARD LOCAL to 192\.0\.2\.1:80 on bastion; .*decision dec_\w+$/,
      ),
    })
    // What the target would take for the same address is not what the rule names.
    for (const [host, at] of [
      ['127.1', to],
      ['2130706433', to],
      ['127.0.0.1\0', to],
      ['127.0.0.1', to + 65_536],
    ] as const) {
      const other = new Promise((resolve) => made.forwardOut('127.0.0.1', 1, host, at, resolve))
      expect(await other).toMatchObject({ reason: 1, message: expect.stringContaining('pam: ') })
    }
    made.end()
    const events = await recordWith(`forward-local 127.0.0.1:${to}`)
    expect(of(events, 'result')).toContainEqual(expect.objectContaining({ tag: '5 bytes up, 5 bytes down' }))
    echo.close()
  })

  it('ssh -N -L and ssh -R by the real client', async () => {
    const echo = createServer((socket) => socket.end('from afar'))
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
    const { port: to } = echo.address() as AddressInfo
    for (const kind of ['-L', '-R']) {
      const local = await freePort()
      const control = join(own.directory, `c${kind}`)
      const opened = await run('ssh', [
        '-f',
        '-N',
        '-M',
        '-S',
        control,
        '-o',
        'ExitOnForwardFailure=yes',
        kind,
        `127.0.0.1:${local}:127.0.0.1:${to}`,
        ...own.options(port),
        '127.0.0.1',
      ])
      expect(opened, opened.stderr).toMatchObject({ code: 0 })
      const got = await eventually(async () => {
        const { stdout } = await run('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${local} && cat <&3`])
        return stdout === '' ? undefined : stdout
      }, 'an answer')
      expect(got).toBe('from afar')
      await run('ssh', ['-S', control, '-O', 'exit', ...own.options(port), '127.0.0.1'])
    }
    echo.close()
  })

  it('that is refused says so where sshd would, to each way of asking', async () => {
    const local = await freePort()
    const why = 'pam: no rule allows FORWARD LOCAL to 192.0.2.1:80 on bastion'
    const prohibited = `administratively prohibited: ${why}`
    const options = own.options(port).map((one) => (one === 'LogLevel=ERROR' ? 'LogLevel=INFO' : one))
    const through = await run('ssh', ['-W', '192.0.2.1:80', ...options, '127.0.0.1'])
    expect(through.code).not.toBe(0)
    expect(through.stderr).toContain(prohibited)
    // -D and -L ask when somebody connects.
    const ask = "printf '\\5\\1\\0\\5\\1\\0\\1\\300\\0\\2\\1\\0\\120' >&3; cat <&3 >/dev/null"
    for (const [option, send] of [
      [`-D127.0.0.1:${local}`, ask],
      [`-L127.0.0.1:${local}:192.0.2.1:80`, 'cat <&3'],
    ] as const) {
      const ssh = spawn('ssh', [option, ...options, '127.0.0.1', 'cat'])
      let said = ''
      ssh.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
      await eventually(async () => {
        await run('timeout', ['5', 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${local} || exit; ${send}`])
        return said.includes('open failed') ? true : undefined
      }, 'refused')
      expect(said).toContain(prohibited)
      const over = new Promise((resolve) => ssh.once('close', resolve))
      ssh.kill()
      await over
    }
    // The protocol has no words for a refused -R: the command that comes with it has.
    const remote = await run('ssh', ['-R', '198.51.100.1:1:127.0.0.1:1', ...options, '127.0.0.1', 'echo on'])
    expect(remote).toMatchObject({ code: 0, stdout: 'on\n' })
    expect(remote.stderr).toContain('pam: no rule allows FORWARD REMOTE to 198.51.100.1:1 on bastion')
  })

  it('that the target refuses has its words, and a type of channel that nobody carries has ours', async () => {
    const made = await client()
    const asked = (open: (done: (error: unknown) => void) => unknown) => new Promise((resolve) => void open(resolve))
    const closed = await freePort()
    const direct = await sshClient(own.sshd.port, own.sshd.user, { privateKey: readFileSync(own.sshd.keys.ed25519) })
    const open = (on: Client) => asked((done) => on.forwardOut('127.0.0.1', 1, '127.0.0.1', closed, done))
    const { message, reason } = (await open(direct)) as { message: string; reason: number }
    expect(await open(made)).toMatchObject({ message, reason })
    direct.end()
    const strict = await sshClient(port, own.sshd.user, { strictVendor: false })
    expect(await asked((done) => strict.openssh_forwardOutStreamLocal('/run/docker.sock', done))).toMatchObject({
      reason: 1,
      message: expect.stringContaining('pam: Unix sockets are not forwarded'),
    })
    strict.end()
  })

  it('is refused where the target asks for full records', async () => {
    const made = await client(await own.port('full-record'))
    const refused = new Promise((resolve) =>
      made.forwardOut('127.0.0.1', 1, '127.0.0.1', own.sshd.port, (error) => resolve(error?.message)),
    )
    expect(await refused).toContain('pam: connections cannot be forwarded on full-record: it requires full records')
  })
})

describe.skipIf(!SSHD)('logins and host keys', () => {
  it.each(['by-rsa', 'by-encrypted-key'])('%s', async (target) => {
    const made = await own.port(target)
    expect(await own.ssh(made, ['echo in'])).toMatchObject({ code: 0, stdout: 'in\n' })
    expect(await own.ssh(made, ['echo again'])).toMatchObject({ code: 0 })
  })

  it('another host key than the configured one: nobody is let in, and the client is told', async () => {
    const { code, stderr } = await own.ssh(await own.port('another-host'), ['echo in'])
    expect(code).toBe(126)
    expect(stderr).toContain('host key verification failed for another-host: the key is not among the configured keys')
  })

  it('a login that the target does not have', async () => {
    const { code, stderr } = await run('ssh', ['-l', 'nobody', ...own.options(port), '127.0.0.1', 'true'])
    expect(code).toBe(126)
    expect(stderr).toContain(`you are not allowed to log in to bastion as "nobody"`)
  })
})

describe.skipIf(!SSHD)('terminals', () => {
  /** What a terminal of this size shows after these bytes. */
  async function screen(bytes: Buffer, columns = 80, rows = 24): Promise<string> {
    const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
    await new Promise<void>((resolve) => terminal.write(bytes, resolve))
    const { active } = terminal.buffer
    return Array.from(
      { length: rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '',
    ).join('\n')
  }
  /** The bytes that the record has of the terminal in which this ran. */
  async function recorded(text: string): Promise<Buffer> {
    for (const file of records().toReversed()) {
      const chunks: Buffer[] = []
      let isIt = false
      for await (const { event, data } of readRecording(file, {})) {
        if (event.type === 'command' && event.text.includes(text)) isIt = true
        if (event.type === 'terminal' && data !== undefined) chunks.push(data)
      }
      if (isIt) return Buffer.concat(chunks)
    }
    throw new Error(`no record with ${text}`)
  }

  const PROGRAMS = [
    ['vim', 'vim -u NONE -N', '~', ['iHello, vim\x1b', ':set number\r', 'yyp', ':q!\r']],
    ['less', 'less /etc/services', 'tcp', [' ', '/http\r', 'g', 'q']],
    ['top', 'top -d 1', 'load average', ['q']],
    ['tmux', 'tmux -f /dev/null -L pamtest new-session -x 80 -y 24 "top -d 1"', 'load average', ['q']],
  ] as const
  it.each(PROGRAMS.filter(([name]) => hasProgram(name)))(
    '%s: the replay looks as the screen did',
    async (_name, command, drawn, keys) => {
      const made = await client()
      const { channel, output, over } = await inTerminal(made, command)
      await eventually(() => (output().includes(drawn) ? true : undefined), 'it is drawn')
      for (const key of keys) {
        const before = output().length
        channel.write(key)
        await eventually(() => (output().length > before ? true : undefined), `${JSON.stringify(key)} does something`)
      }
      await over
      made.end()
      const events = await recordWith(command.slice(0, 20))
      expect(of(events, 'resize')[0]).toMatchObject({ columns: 80, rows: 24 })
      const seen = output()
      const kept = await recorded(command.slice(0, 20))
      expect(kept).toEqual(seen)
      // Half way, where it is still drawn.
      const half = Math.floor(seen.length * 0.6)
      expect(await screen(kept.subarray(0, half))).toBe(await screen(seen.subarray(0, half)))
    },
  )

  it('a shell, resized, with a value hidden at its width', async () => {
    const made = await client()
    const { channel, output, over } = await inTerminal(made, undefined)
    channel.write("stty -echo; PS1='$ '; echo ready\n")
    await eventually(() => (/ready\r\n/.test(output().toString()) ? true : undefined), 'a prompt')
    channel.setWindow(40, 100, 0, 0)
    channel.write('stty size; echo "[mary@example.org]"; exit 7\n')
    expect(await over).toEqual({ code: 7 })
    expect(output().toString()).toContain('40 100\r\n[****************]\r\n')
    made.end()
    const events = await recordWith('interactive shell as')
    expect(of(events, 'resize').map(({ columns, rows }) => [columns, rows])).toEqual([
      [80, 24],
      [100, 40],
    ])
    expect((await recorded('interactive shell as')).toString()).not.toContain('mary@')
  })

  it('a shell that is held opens once it is approved, and what was typed meanwhile reaches it', async () => {
    const made = await client(await own.port('exec-only'))
    const { channel, output, over } = await inTerminal(made, undefined)
    const review = await held()
    channel.write('echo typed $((6*7)); exit\n')
    await own.bob.api.reviews.decide(review.id, { verdict: 'approve', comment: '', digest: review.digest })
    await over
    expect(output().toString()).toContain('typed 42')
  })
})

describe.skipIf(!SSHD)('the end', () => {
  it('kill: the user is told, a terminal is hung up, and the process is gone', async () => {
    const made = await client()
    const { output, over } = await inTerminal(made, 'sleep 4711')
    const session = await eventually(
      async () => (await own.bob.api.sessions.list({ active: true, limit: 5 })).items[0],
      'the session',
    )
    await eventually(async () => ((await pids('sleep 4711')) === '' ? undefined : true), 'it runs')
    await own.bob.api.sessions.kill(session.id, 'enough')
    await over
    expect(output().toString()).toContain('the session was ended by bob@example.com: enough')
    await eventually(async () => ((await pids('sleep 4711')) === '' ? true : undefined), 'it is gone')
  })
  const pids = async (command: string): Promise<string> => (await run('pgrep', ['-x', '-f', command])).stdout

  it.each(['write', 'read'] as const)(
    'in the middle of a transfer over SFTP (%s): nothing more passes, and it is on record how much did',
    async (operation) => {
      const path = join(own.files, `cut off ${operation}`)
      writeFileSync(path, Buffer.alloc(PIECE))
      const made = await client()
      const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
        made.sftp((error, opened) => (error === undefined ? resolve(opened) : reject(error))),
      )
      const handle = await new Promise<Buffer>((resolve, reject) =>
        sftp.open(path, operation === 'write' ? 'w' : 'r', (error, opened) =>
          error === undefined ? resolve(opened) : reject(error),
        ),
      )
      let passed = 0
      const pass = (): Promise<void> =>
        new Promise((resolve, reject) => {
          const done = (error?: Error | null): void => (error ? reject(error) : resolve())
          if (operation === 'write') sftp.write(handle, Buffer.alloc(PIECE, 1), 0, PIECE, passed, done)
          else sftp.read(handle, Buffer.alloc(PIECE), 0, PIECE, 0, done)
        })
      const cutOff = (async () => {
        for (;;) {
          await pass()
          passed += PIECE
        }
      })().catch((error: Error) => error.message)
      await eventually(() => (passed > 0 ? true : undefined), 'the first of it')
      const [session] = (await own.bob.api.sessions.list({ active: true, limit: 1 })).items
      await own.bob.api.sessions.kill(session?.id ?? '', 'enough')
      expect(await cutOff).toBeTruthy()
      const [file] = of(await recordWith(`sftp ${operation} '${path}'`), 'file')
      expect(file).toMatchObject({ operation, path, error: 'the transfer did not end' })
      expect(file?.bytes).toBeGreaterThanOrEqual(passed)
      if (operation === 'write') expect(statSync(path).size).toBeLessThanOrEqual(file?.bytes ?? 0)
    },
  )
  const PIECE = 32 * 1024

  it('of a session in which a command waits is told as well, and nothing of it runs', async () => {
    const path = join(own.files, 'too late')
    const waiting = own.ssh(port, [`touch '${path}'`])
    const review = await held()
    await own.bob.api.sessions.kill(review.session, 'not now')
    const { code, stderr } = await waiting
    expect(code).toBe(255)
    expect(stderr).toContain('the session was ended by bob@example.com: not now')
    await expect(
      own.bob.api.reviews.decide(review.id, { verdict: 'approve', comment: '', digest: review.digest }),
    ).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
    expect(existsSync(path)).toBe(false)
  })

  it('many sessions at once, each with its own, and one with many channels', async () => {
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, index) => own.ssh(port, [`echo ${index}; sleep 0.2; echo ${index}`])),
    )
    many.forEach(({ stdout }, index) => expect(stdout).toBe(`${index}\n${index}\n`))
    const made = await client()
    const outputs = await Promise.all(
      Array.from(
        { length: 30 },
        (_, index) =>
          new Promise<string>((resolve, reject) =>
            made.exec(`seq ${index} ${index + 1000}`, (error, stream) => {
              if (error !== undefined) return reject(error)
              let text = ''
              stream.on('data', (bytes: Buffer) => (text += bytes.toString())).on('close', () => resolve(text))
            }),
          ),
      ),
    )
    outputs.forEach((text, index) => expect(text.split('\n')[0]).toBe(String(index)))
  })

  it('records verify', async () => {
    const keys = parseTrustedKeys(readFileSync(join(own.directory, 'data', 'keys', 'gateway.pub'), 'utf8'))
    for (const file of records()) await expect(verifyRecording(file, keys)).resolves.toMatchObject({ status: 'sealed' })
  })
})
