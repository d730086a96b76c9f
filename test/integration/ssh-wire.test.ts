import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Client, ClientChannel } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, type Port } from '../helpers/gateway-client.ts'
import { lumpyLink, type LumpyLink } from '../helpers/lumpy-link.ts'
import { ROOT, run, type Outcome } from '../helpers/run.ts'
import { sshClient } from '../helpers/ssh-client.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD, startSshServer, type SshServer } from '../helpers/ssh-server.ts'
import { hasProgram, PYTHON, SSH_GO } from '../helpers/test-clients.ts'

let own: SshGateway
let port: Port
let lumpy: LumpyLink
/** A target with room for three sessions on a connection, which exchanges keys every 16 KiB. */
let small: SshServer
/** A target with room for one. */
let single: SshServer
/** A target that takes connections, and says nothing. */
let silent: Server
const silentSockets: Socket[] = []

beforeAll(async () => {
  if (!SSHD) return
  lumpy = await lumpyLink(60)
  small = await startSshServer('MaxSessions 3\nRekeyLimit 16K')
  single = await startSshServer('MaxSessions 1')
  silent = createServer((socket) => silentSockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  own = await startSshGateway({
    target: (sshd) => {
      lumpy.to = sshd.port
      return `
  - name: far
    type: ssh
    host: 127.0.0.1
    port: ${lumpy.port}
    hostKeys: ["${sshd.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }]
  - name: few
    type: ssh
    host: 127.0.0.1
    port: ${small.port}
    hostKeys: ["${small.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${small.keys.ed25519}" }]
  - name: single
    type: ssh
    host: 127.0.0.1
    port: ${single.port}
    hostKeys: ["${single.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${single.keys.ed25519}" }]
  - name: free
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    hostKeys: ["${sshd.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }]
  - name: strict
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    labels: { unknown: refused }
    hostKeys: ["${sshd.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }]
  - name: silent
    type: ssh
    host: 127.0.0.1
    port: ${(silent.address() as AddressInfo).port}
    hostKeys: ["${sshd.hostKey}"]
    logins: [{ name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }]
`
    },
    rules: `limits: { sessionsPerPerson: 10 }
commands:
  - { name: known only, targets: { labels: { unknown: refused } }, match: { unknown: true }, deny: "nobody knows what it does" }
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: held, targets: { names: [bastion] }, match: { programs: [touch] }, hold: { approvers: { groups: [sre] } } }
  - { name: all, match: { unknown: true }, allow: true }`,
  })
  port = await own.port()
})
afterAll(async () => {
  for (const socket of silentSockets) socket.destroy()
  silent?.close()
  await small?.stop()
  await single?.stop()
  await own?.stop()
  lumpy?.close()
})

interface Ended {
  readonly out: string
  readonly code: number | null | undefined
  readonly signal: string | undefined
}
/** A command to its end; `signal` and `code` are what the client was told. */
function exec(client: Client, command: string | Buffer, run: (channel: ClientChannel) => void = () => {}) {
  return new Promise<Ended>((resolve, reject) =>
    client.exec(command as string, (error, channel) => {
      if (error !== undefined) return reject(error)
      let out = ''
      let told: Omit<Ended, 'out'> = { code: undefined, signal: undefined }
      channel.on('data', (bytes: Buffer) => (out += bytes.toString('latin1')))
      channel.stderr.on('data', (bytes: Buffer) => (out += bytes.toString('latin1')))
      channel.on('exit', (code: number | null, signal?: string) => (told = { code, signal }))
      channel.on('close', () => resolve({ out, ...told }))
      run(channel)
    }),
  )
}

describe.skipIf(!SSHD)('how a command ended', () => {
  it('reaches the client where the answer, the output and the status come in one read', async () => {
    const far = await own.port('far')
    for (const [command, code, stdout] of [
      ['exit 3', 3, ''],
      ['echo x; exit 4', 4, 'x\n'],
      ['true', 0, ''],
    ] as const)
      expect(await own.ssh(far, [command])).toEqual({ code, stdout, stderr: '' })
    expect(await own.ssh(far, ['-tt', 'exit 5'])).toMatchObject({ code: 5 })
    expect(await own.ssh(far, ['-s', 'sftp'], '')).toMatchObject({ code: 0 })
  })

  it('is told behind all that it sent, where scp is answered before it asks and ends in the same read', async () => {
    const [one, two] = ['one', 'two'].map((name) => join(own.files, name)) as [string, string]
    for (const path of [one, two]) writeFileSync(path, 'text')
    const far = await own.port('far')
    const outcome = await own.ssh(far, [`scp -f ${one} ${two}`], '\0'.repeat(5))
    expect(outcome).toEqual({ code: 0, stdout: 'C0644 4 one\ntext\0C0644 4 two\ntext\0', stderr: '' })
  })

  it('is told for each of hundreds of commands on one connection', async () => {
    const client = await sshClient(port, own.sshd.user)
    for (let round = 0; round < 5; round++) {
      const codes = Array.from({ length: 30 }, (_, index) => (index + round) % 256)
      const ended = await Promise.all(codes.map((code) => exec(client, `exit ${code}`)))
      expect(ended.map(({ code }) => code)).toEqual(codes)
    }
    client.end()
  })

  it('by a signal, also one that has no name in SSH', async () => {
    expect(await own.ssh(port, ['kill -TERM $$'])).toMatchObject(await own.direct(['kill -TERM $$']))
    expect(await own.ssh(port, ['kill -XCPU $$'])).toMatchObject(await own.direct(['kill -XCPU $$']))
    expect(await own.ssh(port, ['echo others'])).toMatchObject({ stdout: 'others\n' })
  })
})

/** Runs in a terminal; leaves a file behind once it is hung up. */
const hungUp = (name: string): string => join(own.files, `hup-${name}`)
const noted = (name: string): string => (existsSync(hungUp(name)) ? readFileSync(hungUp(name), 'utf8') : '')
const waitForHangUp = (name: string): string =>
  `trap 'echo hup > ${hungUp(name)}; exit' HUP; echo ready; while :; do sleep 0.1; done`
const liveSessions = async (): Promise<number> => (await own.jane.api.sessions.list({ active: true })).items.length

/** A client that goes without a word of SSH: `leave` is called once its command runs. */
const LEAVING: readonly (readonly [string, boolean, (name: string) => Promise<void>])[] = [
  [
    'ssh that is killed',
    true,
    async (name) => {
      const ssh = spawn('ssh', [...own.options(port), '-tt', '127.0.0.1', waitForHangUp(name)])
      await saysReady(ssh)
      ssh.kill('SIGKILL')
    },
  ],
  ['a client in Go that closes its socket', SSH_GO !== undefined, (name) => leaves(SSH_GO as string, ['leave'], name)],
  [
    'paramiko, its transport closed under it',
    PYTHON !== undefined,
    (name) => leaves(PYTHON as string, [], name, PARAMIKO),
  ],
  ['asyncssh, its transport aborted', PYTHON !== undefined, (name) => leaves(PYTHON as string, [], name, ASYNCSSH)],
]

async function saysReady(client: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let said = ''
    client.stdout?.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      if (said.includes('ready')) resolve()
    })
    client.on('close', () => reject(new Error('it ended')))
  })
}

/** A program that exits once the command is ready, having closed its socket only. */
async function leaves(program: string, args: readonly string[], name: string, script?: string): Promise<void> {
  const common = [`127.0.0.1:${port.port}`, own.sshd.user, ...args, waitForHangUp(name)]
  const child = spawn(program, script === undefined ? common : ['-c', script, ...common], { stdio: 'pipe' })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  await new Promise((resolve) => child.on('close', resolve))
  expect(said).toContain('ready')
}

const PARAMIKO = `
import socket, sys, paramiko
host, port = sys.argv[1].split(':')
s = socket.create_connection((host, int(port)))
t = paramiko.Transport(s); t.start_client(); t.auth_none(sys.argv[2])
c = t.open_session(); c.get_pty(); c.exec_command(sys.argv[3])
print(c.makefile().readline(), flush=True)
s.shutdown(socket.SHUT_RDWR); s.close()
`
const ASYNCSSH = `
import asyncio, sys, asyncssh
async def main():
    host, port = sys.argv[1].split(':')
    c = await asyncssh.connect(host, int(port), username=sys.argv[2], known_hosts=None, password='x')
    p = await c.create_process(sys.argv[3], term_type='xterm')
    print(await p.stdout.readline(), flush=True)
    c._transport.abort()
asyncio.run(main())
`

describe.skipIf(!SSHD)('a client that is refused', () => {
  it('reads why, even if the answer and the end of the connection would arrive in one read', async () => {
    const slow = await lumpyLink(300)
    slow.to = port.port
    const options = own.options({ ...port, port: slow.port }).map((one) => one.replace(/^User=.*/, 'User=nobody'))
    const { code, stderr } = await run('ssh', [...options, '127.0.0.1', 'true'])
    expect({ code, stderr }).toEqual({ code: 126, stderr: expect.stringContaining('as "nobody"') })
    slow.close()
  })
})

describe.skipIf(!SSHD)('a client that goes without a word', () => {
  for (const [index, [who, isThere, leave]] of LEAVING.entries())
    it.skipIf(!isThere)(
      `${who}: the terminal is hung up, and the session is over`,
      async () => {
        await leave(String(index))
        // The file is there before what is written to it.
        await eventually(() => noted(String(index)) === 'hup\n' || undefined, 'it is hung up')
        await eventually(async () => (await liveSessions()) === 0 || undefined, 'no session is left')
      },
      120_000,
    )

  it('while its command is held: it is withdrawn', async () => {
    const ssh = spawn('ssh', [...own.options(port), '127.0.0.1', 'touch /tmp/nothing'])
    const held = async () => (await own.bob.api.reviews.list()).length
    await eventually(async () => (await held()) === 1 || undefined, 'it is held')
    ssh.kill('SIGKILL')
    await eventually(async () => (await held()) === 0 || undefined, 'it is withdrawn')
    await eventually(async () => (await liveSessions()) === 0 || undefined, 'no session is left')
  })

  it('while its command is held, on a connection that others share: it is withdrawn, and the connection goes on', async () => {
    const control = join(own.directory, 'shared')
    const shared = ['-S', control, ...own.options(port), '127.0.0.1']
    await run('ssh', ['-f', '-N', '-M', ...shared])
    const client = await sshClient(port, own.sshd.user)
    const path = join(own.files, 'left')
    const leaving: (() => Promise<() => unknown>)[] = [
      async () => {
        const ssh = spawn('ssh', [...shared, `touch ${path}`])
        await new Promise((resolve) => ssh.once('spawn', resolve))
        return () => ssh.kill('SIGKILL')
      },
      async () => {
        const channel = await new Promise<ClientChannel>((resolve, reject) =>
          client.exec(`touch ${path}`, (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
        )
        return () => channel.close()
      },
    ]
    for (const begin of leaving) {
      const leave = await begin()
      const held = await eventually(async () => (await own.bob.api.reviews.list())[0], 'it is held')
      leave()
      await eventually(async () => (await own.bob.api.reviews.list()).length === 0 || undefined, 'it is withdrawn')
      const late = own.bob.api.reviews.decide(held.id, { verdict: 'approve', comment: '', digest: held.digest ?? '' })
      await expect(late).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
    }
    expect(await run('ssh', [...shared, 'true'])).toMatchObject({ code: 0 })
    expect(await exec(client, 'true')).toMatchObject({ code: 0 })
    expect(existsSync(path)).toBe(false)
    await run('ssh', ['-O', 'exit', ...shared])
    client.end()
  })

  it('while the target does not answer', async () => {
    const ssh = spawn('ssh', [...own.options(await own.port('silent')), '127.0.0.1', 'true'])
    await eventually(async () => (await liveSessions()) === 1 || undefined, 'it waits')
    ssh.kill('SIGKILL')
    await eventually(async () => (await liveSessions()) === 0 || undefined, 'no session is left')
    // It ends because the client has left, not with the time that the target has.
    expect((await own.jane.api.sessions.list({ limit: 1 })).items[0]?.ended?.code).toBe('CLIENT_LEFT')
  })

  it('more of them than a person may have sessions lock nobody out', async () => {
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(
        Array.from({ length: 5 }, async () => {
          const client = await sshClient(port, own.sshd.user)
          client.on('error', () => {})
          await new Promise<void>((resolve, reject) =>
            client.exec('sleep 60', (error) => (error === undefined ? resolve() : reject(error))),
          )
          return client
        }),
      )
      // A half-close: nothing more is sent, and the socket stays open.
      for (const client of clients) (client as unknown as { _sock: Socket })._sock.end()
      await eventually(async () => (await liveSessions()) === 0 || undefined, 'no session is left')
    }
    expect(await own.ssh(port, ['echo in'])).toMatchObject({ code: 0, stdout: 'in\n' })
  })

  it('breaks the protocol and does not close its side: the session is over', async () => {
    const client = await sshClient(port, own.sshd.user)
    client.on('error', () => {})
    const { _sock: socket } = client as unknown as { _sock: Socket }
    socket.end = () => socket
    socket.destroy = () => socket
    await eventually(async () => (await liveSessions()) === 1 || undefined, 'it is there')
    socket.write(Buffer.alloc(64, 'x'))
    await eventually(async () => (await liveSessions()) === 0 || undefined, 'no session is left')
  })
})

const execOn = async (target: Port, commands: readonly (string | Buffer)[]): Promise<Ended[]> => {
  const client = await sshClient(target, own.sshd.user)
  const ended: Ended[] = []
  for (const command of commands) ended.push(await exec(client, command))
  client.end()
  return ended
}

describe.skipIf(!SSHD)('a command', () => {
  it('that is held gets what was typed meanwhile, and the end of it', async () => {
    const client = await sshClient(port, own.sshd.user)
    const path = join(own.files, 'typed')
    const ended = new Promise<string>((resolve, reject) =>
      client.exec(`touch ${path}; cat`, { pty: { modes: {} } }, (error, channel) => {
        if (error !== undefined) return reject(error)
        let out = ''
        channel.on('data', (bytes: Buffer) => (out += bytes.toString()))
        channel.on('close', () => resolve(out))
        channel.end('typed\n\x04')
      }),
    )
    const held = await eventually(async () => (await own.bob.api.reviews.list())[0], 'it is held')
    // What comes behind it on the connection has been answered: so the end of the input was read.
    expect(await exec(client, 'true')).toMatchObject({ code: 0 })
    await own.bob.api.reviews.decide(held.id, { verdict: 'approve', comment: '', digest: held.digest ?? '' })
    expect(await ended).toContain('typed\r\n')
    client.end()
  })

  it('has the variables and the terminal that were asked for before it, and none behind it', async () => {
    const client = await sshClient(port, own.sshd.user)
    const path = join(own.files, 'settings')
    let out = ''
    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.exec(`touch ${path}; echo "<$LC_TIME>"; tty`, { env: { LC_TIME: 'C' } }, (error, opened) =>
        error === undefined ? resolve(opened) : reject(error),
      ),
    )
    const ended = new Promise<void>((resolve) => channel.on('close', () => resolve()))
    channel.on('data', (bytes: Buffer) => (out += bytes.toString()))
    const held = await eventually(async () => (await own.bob.api.reviews.list())[0], 'it is held')
    const { _protocol: protocol } = client as unknown as {
      _protocol: {
        env(id: number, name: string, value: string, wantReply: boolean): void
        pty(id: number, rows: number, cols: number, height: number, width: number, ...rest: unknown[]): void
      }
    }
    const { id } = (channel as unknown as { outgoing: { id: number } }).outgoing
    protocol.env(id, 'LC_TIME', 'POSIX', false)
    protocol.pty(id, 24, 80, 480, 640, 'vt100', null, false)
    // What comes behind it on the connection has been answered.
    expect(await exec(client, 'true')).toMatchObject({ code: 0 })
    await own.bob.api.reviews.decide(held.id, { verdict: 'approve', comment: '', digest: held.digest ?? '' })
    await ended
    expect(out).toBe('<C>\nnot a tty\n')
    client.end()
  })

  const long = (bytes: number): string => `wc -c <<'EOF'\n${'x'.repeat(bytes - 18)}\nEOF`

  it('of a target that exchanges keys again and again gets all of its input, and gives all of its output', async () => {
    const few = await own.port('few')
    const { code, stdout, stderr } = await own.ssh(few, ['seq 1 600000; wc -c'], 'x'.repeat(200_000))
    expect([code, stderr, stdout.length, stdout.slice(-7)]).toEqual([0, '', 4_088_895 + 7, '200000\n'])
  })

  it('of any length that a target could run is carried; one that is longer is refused on its channel', async () => {
    // What is too long to be read would be held where a rule holds any command.
    const free = await own.port('free')
    const client = await sshClient(free, own.sshd.user)
    let goOn = (): void => {}
    const waiting = exec(client, 'read x; echo still here', (channel) => (goOn = () => channel.end('x\n')))
    for (const bytes of [34_000, 36_000, 65_537, 131_071])
      expect(await exec(client, long(bytes))).toMatchObject({ code: 0, out: `${bytes - 17}\n` })
    for (const bytes of [131_072, 200_000]) {
      const { code, out } = await exec(client, long(bytes))
      expect({ code, out }).toMatchObject({
        code: 126,
        out: expect.stringContaining(`a command of ${bytes} bytes is too long: at most 131071 bytes are supported`),
      })
    }
    goOn()
    expect(await waiting).toMatchObject({ code: 0, out: 'still here\n' })
    client.end()
    expect(await own.ssh(free, [`echo ${'y'.repeat(120_000)} | wc -c`])).toMatchObject({ code: 0, stdout: '120001\n' })
  })

  it('with bytes that are not UTF-8 gets to the target as it is, where what is unknown is allowed', async () => {
    const command = Buffer.concat([
      Buffer.from("printf '%s' '"),
      Buffer.from([0xe9, 0xff, 0xc3]),
      Buffer.from("' | od -An -tx1"),
    ])
    const [allowed] = await execOn(await own.port('free'), [command])
    expect(allowed).toMatchObject({ code: 0, out: ' e9 ff c3\n' })
    const [refused] = await execOn(await own.port('strict'), [command])
    expect(refused).toMatchObject({ code: 126, out: expect.stringContaining('nobody knows what it does') })
  })

  it('with a NUL is refused with a sentence', async () => {
    const [first, then] = await execOn(port, ['echo a\0b', 'echo on'])
    expect(first).toMatchObject({ code: 126, out: expect.stringContaining('a command cannot contain a NUL byte') })
    expect(then).toMatchObject({ code: 0, out: 'on\n' })
  })

  it('that a client starts and leaves at once is run, as by sshd', async () => {
    const file = join(own.files, 'started')
    const client = await sshClient(port, own.sshd.user)
    await new Promise<void>((resolve, reject) =>
      client.exec(`sleep 0.3; echo done > ${file}`, (error) => (error === undefined ? resolve() : reject(error))),
    )
    client.end()
    await eventually(() => (existsSync(file) && readFileSync(file, 'utf8') === 'done\n') || undefined, 'it runs')
  })
})

describe.skipIf(!SSHD)('output that nobody reads any more', () => {
  it('ends the program that writes it', async () => {
    const ssh = `ssh ${quoted(own.options(port))} 127.0.0.1`
    expect(await run('bash', ['-c', `${ssh} yes | head -n 1`])).toMatchObject({ code: 0, stdout: 'y\n' })
  })
})

/** What a program prints for each step, with host, port, account and key: connected directly, and through the gateway. */
async function both(program: (at: number) => Promise<Outcome>): Promise<string[]> {
  const direct = await program(own.sshd.port)
  const through = await program(port.port)
  expect([through.code, through.stderr]).toEqual([direct.code, direct.stderr])
  expect(through.stdout.split('\n')).toEqual(direct.stdout.split('\n'))
  expect(direct.stdout).toContain('and it goes on')
  return through.stdout.split('\n')
}

/**
 * Exit statuses, much output, files up and down, ten channels at once, input, signals and what is closed: as programs use them.
 */
describe.skipIf(!SSHD)('libraries print through the gateway what they print when connected directly', () => {
  const STEPS = join(ROOT, 'test', 'fixtures', 'clients', 'ssh_clients.py')
  const { username: user } = userInfo()

  it.skipIf(PYTHON === undefined).each(['paramiko', 'asyncssh'])('%s', async (library) => {
    const lines = await both((at) =>
      run(PYTHON as string, [STEPS, library, '127.0.0.1', String(at), user, own.sshd.keys.ed25519, own.files]),
    )
    expect(lines.filter((line) => line.startsWith('exit '))).toHaveLength(20)
  })

  it.skipIf(SSH_GO === undefined)('golang.org/x/crypto/ssh', async () => {
    await both((at) => run(SSH_GO as string, [`127.0.0.1:${at}`, user, 'steps', own.sshd.keys.ed25519]))
  })
})

describe.skipIf(!SSHD)('a channel that the target refuses', () => {
  it('is refused to the client, and those that are open go on', async () => {
    const client = await sshClient(await own.port('few'), own.sshd.user)
    const opened: ClientChannel[] = []
    const over: (Ended | string)[] = []
    for (let at = 0; at < 5; at++)
      void exec(client, 'read x; echo ran', (channel) => opened.push(channel)).then(
        (ended) => over.push(ended),
        (error: unknown) => over.push(String(error)),
      )
    // Those that are opened stay until the others are refused, however long that takes.
    await eventually(() => opened.length + over.length === 5 || undefined, 'each is opened or refused')
    // The gateway has one of the three.
    expect(over).toEqual(Array.from({ length: 3 }, () => expect.stringContaining('Channel open failure')))
    // One after the other: sshd still counts a channel that closes in the same read as another is opened.
    for (const channel of opened) {
      const before = over.length
      channel.end('x\n')
      await eventually(() => over.length > before || undefined, 'it is over')
    }
    expect(over.slice(3)).toEqual(Array.from({ length: 2 }, () => ({ code: 0, out: 'ran\n', signal: undefined })))
    expect(await exec(client, 'echo again')).toMatchObject({ code: 0 })
    client.end()
  })

  it('is refused with the reason where the target takes no session beside the gateway’s', async () => {
    const client = await sshClient(await own.port('single'), own.sshd.user)
    await expect(exec(client, 'echo one')).rejects.toThrow(
      'pam: the target allows fewer than two sessions on a connection; set its MaxSessions to 2 or more',
    )
    client.end()
  })

  it('is opened elsewhere by an ssh that shares a connection', async () => {
    const options = [...own.options(await own.port('few')), '-o', `ControlPath=${join(own.directory, 'mux')}`]
    const master = spawn('ssh', [...options, '-M', '-N', '127.0.0.1'], { stdio: 'ignore' })
    await eventually(() => existsSync(join(own.directory, 'mux')) || undefined, 'the master is there')
    const all = await Promise.all(
      Array.from({ length: 4 }, () => run('ssh', [...options, '127.0.0.1', 'sleep 0.5; echo ran'])),
    )
    expect(all.map(({ code, stdout }) => [code, stdout])).toEqual(Array.from({ length: 4 }, () => [0, 'ran\n']))
    master.kill()
  })
})

/** A terminal of its own for ssh; prints what came out of it. */
const IN_A_TERMINAL = `
import os, pty, sys
out = b''
pid, fd = pty.fork()
if pid == 0:
    os.execvp('sh', ['sh', '-c', sys.argv[1]])
while True:
    try: chunk = os.read(fd, 65536)
    except OSError: break
    if not chunk: break
    out += chunk
sys.stdout.buffer.write(out)
`
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')

describe.skipIf(!SSHD || !hasProgram('python3'))('a terminal', () => {
  it.each([
    'stty erase ^H -ixon iutf8 rows 40 cols 99',
    'stty intr ^Y kill ^O susp undef -echo -icrnl cs7 parenb',
    'stty 1200 tostop -opost eof ^E werase ^B',
  ])('%s: has the modes that the client’s has, to the last', async (modes) => {
    const through = async (options: readonly string[]): Promise<string> =>
      (await run('python3', ['-c', IN_A_TERMINAL, `${modes}; ssh ${quoted(options)} -tt 127.0.0.1 'stty -a'`])).stdout
    const direct = await through(own.directOptions())
    expect(direct).toContain('speed')
    expect(await through(own.options(port))).toBe(direct)
  })

  it.skipIf(SSH_GO === undefined)('so it has for a client in Go', async () => {
    const { stdout } = await run(SSH_GO as string, [`127.0.0.1:${port.port}`, own.sshd.user, 'terminal', 'stty -a'])
    expect(stdout).toContain('erase = ^H')
    expect(stdout).toMatch(/ -ixon /)
    expect(stdout).toMatch(/ -echo /)
  })
})
