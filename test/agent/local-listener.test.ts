import { mkdirSync, mkdtempSync, rmSync, chmodSync, symlinkSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listenLocally, type ListenerOptions, type LocalListener } from '../../src/agent/local-listener.ts'
import { privateDirectory, userPaths } from '../../src/agent/paths.ts'
import { peerOwner } from '../../src/agent/peer-owner.ts'
import { openSecretStore } from '../../src/agent/secret-store.ts'
import { passwordMessage } from '../../src/wire/postgres/password-message.ts'
import { encodeMessage } from '../../src/wire/postgres/server-message.ts'
import { encodeStartupPacket } from '../../src/wire/postgres/startup.ts'

const { uid } = userInfo()
let runtime: string
let accepted: number
let away: string[]
const open: LocalListener[] = []
beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'pam-'))
  accepted = 0
  away = []
})
afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
  rmSync(runtime, { recursive: true, force: true })
})

async function listen(over: Partial<ListenerOptions> = {}): Promise<LocalListener> {
  const listener = await listenLocally({
    name: 'https://pam.example.com jane prod-db',
    port: undefined,
    protocol: 'postgres',
    private: false,
    runtime,
    uid,
    turnedAway: (reason) => away.push(reason),
    accept: (client) => {
      accepted++
      client.handler = { data: (bytes) => client.write(bytes), drained() {}, ended: () => client.end(), closed() {} }
      client.resume()
    },
    ...over,
  })
  open.push(listener)
  return listener
}

/** Sends bytes to a port or socket; what comes back until the end, or the first answer. */
function talk(to: { port: number } | { path: string }, ...messages: Buffer[]): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: '127.0.0.1', port: 0, ...to })
    let text = ''
    const next = (): void => {
      const message = messages.shift()
      if (message === undefined) socket.end()
      else socket.write(message)
    }
    socket.on('connect', next)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      next()
    })
    socket.on('error', () => resolve('error'))
    socket.on('close', () => resolve(text))
  })
}

describe('who may use a local port', () => {
  it('the same user may', async () => {
    const { info } = await listen()
    expect(await talk(info, Buffer.from('hello'))).toBe('hello')
    expect(accepted).toBe(1)
  })

  it.each([uid + 1, 'gone' as const])('owner %s may not', async (owner) => {
    const { info } = await listen({ ownerOf: () => owner })
    expect(await talk(info, Buffer.from('hello'))).toMatch(/^(error)?$/)
    expect([accepted, away.length]).toEqual([0, 1])
  })

  it('where the system does not tell, the secret is demanded before a byte goes on', async () => {
    const { info } = await listen({ ownerOf: () => 'unknown' })
    expect(info.secret).toMatch(/^[\w-]{24}$/)
    const hello = encodeStartupPacket({ type: 'startup', major: 3, minor: 0, parameters: new Map([['user', 'app']]) })
    const password = (value: string): Buffer => encodeMessage(passwordMessage, { type: 'password', password: value })
    expect(await talk(info, hello, password('wrong'))).toContain('28P01')
    expect(accepted).toBe(0)
    const answer = await talk(info, hello, password(info.secret ?? ''))
    expect(answer).toContain('user\0app') // echoed: only now the start-up went on
    expect(accepted).toBe(1)
  })

  it('the Unix socket stands in a directory that only its owner can enter', async () => {
    const { info } = await listen()
    expect(await talk({ path: join(info.socketDirectory ?? '', `.s.PGSQL.${info.port}`) }, Buffer.from('hi'))).toBe(
      'hi',
    )
    expect(() => privateDirectory(info.socketDirectory ?? '')).not.toThrow()
  })
})

describe('the port', () => {
  it('is the same every time, another one when it is taken, and says so', async () => {
    const first = await listen()
    const usual = first.info.port
    expect(first.info.usualPort).toBeUndefined()
    first.close()
    open.pop()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(usual, '127.0.0.1', resolve))
    const second = await listen()
    expect(second.info.port).not.toBe(usual)
    expect(second.info.usualPort).toBe(usual)
    await expect(listen({ port: usual })).rejects.toMatchObject({ code: 'PORT_TAKEN' })
    squatter.close()
  })
})

describe('peerOwner', () => {
  const table = (state: string, owner: number, inode: string): string =>
    `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:C350 0100007F:1F90 ${state} 00000000:00000000 00:00000000 00000000  ${owner}        0 ${inode} 1 0 100 0 0 10 0`

  it.each<[string, string, number | string]>([
    ['an open connection', table('01', 1000, '123'), 1000],
    ['one that half-closed', table('05', 1000, '123'), 1000],
    ['one whose process closed it: listed as root', table('04', 0, '0'), 'gone'],
    ['one in TIME_WAIT', table('06', 0, '0'), 'gone'],
    ['none', 'header\n', 'gone'],
  ])('%s', (_what, text, owner) => {
    // However the list is cut into pieces.
    for (const size of [text.length, 1, 7, 60, 151])
      expect(peerOwner(0xc350, 0x1f90, () => text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])).toBe(owner)
  })

  it('looks again where a line was missed, and not for ever', () => {
    let asked = 0
    const missed = () => (++asked < 3 ? ['header\n'] : [table('01', 1000, '123')])
    expect(peerOwner(0xc350, 0x1f90, missed)).toBe(1000)
    asked = -100
    expect(peerOwner(0xc350, 0x1f90, missed)).toBe('gone')
    expect(asked).toBe(-97)
  })

  it('does not know where the system does not tell', () => {
    expect(peerOwner(1, 2, () => undefined)).toBe('unknown')
  })
})

describe('what the agent keeps', () => {
  it('refuses a directory that others can enter, or that is a link', () => {
    const loose = join(runtime, 'loose')
    mkdirSync(loose)
    chmodSync(loose, 0o755)
    expect(() => privateDirectory(loose)).toThrow(/not a directory of yours alone/)
    symlinkSync(runtime, join(runtime, 'link'))
    expect(() => privateDirectory(join(runtime, 'link'))).toThrow(/not a directory of yours alone/)
  })

  it('finds a short enough place for sockets under a long home', () => {
    const paths = userPaths({ PAMCTL_HOME: join(runtime, 'x'.repeat(100)) })
    expect(paths.control.length).toBeLessThan(108)
    rmSync(paths.runtime, { recursive: true, force: true })
  })

  it('without a keychain warns once and keeps a file of mode 0600; a keychain that was asked for must be there', async () => {
    const file = join(runtime, 'secrets.json')
    const without = process.env['DBUS_SESSION_BUS_ADDRESS']
    process.env['DBUS_SESSION_BUS_ADDRESS'] = `unix:path=${runtime}/nobody`
    try {
      const { store, warning } = await openSecretStore(file, undefined)
      expect([store.kind, warning]).toEqual(['file', expect.stringContaining('no usable keychain')])
      store.write('a', 'secret')
      expect(store.read('a')).toBe('secret')
      const { statSync } = await import('node:fs')
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect((await openSecretStore(file, undefined)).warning).toBeUndefined()
      await expect(openSecretStore(file, 'keychain')).rejects.toMatchObject({ code: 'SECRET_STORE' })
      store.remove('a')
      expect(store.read('a')).toBeUndefined()
    } finally {
      if (without === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS']
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = without
    }
  })
})
