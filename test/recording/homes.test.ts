import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
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
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { directoryHome } from '../../src/recording/homes/directory.ts'
import { NameTaken, NotAsSealed, type Home } from '../../src/recording/homes/home.ts'
import { s3Home, type S3Options } from '../../src/recording/homes/s3.ts'
import { Transfer, type NewlySealed, type SealedFile, type TransferState } from '../../src/recording/transfer.ts'
import { startS3Server, type S3Server } from '../helpers/s3-server.ts'

let directory: string
let server: S3Server
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  server = await startS3Server()
})
afterEach(async () => {
  await server.close()
  rmSync(directory, { recursive: true, force: true })
})

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
function file(name: string, bytes: Buffer): [path: string, digest: string] {
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return [path, sha256(bytes)]
}
const contentOf = async (home: Home, name: string): Promise<Buffer> =>
  buffer((await home.read(name)) ?? Readable.from([]))
const s3 = (options: Partial<S3Options> = {}): Home =>
  s3Home({
    endpoint: server.endpoint,
    region: 'auto',
    prefix: 'pam/',
    credentials: () => server.credentials,
    serverSideEncryption: undefined,
    objectLock: undefined,
    timeout: 60_000,
    ...options,
  })

describe.each<[string, () => Home]>([
  ['directory', () => directoryHome(join(directory, 'home'))],
  ['s3', () => s3()],
])('home: %s', (_kind, open) => {
  it('keeps a file as it is, and gives it back', async () => {
    const home = open()
    const bytes = randomBytes(100_000)
    await home.put('2026-11/ses_1.pamrec', ...file('a', bytes))
    expect(sha256(await contentOf(home, '2026-11/ses_1.pamrec'))).toBe(sha256(bytes))
  })

  it('the same again is no mistake; another content never replaces it', async () => {
    const home = open()
    await home.put('x', ...file('a', Buffer.from('one')))
    await home.put('x', ...file('a', Buffer.from('one')))
    await expect(home.put('x', ...file('b', Buffer.from('two')))).rejects.toThrow(NameTaken)
    expect((await contentOf(home, 'x')).toString()).toBe('one')
  })

  it('a name that leads back to the spool is not a second one', async () => {
    const [path, digest] = file('ses_1.pamrec', Buffer.from('one'))
    mkdirSync(join(directory, 'linked'))
    symlinkSync(path, join(directory, 'linked', 'ses_1.pamrec'))
    symlinkSync(directory, join(directory, 'whole'))
    for (const where of ['.', 'linked', 'whole'])
      await expect(directoryHome(join(directory, where)).put('ses_1.pamrec', path, digest)).rejects.toThrow(NameTaken)
    // Its own, from an earlier try, is.
    const home = directoryHome(join(directory, 'good'))
    for (let n = 0; n < 2; n++) await home.put('ses_1.pamrec', path, digest)
  })

  it('a file that is not what was sealed is not taken', async () => {
    const [path] = file('a', Buffer.from('changed'))
    await expect(open().put('x', path, sha256(Buffer.from('sealed')))).rejects.toThrow(NotAsSealed)
    expect(await open().read('x')).toBeUndefined()
  })

  it('removes, also what is not there', async () => {
    const home = open()
    await home.put('x', ...file('a', Buffer.from('one')))
    await home.remove('x')
    await home.remove('x')
    expect(await home.read('x')).toBeUndefined()
  })
})

describe('directory', () => {
  /** Linux has a file system in memory: a disk of its own, on which a run may have its temporary files. */
  const another = ['/dev/shm', '/tmp'].find((path) => existsSync(path) && statSync(path).dev !== statSync(tmpdir()).dev)

  it.runIf(another !== undefined)('on another disk than the file it is a copy', async () => {
    const elsewhere = mkdtempSync(join(another ?? '', 'pamctl-test-'))
    try {
      const home = directoryHome(join(elsewhere, 'home'))
      const bytes = randomBytes(100_000)
      const [path, digest] = file('a', bytes)
      await home.put('x', path, digest)
      await home.put('x', path, digest)
      await expect(home.put('x', ...file('b', Buffer.from('two')))).rejects.toThrow(NameTaken)
      await expect(home.put('y', path, sha256(Buffer.from('sealed')))).rejects.toThrow(NotAsSealed)
      writeFileSync(path, 'written over')
      expect(sha256(await contentOf(home, 'x'))).toBe(sha256(bytes))
      expect(readdirSync(join(elsewhere, 'home'))).toEqual(['x'])
    } finally {
      rmSync(elsewhere, { recursive: true, force: true })
    }
  })

  it('on the same disk nothing is copied', async () => {
    const [path, digest] = file('a', Buffer.from('one'))
    await directoryHome(join(directory, 'home')).put('x', path, digest)
    expect(statSync(join(directory, 'home', 'x')).ino).toBe(statSync(path).ino)
    expect(readdirSync(join(directory, 'home'))).toEqual(['x'])
  })
})

describe('s3', () => {
  it('asks for encryption and object lock, and sends the content’s digest', async () => {
    const home = s3({
      serverSideEncryption: { algorithm: 'aws:kms', keyId: 'key-1' },
      objectLock: { mode: 'COMPLIANCE', for: 86_400_000 },
    })
    await home.put('x', ...file('a', Buffer.from('one')))
    expect(server.objects.get('pam/x')?.headers).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-checksum-sha256': createHash('sha256').update('one').digest('base64'),
      'if-none-match': '*',
    })
    await expect(home.remove('x')).rejects.toThrow(/^the home keeps it under object lock until \d{4}-/)
    expect((await contentOf(home, 'x')).toString()).toBe('one')
  })

  it('large files go up in parts', async () => {
    const bytes = randomBytes(2 * 16 * 1024 * 1024 + 1)
    await s3().put('x', ...file('a', bytes))
    expect(server.log.filter((line) => line.startsWith('PUT')).length).toBe(3)
    expect(sha256(server.objects.get('pam/x')?.body ?? Buffer.alloc(0))).toBe(sha256(bytes))
    await expect(s3().put('x', ...file('b', randomBytes(17 * 1024 * 1024)))).rejects.toThrow(NameTaken)
  })

  it.each<[S3Server['behaviour'], RegExp]>([
    ['forbidden', /answers 403 AccessDenied/],
    ['broken', /answers 500 InternalError/],
    ['slow', /does not answer in time/],
    ['cut', /cannot be reached/],
  ])('%s: says so, without secrets', async (behaviour, message) => {
    server.behaviour = behaviour
    const failure = s3(behaviour === 'slow' ? { timeout: 500 } : {}).put('x', ...file('a', Buffer.from('one')))
    await expect(failure).rejects.toThrow(message)
    await expect(failure).rejects.not.toThrow(/secret-of/)
  })

  it('a wrong key is refused by the storage', async () => {
    const home = s3({ credentials: () => ({ accessKeyId: 'AKTEST', secretAccessKey: 'guessed' }) })
    await expect(home.put('x', ...file('a', Buffer.from('one')))).rejects.toThrow('403 SignatureDoesNotMatch')
  })
})

describe('transfer', () => {
  it('a home that fails loses nothing: it is said once, tried again, and catches up by itself', async () => {
    const spool = join(directory, 'spool')
    mkdirSync(spool)
    const waiting: SealedFile[] = ['ses_1', 'ses_2', 'ses_3'].map((session) => {
      const bytes = randomBytes(1000)
      writeFileSync(join(spool, `${session}.pamrec`), bytes)
      return { session, file: `${session}.pamrec`, bytes: 1000, sha256: sha256(bytes) }
    })
    writeFileSync(join(spool, 'ses_1.pamapart'), 'a text')
    writeFileSync(join(spool, 'ses_2.pamrec'), 'changed behind our back')
    const said: string[] = []
    const state: TransferState = {
      sealedRecordings: () => Promise.resolve([...waiting]),
      sealed: () => Promise.reject(new Error('nothing is sealed here')),
      stored(session) {
        waiting.splice(0, Infinity, ...waiting.filter((one) => one.session !== session))
        return Promise.resolve()
      },
      damaged(session, problem) {
        said.push(`${session} ${problem}`)
        return state.stored(session, '')
      },
      homeChanged(_home, problem) {
        said.push(problem ?? 'back')
        return Promise.resolve()
      },
    }
    let left = 0
    server.behaviour = 'forbidden'
    const transfer = new Transfer({
      directory: spool,
      home: s3(),
      state,
      onStored: (bytes) => (left += bytes),
      logger: { warn() {}, info() {} },
    })
    transfer.kick()
    await expect.poll(() => transfer.problem).toBe('the storage answers 403 AccessDenied')
    // The one that is not what was sealed needs no home to be told apart.
    expect(transfer.waiting).toBe(2)
    server.behaviour = 'broken'
    // Both of them: one that is taken while the other fails is a home that is back, and fails again.
    const isRefused = (name: string): boolean =>
      server.log.some((line) => line.includes(`${name}.pamrec`) && line.endsWith('500'))
    await expect.poll(() => ['ses_1', 'ses_3'].every(isRefused)).toBe(true)
    expect(existsSync(join(spool, 'ses_1.pamrec'))).toBe(true)
    server.behaviour = 'well'
    await expect.poll(() => waiting.length).toBe(0)
    await transfer.stop()
    expect([...server.objects.keys()].toSorted()).toEqual([
      'pam/ses_1.pamapart',
      'pam/ses_1.pamrec',
      'pam/ses_3.pamrec',
    ])
    expect(said.toSorted()).toEqual(['back', 'ses_2 is not what was sealed', 'the storage answers 403 AccessDenied'])
    expect(left).toBe(2000)
    expect(existsSync(join(spool, 'ses_1.pamrec'))).toBe(false)
    expect(readFileSync(join(spool, 'ses_2.pamrec'), 'utf8')).toBe('changed behind our back')
    expect(statSync(spool).isDirectory()).toBe(true)
  })

  /** A transfer of a spool, with what the store was told and what it has of what waits. */
  function moving(home: Home, fails: (records: readonly NewlySealed[]) => boolean = () => false) {
    const spool = join(directory, 'spool')
    mkdirSync(spool, { recursive: true })
    const waiting = new Map<string, SealedFile>()
    const told: string[][] = []
    const transfer = new Transfer({
      directory: spool,
      home,
      state: {
        sealedRecordings: () => Promise.resolve([...waiting.values()]),
        async sealed(records) {
          // What is said to be there is there, and the spool keeps it until that is said.
          for (const { file: name, home: has } of records)
            if (has !== undefined && !existsSync(join(directory, 'home', name))) throw new Error(`${name} is not there`)
          if (!records.every(({ file: name }) => existsSync(join(spool, name)))) throw new Error('has left the spool')
          if (fails(records)) throw new Error('the store fails')
          told.push(records.map(({ file: name, home: has }) => `${name} ${has === undefined ? 'sealed' : 'stored'}`))
          for (const { file: name, sealed, home: has } of records)
            if (has === undefined) waiting.set(sealed.session, { ...sealed, file: name })
        },
        async stored(session) {
          told.push([`${session} stored later`])
          waiting.delete(session)
        },
        async damaged(session, problem) {
          told.push([`${session} ${problem}`])
          waiting.delete(session)
        },
        homeChanged: () => Promise.resolve(),
      },
      onStored() {},
      logger: { warn() {}, info() {} },
    })
    /** As the recorder leaves it. */
    const seal = (session: string, content = randomBytes(500)) => {
      const name = `2026-11/${session}.pamrec`
      mkdirSync(join(spool, '2026-11'), { recursive: true })
      writeFileSync(join(spool, name), content)
      const sealed = { session, status: 'sealed', events: 2, segments: 1, hash: '', bytes: 500 } as const
      return transfer.sealed(name, { ...sealed, sha256: sha256(content) })
    }
    const left = (): string[] => readdirSync(join(spool, '2026-11')).toSorted()
    return { spool, transfer, waiting, told, seal, left }
  }

  it('what is sealed at the same time is in a home on the same disk at once, and noted in one change', async () => {
    const { spool, transfer, told, seal, left } = moving(directoryHome(join(directory, 'home')))
    writeFileSync(join(spool, 'nothing'), '')
    mkdirSync(join(spool, '2026-11'))
    writeFileSync(join(spool, '2026-11', 'ses_2.pamapart'), 'a text')
    await Promise.all([seal('ses_1'), seal('ses_2'), seal('ses_3')])
    expect(told).toEqual([['ses_1', 'ses_2', 'ses_3'].map((id) => `2026-11/${id}.pamrec stored`)])
    let isNoted = false
    const last = seal('ses_4').then(() => (isNoted = true))
    await transfer.stop()
    expect(isNoted).toBe(true)
    await last
    expect(left()).toEqual([])
    expect(readdirSync(join(directory, 'home', '2026-11')).toSorted()).toEqual([
      'ses_1.pamrec',
      'ses_2.pamapart',
      'ses_2.pamrec',
      'ses_3.pamrec',
      'ses_4.pamrec',
    ])
  })

  it('what the store did not take stays in the spool, and the next start delivers it', async () => {
    const home = directoryHome(join(directory, 'home'))
    const before = moving(home, () => true)
    const content = randomBytes(500)
    await expect(before.seal('ses_1', content)).rejects.toThrow('the store fails')
    await before.transfer.stop()
    expect(before.left()).toEqual(['ses_1.pamrec'])
    const after = moving(home)
    after.waiting.set('ses_1', {
      session: 'ses_1',
      file: '2026-11/ses_1.pamrec',
      bytes: 500,
      sha256: sha256(content),
    })
    after.transfer.kick()
    await expect.poll(() => after.told).toEqual([['ses_1 stored later']])
    await after.transfer.stop()
    expect(after.left()).toEqual([])
    expect(sha256(await contentOf(home, '2026-11/ses_1.pamrec'))).toBe(sha256(content))
  })

  it('what a home far away, or one that does not take it, has not got is noted as sealed, and moved after that', async () => {
    const far = moving(s3())
    server.behaviour = 'broken'
    await far.seal('ses_1')
    expect(far.told).toEqual([['2026-11/ses_1.pamrec sealed']])
    server.behaviour = 'well'
    await expect.poll(() => far.told.length).toBe(2)
    await far.transfer.stop()
    const near = moving(directoryHome(join(directory, 'home')))
    mkdirSync(join(directory, 'home', '2026-11'), { recursive: true })
    writeFileSync(join(directory, 'home', '2026-11', 'ses_5.pamrec'), 'of somebody else')
    await Promise.all([near.seal('ses_5'), near.seal('ses_6')])
    expect(near.told[0]).toEqual(['2026-11/ses_5.pamrec sealed', '2026-11/ses_6.pamrec stored'])
    await expect.poll(() => near.told[1]?.[0]).toMatch('ses_5 2026-11/ses_5.pamrec is there already')
    await near.transfer.stop()
    expect(near.left()).toEqual(['ses_5.pamrec'])
  })
})
