import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kubeconfig } from '../../../src/cli/commands/kubeconfig.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { runVerb, type VerbOutcome, type World } from '../../helpers/verb.ts'

const target = (name: string, more: object = {}) => ({
  name,
  type: 'kubernetes',
  grant: 'standing',
  accounts: [],
  ...more,
})
const TARGETS = [target('prod'), target('asked', { grant: 'request' }), target('db', { type: 'postgres' })]
const LISTENER = { host: '127.0.0.1', port: 20_001, tls: { authority: 'CA', certificate: 'CERT', key: 'KEY' } }
const OWN = `# mine
apiVersion: v1
kind: Config
clusters:
- cluster:
    server: https://mine.example # over there
  name: mine
`
let home: string
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'pamctl-home-'))))
afterEach(() => rmSync(home, { recursive: true }))

/** The agent goes away once the port is open, which ends what would keep it open. */
const pamctl = (args: readonly string[], world: World = {}): Promise<VerbOutcome> =>
  runVerb([kubeconfig], ['kubeconfig', ...args], {
    home,
    gateway: { 'GET /v1/targets': { items: TARGETS } },
    agent: { listen: LISTENER, 'open-ports': [{ target: 'prod', listener: LISTENER }] },
    agentLeavesAfter: 'listen',
    ...world,
    environment: { HOME: home, ...world.environment },
  })
const own = (): string => join(home, '.kube', 'config')
const put = (text: string, file = own()): string => {
  mkdirSync(join(home, '.kube'), { recursive: true })
  writeFileSync(file, text)
  return file
}

describe('pamctl kubeconfig NAME', () => {
  it('opens the port as connect does, prints, and keeps it open', async () => {
    const { stdout, stderr, agentCalls } = await pamctl(['prod', '--port', '20001'])
    expect(stdout).toContain('server: https://127.0.0.1:20001\n')
    expect(stdout).toContain('current-context: pamctl-prod\n')
    expect(stderr).toContain('the kubeconfig of prod is valid while this port is open\nCtrl-C closes it\n')
    expect(stderr).toContain('lost the connection to the local agent')
    expect(agentCalls.map(({ method }) => method)).toEqual(['listen'])
    expect(agentCalls[0]?.params).toEqual({ profile: 'default', target: 'prod', protocol: 'kubernetes', port: 20_001 })
    expect(existsSync(own())).toBe(false)
  })

  it('requests access where that is required', async () => {
    const waits = new PamError('REQUEST_PENDING', 'waits', { id: 'req_1' })
    const request = { id: 'req_1', state: 'pending', createdAt: new Date(0).toISOString(), lengthMs: 1, reason: '' }
    const none = { items: [] }
    const outcome = await pamctl(['asked', '--reason', 'x'], {
      gateway: {
        'GET /v1/targets': { items: TARGETS },
        'GET /v1/grants': none,
        'GET /v1/requests': none,
        'POST /v1/requests': waits,
        'GET /v1/requests/req_1': request,
      },
    })
    expect(outcome).toMatchObject({ code: 6, stdout: '', agentCalls: [] })
    expect(outcome.stderr).toContain('already requested: req_1')
  })

  it('prints the open ports without a name, and keeps none of them open', async () => {
    const { stdout, code, agentCalls } = await pamctl([])
    expect(code).toBe(0)
    expect(stdout).toContain('name: pamctl-prod')
    expect(agentCalls).toEqual([{ method: 'open-ports', params: { profile: 'default', protocol: 'kubernetes' } }])
    const none = await pamctl(['--merge'], { agent: { 'open-ports': [] } })
    expect(none).toMatchObject({ code: 2, stdout: '' })
    expect(none.stderr).toContain('no port of a Kubernetes target is open\nhint: to open one: pamctl kubeconfig NAME\n')
  })

  it.each([
    [['prodd'], 5, 'no target named "prodd"'],
    [['db'], 2, 'db is a PostgreSQL target, which has no kubeconfig\nhint: pamctl connect db -- psql'],
    [['prod', '--merge', '--remove'], 2, '--merge and --remove exclude each other'],
    [['prod', '--use'], 2, '--use needs --merge'],
    [['prod', '--merge', ''], 2, '--merge: expected the name of a file'],
    [['--merge', 'prod'], 2, 'the name of a target comes first: pamctl kubeconfig prod --merge'],
    [['--remove', 'prod'], 2, 'the name of a target comes first: pamctl kubeconfig prod --remove'],
    [['--for', '1h'], 2, '--for is for opening a port\nhint: give the NAME of a target'],
    [['prod', '--remove', '--wait'], 2, '--wait is for opening a port\nhint: leave it out with --remove'],
    [['prod', '--port', '0'], 2, 'expected a whole number from 1 to 65535'],
    [['--remove', '/no/such/file'], 2, 'there is no file /no/such/file'],
    [['prod', '--merge', '/dev/null'], 2, '/dev/null is not a regular file'],
    [['prod', '--merge', '/'], 2, '/ is a directory'],
    [['prod', '--merge', '/dev/null/config'], 2, '/dev/null/config is not below a directory'],
  ])('%j is refused, and opens nothing', async (args, code, message) => {
    const outcome = await pamctl(args)
    expect(outcome).toMatchObject({ code, stdout: '', agentCalls: [] })
    expect(outcome.stderr).toContain(message)
  })

  it('--use with several open ports names them', async () => {
    const ports = ['prod', 'asked'].map((name) => ({ target: name, listener: LISTENER }))
    const { stderr, code } = await pamctl(['--merge', '--use'], { agent: { 'open-ports': ports } })
    expect({ code, stderr }).toMatchObject({ code: 2 })
    expect(stderr).toContain('--use needs a NAME: prod, asked are open')
    expect(existsSync(own())).toBe(false)
  })
})

describe('pamctl kubeconfig --merge', () => {
  it('creates a missing file for its owner alone, and removes its own entries again', async () => {
    const { stdout, stderr, code } = await pamctl(['--merge', '--use'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toBe(`pamctl-prod written to ${own()}, valid while this port is open\n`)
    expect(statSync(own()).mode & 0o777).toBe(0o600)
    expect(statSync(join(home, '.kube')).mode & 0o777).toBe(0o700)
    expect(readFileSync(own(), 'utf8')).toContain('current-context: pamctl-prod\n')
    expect(readdirSync(join(home, '.kube'))).toEqual(['config'])
    expect((await pamctl(['--remove'])).stderr).toBe(`pamctl-prod removed from ${own()}\n`)
    expect(readFileSync(own(), 'utf8')).not.toContain('pamctl')
    expect((await pamctl(['--remove'])).stderr).toBe(`${own()}: nothing of pamctl to remove\n`)
    await pamctl(['--merge'])
    const removed = await pamctl(['--remove', '--json'])
    expect(JSON.parse(removed.stdout)).toEqual({ removed: [{ file: own(), contexts: ['pamctl-prod'] }] })
  })

  it('keeps what is there, and a link, and closes it to others', async () => {
    put(OWN, join(home, 'dotfile'))
    chmodSync(join(home, 'dotfile'), 0o644)
    mkdirSync(join(home, '.kube'), { recursive: true })
    symlinkSync('../dotfile', own())
    const { stderr } = await pamctl(['prod', '--merge'])
    expect(stderr).toContain('  kubectl --context pamctl-prod get pods\nCtrl-C closes it\n')
    expect(lstatSync(own()).isSymbolicLink()).toBe(true)
    expect(statSync(own()).mode & 0o777).toBe(0o600)
    const text = readFileSync(join(home, 'dotfile'), 'utf8')
    for (const line of OWN.split('\n')) expect(text.split('\n')).toContain(line)
    expect(text).not.toContain('current-context')
    expect((await pamctl(['other', '--remove'])).stderr).toContain('nothing of pamctl named pamctl-other to remove')
    await pamctl(['prod', '--remove'])
    expect(readFileSync(own(), 'utf8')).toBe(`${OWN}users: []\ncontexts: []\n`)
  })

  it.each([
    ['the first that is there', ['no-such', 'one', 'two'], 'one'],
    ['the first, where none is there', ['new', 'newer'], 'new'],
  ])('$KUBECONFIG: %s', async (_, files, expected) => {
    for (const name of ['one', 'two']) writeFileSync(join(home, name), OWN)
    const paths = files.map((name) => join(home, name))
    const environment = { KUBECONFIG: `:${paths.join(':')}:` }
    expect((await pamctl(['--merge'], { environment })).stderr).toContain(`written to ${join(home, expected)},`)
    // Wherever it was written to it is found.
    const reversed = { KUBECONFIG: paths.toReversed().join(':') }
    const removed = await pamctl(['--remove'], { environment: reversed })
    expect(removed.stderr).toBe(`pamctl-prod removed from ${join(home, expected)}\n`)
  })

  it.each([
    ['is no kubeconfig', 'kind: Pod\napiVersion: v1\n', 'is not a kubeconfig'],
    ['has such an entry', `${OWN}users: [{ name: pamctl-prod, user: {} }]\n`, 'that pamctl did not write'],
    ['is not UTF-8', 'kind: Config\n# \xff\n', 'it is not UTF-8'],
  ])('leaves a file alone that %s, before a port is opened', async (_, text, message) => {
    const file = put('')
    writeFileSync(file, Buffer.from(text, 'latin1'))
    const { code, stderr, agentCalls } = await pamctl(['prod', '--merge'])
    expect({ code, agentCalls }).toEqual({ code: 2, agentCalls: [] })
    expect(stderr).toContain(message)
    expect(readFileSync(file, 'latin1')).toBe(text)
    expect(readdirSync(join(home, '.kube'))).toEqual(['config'])
  })

  it.each(['a file', 'a link'])('fails where %s is locked, and leaves the lock', async (kind) => {
    const real = put(OWN, join(home, 'real'))
    const file = join(home, 'link')
    symlinkSync(real, file)
    const lock = `${kind === 'a link' ? file : real}.lock`
    writeFileSync(lock, '')
    const { code, stderr } = await pamctl(['--merge', file])
    expect(code).toBe(2)
    expect(stderr).toContain(`${file} is locked: another program is writing it (${lock})`)
    expect(readFileSync(real, 'utf8')).toBe(OWN)
    expect(readdirSync(home).filter((name) => name.endsWith('.lock'))).toEqual([lock.slice(home.length + 1)])
  })
  it('a link that leads nowhere is not followed to a new file', async () => {
    symlinkSync(join(home, 'gone'), join(home, 'link'))
    const { code, stderr } = await pamctl(['--merge', join(home, 'link')])
    expect(code).toBe(2)
    expect(stderr).toContain('a link leads nowhere')
    expect(readdirSync(home).filter((name) => /lock|gone/.test(name))).toEqual([])
  })
})
