import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2, { type ClientChannel, type Connection, type ServerChannel } from 'ssh2'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeEd25519Key } from '../../src/protocols/ssh/own-host-keys.ts'
import { eventually, exchangeBytes, signIn, type Port } from '../helpers/gateway-client.ts'
import { publicKeyOf, sshClient } from '../helpers/ssh-client.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/**
 * Clients and targets that do not keep to the rules. The misbehaving targets are ssh2's server: a real sshd neither
 * stalls nor changes its key on demand. So is the one with a password: sshd takes passwords of the system's accounts only.
 */
let own: SshGateway
let port: Port
let target: Server
let onClient: (connection: Connection) => void
let onSubsystem: (channel: ServerChannel) => void
let hostKey: string
const [firstKey, otherKey] = [makeEd25519Key(), makeEd25519Key()]
const sockets = new Set<Socket>()

beforeAll(async () => {
  if (!SSHD) return
  hostKey = firstKey
  target = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
      connection.on('error', () => {})
      onClient(connection)
    })
    server.injectSocket(socket)
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const { port: targetPort } = target.address() as AddressInfo
  own = await startSshGateway({
    prepare: ({ directory }) => writeFileSync(join(directory, 'password'), 'open sesame\n'),
    target: ({ directory, keys }) => `
  - name: odd
    type: ssh
    host: 127.0.0.1
    port: ${targetPort}
    hostKeys: ["${publicKeyOf(firstKey)}"]
    logins: [{ name: root, password: "file:${join(directory, 'password')}", shell: sh }]
  - name: seen
    type: ssh
    host: 127.0.0.1
    port: ${targetPort}
    trustOnFirstUse: true
    logins: [{ name: root, privateKey: "file:${keys.ed25519}", shell: sh }]
`,
    rules: `commands:
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: rest, match: {}, allow: true }`,
  })
  port = await own.port()
})
beforeEach(() => {
  onClient = (connection) => letIn(connection, 'open sesame', 'password')
  onSubsystem = (channel) => channel.end()
  hostKey = firstKey
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  target?.close()
  await own?.stop()
})

function letIn(
  connection: Connection,
  password: string,
  method: 'password' | 'keyboard-interactive' | 'publickey',
): void {
  connection.on('authentication', (context) => {
    if (context.method !== method) return context.reject([method])
    if (context.method === 'publickey') return context.accept()
    if (context.method === 'password') return context.password === password ? context.accept() : context.reject()
    if (context.method === 'keyboard-interactive')
      context.prompt([{ prompt: 'Password: ', echo: false }], (answers) =>
        answers[0] === password ? context.accept() : context.reject(),
      )
  })
  connection.on('session', (accept) => {
    const session = accept()
    session.on('subsystem', (open) => onSubsystem(open()))
    session.on('exec', (open, _reject, { command }) => {
      const channel = open()
      if (command === 'echo stall') return
      if (command === 'echo drop') {
        channel.write('x'.repeat(10_000))
        return void setTimeout(() => connection.end(), 50)
      }
      channel.write('fine\n')
      channel.exit(0)
      channel.end()
    })
  })
}
const CHUNK = Buffer.alloc(64 * 1024, 'x')
const logged = (text: string): Promise<string> =>
  eventually(
    () =>
      own.gateway
        .log()
        .split('\n')
        .find((line) => line.includes(text)),
    text,
  )

describe.skipIf(!SSHD)('targets', () => {
  it('a password, by itself or asked for interactively', async () => {
    const odd = await own.port('odd')
    expect(await own.ssh(odd, ['echo x'])).toMatchObject({ code: 0, stdout: 'fine\n' })
    onClient = (connection) => letIn(connection, 'open sesame', 'keyboard-interactive')
    expect(await own.ssh(odd, ['echo x'])).toMatchObject({ code: 0, stdout: 'fine\n' })
  })

  it('the key that was seen first is audited, and is the only one from then on', async () => {
    onClient = (connection) => letIn(connection, '', 'publickey')
    const seen = await own.port('seen')
    expect(await own.ssh(seen, ['echo x'])).toMatchObject({ code: 0, stdout: 'fine\n' })
    expect(await own.ssh(seen, ['echo x'])).toMatchObject({ code: 0, stdout: 'fine\n' })
    const alice = await signIn(own.gateway.url, 'alice')
    const kept: string[] = []
    for await (const { type } of alice.api.audit({})) kept.push(type)
    expect(kept.filter((type) => type === 'target.host_key_trusted')).toHaveLength(1)
    hostKey = otherKey
    const { code, stderr } = await own.ssh(seen, ['echo x'])
    expect(code).toBe(126)
    expect(stderr).toContain('host key verification failed for seen: the key is not the one that was first seen')
  })

  it('one that rejects the credential', async () => {
    onClient = (connection) => letIn(connection, 'another', 'password')
    const { code, stderr } = await own.ssh(await own.port('odd'), ['echo x'])
    expect(code).toBe(126)
    expect(stderr).toContain("odd did not accept the gateway's login")
    expect(stderr).not.toContain('open sesame')
    expect(own.gateway.log()).not.toContain('open sesame')
  })

  it('one that changes its host key is not given the password', async () => {
    let tried = false
    hostKey = otherKey
    onClient = (connection) => connection.on('authentication', () => (tried = true))
    const { code, stderr } = await own.ssh(await own.port('odd'), ['echo x'])
    expect(code).toBe(126)
    expect(stderr).toContain('host key verification failed for odd')
    expect(tried).toBe(false)
  })

  it('one that drops in the middle: what came arrives, the client is told, others go on', async () => {
    const odd = await own.port('odd')
    const dropped = own.ssh(odd, ['echo drop'])
    const other = own.ssh(port, ['sleep 0.5; echo still here'])
    const { code, stdout } = await dropped
    expect(code).not.toBe(0)
    expect(stdout.length).toBe(10_000)
    expect(await other).toMatchObject({ code: 0, stdout: 'still here\n' })
  })
})

describe.skipIf(!SSHD)('targets that say much beside a transfer', () => {
  it('wait for a client that does not read it, and nothing of it is lost', async () => {
    const all = 24 * 1024 * 1024
    let sent = 0
    let channels = 0
    onSubsystem = (channel) => {
      // The first is the gateway's own.
      if (channels++ === 0) return
      const goOn = (): void => {
        while (sent < all) {
          sent += CHUNK.length
          if (!channel.stderr.write(CHUNK)) return void channel.stderr.once('drain', goOn)
        }
      }
      goOn()
    }
    const client = await sshClient(await own.port('odd'), 'root')
    const stream = await new Promise<ClientChannel>((resolve, reject) =>
      client.subsys('sftp', (error, channel) => (error === undefined ? resolve(channel) : reject(error))),
    )
    let before = -1
    await eventually(async () => {
      const isStill = sent > 0 && sent === before
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 400))
      return isStill ? true : undefined
    }, 'it waits')
    expect(sent).toBeLessThan(all / 2)
    let got = 0
    stream.stderr.on('data', (bytes: Buffer) => (got += bytes.length))
    await eventually(() => (got === all ? true : undefined), 'all of it comes')
    client.end()
  })
})

describe.skipIf(!SSHD)('clients', () => {
  it('what is not SSH', async () => {
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      'SSH-1.5-old\r\n',
      '\0\0\0\0',
      'SSH-2.0-x\r\n' + 'A'.repeat(300_000),
      `${'y'.repeat(9000)}\r\n`,
    ]) {
      const answer = await exchangeBytes(port.port, Buffer.from(bytes, 'latin1'))
      expect(answer.toString('latin1')).not.toContain('uid=')
    }
    expect(await own.ssh(port, ['echo fine'])).toMatchObject({ stdout: 'fine\n' })
  })

  it('a silent one is disconnected', async () => {
    const started = Date.now()
    const socket = connect(port.port, '127.0.0.1')
    await new Promise<void>((resolve) => socket.on('close', () => resolve()).resume())
    expect(Date.now() - started).toBeGreaterThan(5000)
  })

  it('passwords and keys prove nothing and open nothing: who it is says the tunnel, as whom the name', async () => {
    for (const config of [{ password: 'anything' }, { privateKey: otherKey }, { tryKeyboard: true }]) {
      const client = await sshClient(port, own.sshd.user, config)
      client.end()
    }
    const stranger = await sshClient(port, 'stranger', { password: 'x' })
    const told = await new Promise<string>((resolve) =>
      stranger.exec('id', (error, stream) => {
        if (error !== undefined) return resolve(error.message)
        let text = ''
        stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
        stream.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()))
        stream.on('close', () => resolve(text))
      }),
    )
    expect(told).toContain('as "stranger"')
    expect(told).not.toContain('uid=')
    await logged('NO_ACCESS')
  })

  it('channels of unknown types, global requests and subsystems are refused, and the connection goes on', async () => {
    const client = await sshClient(port, own.sshd.user, { strictVendor: false })
    const streamlocal = new Promise((resolve) =>
      client.openssh_forwardOutStreamLocal('/run/docker.sock', (error) => resolve(error?.message)),
    )
    expect(await streamlocal).toMatch(/failure|not available/i)
    const bound = new Promise((resolve) => client.forwardIn('0.0.0.0', 0, (error) => resolve(error?.message)))
    expect(await bound).toMatch(/unable to bind/i)
    const subsystem = new Promise((resolve) => client.subsys('netconf', (error) => resolve(error?.message)))
    expect(await subsystem).toMatch(/unable to start subsystem/i)
    const out = await new Promise<string>((resolve, reject) =>
      client.exec('echo on', (error, stream) =>
        error === undefined ? stream.on('data', (bytes: Buffer) => resolve(bytes.toString())) : reject(error),
      ),
    )
    expect(out).toBe('on\n')
    client.end()
  })

  it('requests that want no reply, of kinds that are refused, and signals that do not exist', async () => {
    const client = await sshClient(port, own.sshd.user)
    const stream = await new Promise<ClientChannel>((resolve, reject) =>
      client.exec('echo ready; read x; echo alive', (error, channel) =>
        error === undefined ? resolve(channel) : reject(error),
      ),
    )
    let said = ''
    stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await eventually(() => (said === 'ready\n' ? true : undefined), 'it runs')
    const { _protocol: protocol } = client as unknown as {
      _protocol: {
        subsystem(id: number, name: string, wantReply: boolean): void
        _packetRW: { write: { allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer } }
        _cipher: { encrypt(packet: Buffer): void }
      }
    }
    const { id } = (stream as unknown as { outgoing: { id: number } }).outgoing
    protocol.subsystem(id, 'netconf', false)
    // CHANNEL_REQUEST signal FOO (RFC 4254, section 6.9), which the library itself would not send.
    const { write } = protocol._packetRW
    const body = Buffer.concat([
      Buffer.from([98, 0, 0, 0, id, 0, 0, 0, 6]),
      Buffer.from('signal\0'),
      Buffer.from([0, 0, 0, 3]),
      Buffer.from('FOO'),
    ])
    const packet = write.alloc(body.length)
    body.copy(packet, write.allocStart)
    protocol._cipher.encrypt(write.finalize(packet))
    stream.write('x\n')
    await eventually(() => (said === 'ready\nalive\n' ? true : undefined), 'it goes on')
    client.end()
  })

  it('a storm of channels: those above the limit are refused, and the others work', async () => {
    const client = await sshClient(port, own.sshd.user)
    const all = await Promise.all(
      Array.from(
        { length: 120 },
        // Each stays until the client leaves.
        () => new Promise<boolean>((resolve) => client.exec('cat', (error) => resolve(error === undefined))),
      ),
    )
    expect(all.filter((isOpen) => isOpen).length).toBeGreaterThan(20)
    expect(all).toContain(false)
    const other = await own.ssh(port, ['echo others'])
    expect(other, other.stderr).toMatchObject({ stdout: 'others\n' })
    client.end()
  })

  it('one that sends beyond its window is cut off, whatever it sends', async () => {
    const client = await sshClient(port, own.sshd.user)
    const over = new Promise<void>((resolve) => client.on('close', () => resolve()))
    client.on('error', () => {})
    client.exec('sleep 20', (error, stream) => {
      if (error !== undefined) return
      // What the library would wait for is not waited for.
      const { outgoing } = stream as unknown as { outgoing: { window: number } }
      const timer = setInterval(() => {
        outgoing.window = 1e9
        stream.write(Buffer.alloc(1_000_000))
      }, 5)
      client.on('close', () => clearInterval(timer))
    })
    await over
    const other = await own.ssh(port, ['echo others'])
    expect(other, other.stderr).toMatchObject({ stdout: 'others\n' })
  })
})
