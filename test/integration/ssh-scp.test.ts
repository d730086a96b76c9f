import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FileEvent } from '../../src/recording/event.ts'
import { eventually, type Port } from '../helpers/gateway-client.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { run } from '../helpers/run.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/** The old protocol of scp against a real one, as its client speaks it and as others do. */
let own: SshGateway
let port: Port
/** No rule about paths, which would refuse whole trees. */
let free: Port

beforeAll(async () => {
  if (!SSHD) return
  own = await startSshGateway({
    target: ({ port: sshd, hostKey, user, keys }) => `
  - name: free
    type: ssh
    host: 127.0.0.1
    port: ${sshd}
    labels: { paths: free }
    hostKeys: ["${hostKey}"]
    logins: [{ name: ${user}, privateKey: "file:${keys.ed25519}" }]
`,
    rules: (files) => `commands:
  - { name: free, targets: { labels: { paths: free } }, match: {}, allow: true }
  - { name: not there, match: { writesPaths: ["${files}/guarded/**"] }, deny: "guarded" }
  - { name: asked, match: { writesPaths: ["${files}/asked/**"] }, hold: { approvers: { groups: [sre] } } }
  - { name: rest, match: {}, allow: true }`,
  })
  port = await own.port()
  free = await own.port('free')
})
afterAll(() => own?.stop())

const at = (...names: string[]): string => join(own.files, ...names)
const text = (...names: string[]): string | undefined =>
  existsSync(at(...names)) ? readFileSync(at(...names), 'utf8') : undefined
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')

/** Files of the record of the session in which this ran. */
const recorded = (command: string): Promise<FileEvent[]> =>
  eventually(async () => {
    const records = join(own.directory, 'data', 'recordings')
    for (const file of existsSync(records) ? filesIn(records, '.pamrec').toReversed() : []) {
      const events = await eventsOf(file)
      if (events.some((event) => event.type === 'command' && event.text === command))
        return events
          .filter((event) => event.type === 'file')
          .map(({ type, operation, path, bytes, sha256: digest, error }) =>
            JSON.parse(JSON.stringify({ type, operation, path, bytes, sha256: digest, error })),
          )
    }
    return undefined
  }, `a record of ${command}`)
const written = (path: string, content: string, operation = 'write') => ({
  type: 'file',
  operation,
  path,
  bytes: content.length,
  sha256: sha256(content),
})

beforeEach(() => {
  if (!SSHD) return
  for (const name of ['ok', 'guarded', 'asked', 'from']) {
    rmSync(at(name), { recursive: true, force: true })
    mkdirSync(at(name))
  }
  mkdirSync(at('ok', 'd'))
  writeFileSync(at('guarded', 'x'), 'kept')
  writeFileSync(at('asked', 'x'), 'kept')
  writeFileSync(at('from', 'l'), 'new')
})

/** `scp -O` directly, then through the gateway; both from the same beginning. */
const scp = (args: readonly string[], options = own.options(port)) => run('scp', ['-O', '-q', ...options, ...args])
let runs = 0
/** A command that is told from all before it. */
const unique = (command: string): string => `${command}${'/'.repeat(++runs)}`

describe.skipIf(!SSHD)('scp -t', () => {
  it('takes what comes behind a file that it cannot open for a line, and so does the gateway', async () => {
    const sent = 'C0644 20 d\nC0644 5 evil\nPWNED\0\0'
    const command = `scp -t ${at('ok')}`
    await own.direct([command], sent)
    expect(text('ok', 'evil')).toBe('PWNED')
    rmSync(at('ok', 'evil'))
    symlinkSync(at('guarded', 'x'), at('ok', 'evil'))
    const through = unique(command)
    const refused = await own.ssh(port, [through], sent)
    expect(refused).toMatchObject({ code: 126 })
    expect(refused.stderr).toContain('pam: guarded')
    expect(text('guarded', 'x')).toBe('kept')
    const [first, ...others] = await recorded(through)
    expect(first).toMatchObject({ path: at('ok', 'd'), bytes: 0, error: expect.stringContaining('Is a directory') })
    expect(first).not.toHaveProperty('sha256')
    expect(others).toEqual([])
    const allowed = unique(command)
    await own.ssh(port, [allowed], sent.replace('evil', 'good'))
    expect(text('ok', 'good')).toBe('PWNED')
    expect((await recorded(allowed)).slice(1)).toEqual([written(at('ok', 'good'), 'PWNED')])
  })

  it('of a client that waits for no answer: times, directories, nothing in it, all at once', async () => {
    const sent =
      'T1700000000 0 1700000000 0\nC0640 3 a\nabc\0D0755 0 sub\nC0644 0 none\n\0C0644 2 b\nhi\0E\nC0644 1 c\nx\0'
    const command = unique(`scp -r -p -t ${at('ok')}`)
    const { code, stdout, stderr } = await own.ssh(free, [command], sent)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const direct = await own.direct([`scp -r -p -t ${at('ok')}`], sent)
    expect(stdout).toBe(direct.stdout)
    expect([text('ok', 'a'), text('ok', 'sub', 'none'), text('ok', 'sub', 'b'), text('ok', 'c')]).toEqual([
      'abc',
      '',
      'hi',
      'x',
    ])
    expect(await recorded(command)).toEqual([
      written(at('ok', 'a'), 'abc'),
      written(at('ok', 'sub', 'none'), ''),
      written(at('ok', 'sub', 'b'), 'hi'),
      written(at('ok', 'c'), 'x'),
    ])
  })

  it.each([
    ['a name that ends early', 'C0644 1 a\0b\nx\0'],
    ['a name that leads elsewhere', 'C0644 1 ../a\nx\0'],
    ['a zero before a line', '\0C0644 1 a\nx\0'],
    ['a size with a sign', 'C0644 +1 a\nx\0'],
    ['a long line', `C0644 1 ${'a'.repeat(2100)}\nx\0`],
    ['no line at all', 'hello\n'],
  ])('refuses %s, and nothing of it goes on', async (_what, sent) => {
    const client = await own.ssh(port, [`scp -t ${at('ok')}`], sent)
    expect(client).toMatchObject({
      code: 126,
      stderr: expect.stringContaining('what was sent is not the scp protocol'),
    })
    expect(text('ok', 'a')).toBeUndefined()
  })

  it('of a file that is cut off is recorded as that', async () => {
    const command = unique(`scp -t ${at('ok')}`)
    await own.ssh(port, [command], 'C0644 10 cut\nabc')
    expect(await recorded(command)).toMatchObject([
      { path: at('ok', 'cut'), bytes: 3, sha256: sha256('abc'), error: 'the transfer did not end' },
    ])
  })

  it('of a name that is no UTF-8 is recorded with its bytes', async () => {
    const command = unique(`scp -t ${at('ok')}`)
    const sent = Buffer.from('C0644 1 caf\xe9\nx\0', 'latin1')
    const { code, stderr } = await run('ssh', [...own.options(port), '127.0.0.1', command], { input: sent })
    // What it is named by is a path that no rule can mean: one that refuses any path would fit.
    expect({ code, stderr }).toMatchObject({ code: 126, stderr: expect.stringContaining('pam: guarded') })
    expect(await recorded(command)).toEqual([])
  })
})

describe.skipIf(!SSHD)('scp -O', () => {
  it('of several files of which one cannot be written, as directly connected', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(at('from', name), `content of ${name}\n`)
    const command = (options: readonly string[]) =>
      scp([...['a', 'b', 'c'].map((name) => at('from', name)), `127.0.0.1:${at('ok')}`], [...options])
    mkdirSync(at('ok', 'b'))
    const direct = await command(own.directOptions())
    for (const name of ['a', 'c']) rmSync(at('ok', name))
    const through = await command(own.options(port))
    expect(through).toEqual(direct)
    expect([text('ok', 'a'), text('ok', 'c')]).toEqual(['content of a\n', 'content of c\n'])
  })

  it('of a tree of which one file cannot be written: the others arrive, and the record names each', async () => {
    for (const name of ['a', 'z']) writeFileSync(at('from', name), `content of ${name}\n`)
    mkdirSync(at('ok', 'from', 'a'), { recursive: true })
    const command = (options: string[]) => scp(['-r', at('from'), `127.0.0.1:${at('ok')}`], options)
    const direct = await command(own.directOptions())
    expect(direct.stderr).toContain('Is a directory')
    rmSync(at('ok', 'from', 'z'))
    expect(await command(own.options(free))).toEqual(direct)
    expect(text('ok', 'from', 'z')).toBe('content of z\n')
    const files = await recorded(`scp -r -t ${at('ok')}`)
    expect(files).toContainEqual(written(at('ok', 'from', 'z'), 'content of z\n'))
    expect(files).toContainEqual(written(at('ok', 'from', 'l'), 'new'))
    expect(files.find(({ path }) => path === at('ok', 'from', 'a'))).toMatchObject({
      bytes: 0,
      error: expect.stringContaining('Is a directory'),
    })
    expect(files).toHaveLength(3)
    // To a name that is not there yet: what is sent has that name.
    expect(await scp(['-r', at('from'), `127.0.0.1:${at('ok', 'fresh')}`], own.options(free))).toMatchObject({
      code: 0,
    })
    expect(await recorded(`scp -r -t ${at('ok', 'fresh')}`)).toContainEqual(written(at('ok', 'fresh', 'l'), 'new'))
    // Below directories links are followed: a rule about paths fits.
    expect((await command(own.options(port))).stderr).toContain('pam: guarded')
  })

  it('through a link of that name: judged by where it leads', async () => {
    symlinkSync(at('guarded', 'x'), at('ok', 'l'))
    const args = [at('from', 'l'), `127.0.0.1:${at('ok')}`]
    await scp(args, own.directOptions())
    expect(text('guarded', 'x')).toBe('new')
    writeFileSync(at('guarded', 'x'), 'kept')
    const { code, stderr } = await scp(args)
    expect({ code }).not.toEqual({ code: 0 })
    expect(stderr).toContain('pam: guarded')
    expect(text('guarded', 'x')).toBe('kept')
    // By another link, and by one that leads nowhere yet.
    symlinkSync(at('ok', 'l'), at('ok', 'm'))
    symlinkSync(at('guarded', 'new'), at('ok', 'n'))
    for (const name of ['m', 'n']) {
      writeFileSync(at('from', name), 'new')
      expect((await scp([at('from', name), `127.0.0.1:${at('ok')}/`])).stderr).toContain('pam: guarded')
    }
    expect(text('guarded', 'x')).toBe('kept')
    expect(existsSync(at('guarded', 'new'))).toBe(false)
  })

  it('through a link to where it is held: it waits, and the record names what was written', async () => {
    symlinkSync(at('asked', 'x'), at('ok', 'held'))
    writeFileSync(at('from', 'held'), 'new')
    const running = scp([at('from', 'held'), `127.0.0.1:${at('ok')}`])
    const review = await eventually(
      async () => (await own.bob.api.reviews.list()).find(({ kind }) => kind === 'command') as Held | undefined,
      'held',
    )
    expect(text('asked', 'x')).toBe('kept')
    await own.bob.api.reviews.decide(review.id, { verdict: 'approve', comment: '', digest: review.digest })
    const { code, stderr } = await running
    expect({ code }, stderr).toEqual({ code: 0 })
    expect(text('asked', 'x')).toBe('new')
    expect(await recorded(`scp write ${at('ok', 'held')}`)).toEqual([written(at('asked', 'x'), 'new')])
  })

  it('to a name: the record has that name, and not the one that was sent', async () => {
    const { code, stderr } = await scp([at('from', 'l'), `127.0.0.1:${at('ok', 'named')}`])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await recorded(`scp -t ${at('ok', 'named')}`)).toEqual([written(at('ok', 'named'), 'new')])
  })

  it('from the target: by the name that was asked for', async () => {
    const { code, stderr } = await scp([`127.0.0.1:${at('from', 'l')}`, at('ok')])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await recorded(`scp -f ${at('from', 'l')}`)).toEqual([written(at('from', 'l'), 'new', 'read')])
  })
})

interface Held {
  readonly id: string
  readonly digest: string
}

describe.skipIf(!SSHD)('scp -f', () => {
  it('to a client that does not take one file, and answers before it is asked', async () => {
    writeFileSync(at('from', 'second'), 'two')
    const files = [at('from', 'l'), at('from', 'second')]
    const command = `scp -f ${files.join(' ')}`
    const sent = '\0\x01no room\n\0\0'
    const direct = await own.direct([command], sent)
    const through = await own.ssh(port, [command], sent)
    expect(through).toEqual(direct)
    expect(through.stdout).toBe('C0644 3 l\nC0644 3 second\ntwo\0')
    expect(await recorded(command)).toEqual([
      { type: 'file', operation: 'read', path: files[0], bytes: 0, error: 'no room' },
      written(files[1] as string, 'two', 'read'),
    ])
  })

  it('of what is not there, as directly connected', async () => {
    const args = [`127.0.0.1:${at('from', 'none')}`, at('ok')]
    expect(await scp(args)).toEqual(await scp(args, own.directOptions()))
  })
})
