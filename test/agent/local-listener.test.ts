import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { localHalves } from '../../src/protocols/local.ts'
import { listenLocally, type ListenerOptions, type LocalListener } from '../../src/agent/local-listener.ts'
import { privateDirectory, userPaths } from '../../src/agent/paths.ts'
import { isOwnerTold, PeerOwners, type Endpoint, type PeerOwner, type ReadTable } from '../../src/agent/peer-owner.ts'
import { openSecretStore } from '../../src/agent/secret-store.ts'
import { passwordMessage } from '../../src/protocols/postgres/wire/password-message.ts'
import { encodeMessage } from '../../src/protocols/postgres/wire/server-message.ts'
import { hasProgram } from '../../src/demo/programs.ts'
import { PSQL, run } from '../helpers/run.ts'
import { encodeStartupPacket } from '../../src/protocols/postgres/wire/startup.ts'

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
  for (const listener of open.splice(0)) void listener.close()
  rmSync(runtime, { recursive: true, force: true })
})

/** A port that the system gives to nobody by itself, so that no other program takes it between two of our connections. */
const portOfNobody = (): number => 15_000 + (process.pid % 15_000)

async function listen(over: Partial<ListenerOptions> = {}): Promise<LocalListener> {
  const listener = await listenLocally({
    name: 'https://pam.example.com jane prod-db',
    port: undefined,
    protocol: localHalves.postgres,
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
function talk(to: { port: number; host?: string } | { path: string }, ...messages: Buffer[]): Promise<string> {
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

const listening = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => server.once('error', reject).listen({ port, host }, resolve))
const hasLoopback6 = networkInterfaces()['lo']?.some(({ address }) => address === '::1') === true

describe('who may use a local port', () => {
  it('accepts the same user', async () => {
    const { info } = await listen()
    expect(await talk(info, Buffer.from('hello'))).toBe('hello')
    expect(accepted).toBe(1)
  })

  const hello = encodeStartupPacket({ type: 'startup', major: 3, minor: 0, parameters: new Map([['user', 'app']]) })
  const ssl = encodeStartupPacket({ type: 'ssl-request' })
  const gss = encodeStartupPacket({ type: 'gssenc-request' })
  const WHY = { [uid + 1]: 'this local port belongs to another user', gone: 'cannot verify which user opened this' }

  it.each([uid + 1, 'gone' as const])('owner %s may not, and is told so in PostgreSQL', async (owner) => {
    const { info } = await listen({ ownerOf: () => owner })
    for (const first of [[], [ssl], [gss], [gss, ssl]]) {
      const answer = await talk(info, ...first, hello)
      expect(answer).toMatch(/^N*E.*SFATAL\0.*C42501\0/s)
      expect(answer).toContain(`Mpam: ${WHY[owner]}`)
      expect(answer.indexOf('E')).toBe(first.length)
    }
    // All in one write, more behind it, and half a message: the answer is the same, once.
    expect((await talk(info, Buffer.concat([hello, hello, Buffer.alloc(100_000)]))).split('SFATAL')).toHaveLength(2)
    expect(await talk(info, Buffer.from([0x16, 3, 1, 0, 200]))).toBe('\x15\x03\x03\0\x02\x02\x28')
    expect(await talk(info, Buffer.from('hello'))).toBe('')
    expect(await talk(info)).toBe('')
    expect([accepted, away.length]).toEqual([0, 8])
  })

  it.each([uid + 1, 'gone' as const])('owner %s may not, and is told so in SSH', async (owner) => {
    const { info } = await listen({ ownerOf: () => owner, protocol: localHalves.ssh })
    for (const said of [[], [Buffer.from('SSH-2.0-OpenSSH_9.9\r\n')], [Buffer.alloc(50_000)]]) {
      const answer = await talk(info, ...said)
      expect(answer).toMatch(/^SSH-2\.0-pamctl\r\n\0\0/)
      expect(answer).toContain(`pam: ${WHY[owner]}`)
    }
    expect(accepted).toBe(0)
  })

  it.skipIf(!hasProgram('ssh'))('ssh shows why it is turned away', async () => {
    const { info } = await listen({ ownerOf: () => uid + 1, protocol: localHalves.ssh })
    const { stderr, code } = await run('ssh', ['-F', 'none', '-p', String(info.port), '127.0.0.1', 'true'])
    expect(code).toBe(255)
    expect(stderr).toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:11: pam: this local port belongs to another/)
  })

  it.skipIf(!PSQL)('psql shows why it is turned away, however it asks for TLS', async () => {
    const { info } = await listen({ ownerOf: () => uid + 1 })
    for (const mode of ['disable', 'allow', 'prefer']) {
      const { stderr, code } = await run('psql', [`host=127.0.0.1 port=${info.port} sslmode=${mode} user=x dbname=x`])
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/FATAL: {2}pam: this local port.*\n.*HINT: {2}connect as/),
      ])
    }
  })

  it('bytes of a reset connection are not attributed to the next client on the same port', async () => {
    const owners = new PeerOwners()
    let [begin, lookNow] = [(): void => {}, (): void => {}]
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const look = new Promise<void>((resolve) => (lookNow = resolve))
    const { info } = await listen({
      async ownerOf(peer, own) {
        if (peer.port === 0) return uid
        begin()
        await look
        return owners.of(peer, own)
      },
    })
    const localPort = portOfNobody()
    const stranger = connect({ port: info.port, host: '127.0.0.1', localPort })
    stranger.write(hello)
    await begun
    await new Promise((resolve) => stranger.on('close', resolve).resetAndDestroy())
    const successor = connect({ port: info.port, host: '127.0.0.1', localPort })
    await new Promise((resolve) => successor.on('connect', resolve))
    lookNow()
    // The table has the line of the successor for both.
    await vi.waitFor(() => expect([accepted, away]).toEqual([1, ['a connection that left at once']]))
    successor.destroy()
  })

  it('refuses many connections at once without running out of descriptors', async () => {
    const { info } = await listen({ ownerOf: () => uid + 1 })
    const sockets = Array.from({ length: 80 }, () => connect(info.port, '127.0.0.1'))
    const closed = sockets.map(
      (socket) =>
        new Promise<boolean>((resolve) => {
          socket.on('error', () => {})
          socket.on('close', () => resolve(true))
        }),
    )
    await Promise.all(closed.slice(50))
    expect(away).toHaveLength(80)
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
    expect(await talk(info, hello)).toContain('SFATAL')
  })

  it.skipIf(!hasLoopback6)(
    '::1 is served as well, with its own check, and cannot be taken by somebody else',
    async () => {
      const seen: unknown[] = []
      const { info } = await listen({ ownerOf: (peer, own) => (seen.push([peer, own]), uid) })
      expect(await talk({ port: info.port, host: '::1' }, Buffer.from('hello'))).toBe('hello')
      expect(seen.at(-1)).toMatchObject([{ address: '::1' }, { address: '::1', port: info.port }])
      const squatter = createServer()
      await expect(listening(squatter, info.port, '::1')).rejects.toMatchObject({ code: 'EADDRINUSE' })
      await expect(listening(createServer(), info.port, '::')).rejects.toMatchObject({ code: 'EADDRINUSE' })
    },
  )

  it.skipIf(!hasLoopback6)('a port whose ::1 is taken is another program’s, and is not used', async () => {
    const first = await listen()
    const usual = first.info.port
    await first.close()
    open.pop()
    const squatter = createServer()
    await listening(squatter, usual, '::1')
    expect((await listen()).info.port).not.toBe(usual)
    await expect(listen({ port: usual })).rejects.toMatchObject({ code: 'PORT_TAKEN' })
    await new Promise((resolve) => squatter.close(resolve))
  })

  it('demands the secret before it forwards a byte, if the system cannot identify the connecting user', async () => {
    const { info } = await listen({ ownerOf: () => 'unknown' })
    expect(info.secret).toMatch(/^[\w-]{24}$/)
    const password = (value: string): Buffer => encodeMessage(passwordMessage, { type: 'password', password: value })
    expect(await talk(info, hello, password('wrong'))).toContain('28P01')
    expect(accepted).toBe(0)
    const answer = await talk(info, hello, password(info.secret ?? ''))
    expect(answer).toContain('user\0app') // echoed: only now the start-up went on
    expect(accepted).toBe(1)
  })

  it('keeps the Unix socket in a directory that only its owner can enter', async () => {
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
    await first.close()
    open.pop()
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
  const peerOwner = (from: Endpoint, to: Endpoint, read: ReadTable): Promise<PeerOwner> =>
    new PeerOwners(read).of(from, to)
  const [peer, own] = [
    { address: '127.0.0.1', port: 0xc350 },
    { address: '127.0.0.1', port: 0x1f90 },
  ]
  const [peer6, own6] = [
    { address: '::1', port: 0xc350 },
    { address: '::1', port: 0x1f90 },
  ]
  const V4 = '0100007F'
  const MAPPED = '0000000000000000FFFF00000100007F'
  const V6 = '00000000000000000000000001000000'
  const line = (state: string, owner: number | string, inode: string, from = `${V4}:C350`, to = `${V4}:1F90`): string =>
    `   0: ${from} ${to} ${state} 00000000:00000000 00:00000000 00000000  ${owner}        0 ${inode} 1 0 100 0 0 10 0`
  const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
  const table = (...lines: string[]): string => [HEADER, ...lines].join('\n')
  const reading =
    (tcp: string | undefined, tcp6: string | undefined, size = 10_000) =>
    (family: 'tcp' | 'tcp6') =>
      (family === 'tcp' ? tcp : tcp6)?.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? undefined
  const mapped = (owner: number, state = '01', inode = '9'): string =>
    line(state, owner, inode, `${MAPPED}:C350`, `${MAPPED}:1F90`)
  const own60 = (owner: number): string => line('01', owner, '9', `${V6}:C350`, `${V6}:1F90`)

  it.each<[string, string, number | string]>([
    ['an open connection', line('01', 1000, '123'), 1000],
    ['a half-closed one', line('05', 1000, '123'), 1000],
    ['one whose half-close is not acknowledged yet', line('04', 1000, '123'), 1000],
    ['one whose process closed it: listed as root', line('04', 0, '0'), 'gone'],
    ['one in TIME_WAIT', line('06', 0, '0'), 'gone'],
    ['one in TIME_WAIT that still has an owner', line('06', 1000, '123'), 'gone'],
    ['one that is being opened', line('02', 1000, '123'), 'gone'],
    ['a listening socket of the same address', line('0A', 1000, '123'), 'gone'],
    ['no line', '', 'gone'],
    ['a line that is cut off', line('01', 1000, '123').slice(0, 60), 'gone'],
    ['a user id that is no number', line('01', 'root', '123'), 'gone'],
    ['TIME_WAIT and, behind it, the open one', `${line('06', 0, '0')}\n${line('01', 1000, '7')}`, 1000],
    ['our own end: the same ports the other way round', line('01', 1, '7', `${V4}:1F90`, `${V4}:C350`), 'gone'],
    ['another remote port', line('01', 1, '7', `${V4}:C350`, `${V4}:1F91`), 'gone'],
    ['another remote address', line('01', 1, '7', `${V4}:C350`, `0200007F:1F90`), 'gone'],
    ['another local address', line('01', 1, '7', `0200007F:C350`, `${V4}:1F90`), 'gone'],
  ])('%s', async (_what, text, owner) => {
    // However the list is cut into pieces.
    for (const size of [10_000, 1, 7, 60, 151])
      expect(await peerOwner(peer, own, reading(table(text), table(), size))).toBe(owner)
  })

  it.each<[string, typeof peer, typeof own, string | undefined, string | undefined, number | string]>([
    ['a dual-stack socket that speaks IPv4', peer, own, table(), table(mapped(1000)), 1000],
    ['the same where there is no table of IPv4', peer, own, undefined, table(mapped(1000)), 1000],
    ['a dual-stack one whose process has left', peer, own, table(), table(mapped(0, '04', '0')), 'gone'],
    ['TIME_WAIT in one table, open in the other', peer, own, table(line('06', 0, '0')), table(mapped(1000)), 1000],
    ['over ::1', peer6, own6, table(), table(own60(1000)), 1000],
    ['::1 is not 127.0.0.1', peer6, own6, table(line('01', 1, '7')), table(mapped(1)), 'gone'],
    ['127.0.0.1 is not ::1', peer, own, table(), table(own60(1)), 'gone'],
    [
      'an IPv4 address in the table of IPv6 without its prefix',
      peer,
      own,
      table(),
      table(line('01', 1, '7', `000000000000000000000000${V4}:C350`, `000000000000000000000000${V4}:1F90`)),
      'gone',
    ],
    [
      'another address of the loopback network',
      { address: '127.0.0.2', port: 0xc350 },
      own,
      table(line('01', 5, '7', '0200007F:C350')),
      table(),
      5,
    ],
    [
      'a mapped address as Node names it',
      { address: '::ffff:127.0.0.1', port: 0xc350 },
      own,
      table(),
      table(mapped(5)),
      5,
    ],
    [
      'a full address with a zone',
      { address: 'fe80::1:2%lo', port: 0xc350 },
      own6,
      table(),
      table(line('01', 5, '7', '000080FE000000000000000002000100:C350', `${V6}:1F90`)),
      5,
    ],
  ])('%s', async (_what, from, to, tcp, tcp6, owner) => {
    expect(await peerOwner(from, to, reading(tcp, tcp6))).toBe(owner)
  })

  it('reads the table again if a line was missed, a limited number of times', async () => {
    let asked = 0
    const missed = (family: string) => (family === 'tcp' && ++asked < 3 ? [HEADER] : [table(line('01', 1000, '123'))])
    expect(await peerOwner(peer, own, missed)).toBe(1000)
    asked = -100
    expect(await peerOwner(peer, own, (family) => (family === 'tcp' && ++asked < 3 ? [HEADER] : [HEADER]))).toBe('gone')
    expect(asked).toBe(-97)
  })

  it('is unknown if the system does not report it', async () => {
    expect(await peerOwner(peer, own, () => undefined)).toBe('unknown')
  })

  it('is not found beyond the read limit, or in a table that cannot be read', async () => {
    let bytes = 0
    const endless = function* (): Generator<string> {
      const chunk = `${line('01', 1, '7', `${V4}:0001`)}\n`.repeat(100)
      for (;;) yield ((bytes += chunk.length), chunk)
    }
    expect(await peerOwner(peer, own, endless)).toBe('gone')
    expect(bytes).toBeLessThan(2 * 33 * 1024 * 1024)
    const failing = (): Iterable<string> => ({
      [Symbol.iterator]: () => {
        throw new Error('EMFILE')
      },
    })
    expect(await peerOwner(peer, own, failing)).toBe('gone')
    expect(await peerOwner(peer, own, (family) => (family === 'tcp' ? failing() : [table(mapped(8))]))).toBe(8)
  })

  const at = (port: number): Endpoint => ({ address: '127.0.0.1', port })
  const from = (port: number, owner: number): string =>
    line('01', owner, '9', `${V4}:${port.toString(16).toUpperCase().padStart(4, '0')}`)

  it('lookups share one reading; those that arrive during it share the next', async () => {
    let readings = 0
    const late: Promise<PeerOwner>[] = []
    const owners: PeerOwners = new PeerOwners((family) => {
      if (family === 'tcp6') return [HEADER]
      const number = ++readings
      return (function* () {
        yield table(from(1, 10), '')
        // Its line is in what has been read already, so that this reading cannot be about it.
        if (number === 1) late.push(owners.of(at(1), own), owners.of(at(4), own))
        yield [from(2, 20), from(3, 30), ...(number === 1 ? [] : [from(4, 40)]), ''].join('\n')
      })()
    })
    expect(await Promise.all([1, 2, 3, 2].map((port) => owners.of(at(port), own)))).toEqual([10, 20, 30, 20])
    expect(await Promise.all(late)).toEqual([10, 40])
    expect(readings).toBe(2)
  })

  it('ends a reading with the last of them', async () => {
    let isReadOn = false
    const owners = new PeerOwners(function* () {
      yield table(from(1, 10), from(2, 20), '')
      isReadOn = true
      yield from(3, 30)
    })
    expect(await Promise.all([owners.of(at(2), own), owners.of(at(1), own)])).toEqual([20, 10])
    expect(isReadOn).toBe(false)
  })

  it('finds each of many connections at once on this system', async () => {
    const { info } = await listen()
    expect(await Promise.all(Array.from({ length: 40 }, () => talk(info, Buffer.from('x'))))).toEqual(
      Array.from({ length: 40 }, () => 'x'),
    )
    expect([accepted, away]).toEqual([40, []])
  })
})

describe('the agent’s directories', () => {
  it.each<[string, (path: string) => void, string]>([
    [
      'others can enter',
      (path) => (mkdirSync(path), chmodSync(path, 0o755)),
      'is accessible to other users (mode 0755, expected 0700)',
    ],
    ['is a link', (path) => symlinkSync(runtime, path), 'is a symbolic link'],
    ['is a link to nothing', (path) => symlinkSync(join(runtime, 'nowhere'), path), 'is a symbolic link'],
    ['is a link to itself', (path) => symlinkSync(path, path), 'is a symbolic link'],
    ['is a file', (path) => writeFileSync(path, ''), 'is not a directory'],
  ])('refuses a directory that %s, and says so', (_what, make, problem) => {
    const path = join(runtime, 'made')
    make(path)
    for (const check of [() => privateDirectory(path), () => userPaths({ PAMCTL_HOME: path })])
      expect(check).toThrow(expect.objectContaining({ code: 'SECRET_STORE', message: `${path} ${problem}` }))
  })

  it('makes a directory with the ones above it, or says why it cannot', () => {
    privateDirectory(join(runtime, 'a', 'b'))
    expect(statSync(join(runtime, 'a', 'b')).mode & 0o777).toBe(0o700)
    writeFileSync(join(runtime, 'file'), '')
    expect(() => privateDirectory(join(runtime, 'file', 'b'))).toThrow(/cannot be read \(ENOTDIR\)|cannot create/)
  })

  it.skipIf(uid !== 0)('names another user’s link and directory', () => {
    const [link, foreign] = [join(runtime, 'link'), join(runtime, 'foreign')]
    symlinkSync('/tmp', link)
    lchownSync(link, 65_534, 65_534)
    expect(() => privateDirectory(link)).toThrow(`${link} is a symbolic link made by another user`)
    mkdirSync(foreign, { mode: 0o700 })
    chownSync(foreign, 65_534, 65_534)
    expect(() => privateDirectory(foreign)).toThrow(`${foreign} belongs to another user (65534)`)
    // Another user's XDG_RUNTIME_DIR, as under sudo, is not used.
    const paths = userPaths({ HOME: runtime, XDG_STATE_HOME: join(runtime, 'state'), XDG_RUNTIME_DIR: foreign })
    expect(paths.runtime.startsWith(foreign)).toBe(false)
    expect(userPaths({ XDG_STATE_HOME: join(runtime, 'state'), XDG_RUNTIME_DIR: runtime }).runtime).toBe(
      join(runtime, 'pamctl'),
    )
  })

  it('finds a short enough path for sockets under a long home', () => {
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
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect((await openSecretStore(file, undefined)).warning).toBeUndefined()
      await expect(openSecretStore(file, 'keychain')).rejects.toMatchObject({ code: 'SECRET_STORE' })
      store.remove('a')
      expect(store.read('a')).toBeUndefined()
      for (const name of ['constructor', '__proto__', 'toString']) {
        expect([store.read(name), store.names()]).toEqual([undefined, []])
        store.write(name, 'secret')
        expect([store.read(name), store.names()]).toEqual(['secret', [name]])
        store.remove(name)
      }
    } finally {
      if (without === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS']
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = without
    }
  })
})

describe('owners in a user namespace', () => {
  const ALL = '         0          0 4294967295\n'
  const FEW = '         0     100000      65536\n'
  it.each<[string, number | undefined, string, boolean]>([
    ['are told where it maps every user', 65_534, ALL, true],
    ['are told where we run as one that it maps', 1000, FEW, true],
    ['say nothing where we run as whom all others are listed as', 65_534, FEW, false],
    ['say nothing where it maps more than one range', 65_534, `${FEW}${ALL}`, false],
    ['are told on systems without user ids', undefined, FEW, true],
  ])('%s', (_what, own, map, isTold) => {
    expect(isOwnerTold(own, '65534\n', map)).toBe(isTold)
  })
})
