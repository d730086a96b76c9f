import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NameTaken, Retained, type Home } from '../../src/recording/homes/home.ts'
import { s3Home, type S3Options } from '../../src/recording/homes/s3.ts'
import { startVersitygw, VERSITYGW, type VersityServer } from '../helpers/versitygw.ts'

describe.skipIf(!VERSITYGW)('an S3 home at a real server', () => {
  let directory: string
  let server: VersityServer
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    server = await startVersitygw()
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const homeAt = (endpoint: string, options: Partial<S3Options> = {}): Home =>
    s3Home({
      endpoint,
      region: 'us-east-1',
      prefix: 'pam/',
      credentials: () => server.credentials,
      serverSideEncryption: undefined,
      objectLock: undefined,
      timeout: 60_000,
      ...options,
    })
  function file(bytes: Buffer): [path: string, digest: string] {
    const path = join(directory, 'file')
    writeFileSync(path, bytes)
    return [path, createHash('sha256').update(bytes).digest('hex')]
  }
  const contentOf = async (home: Home, name: string): Promise<Buffer> =>
    buffer((await home.read(name)) ?? Readable.from([]))
  const lock = (mode: string, seconds: number) => ({ objectLock: { mode, for: seconds * 1000 } })

  it.each(['plain', 'versions', 'lock'] as const)(
    '%s: keeps, never writes over, removes for good',
    async (kind) => {
      const endpoint = await server.bucket(`kept-${kind}`, kind)
      const home = homeAt(endpoint)
      const [small, large] = [randomBytes(1000), randomBytes(40 * 1024 * 1024)]
      for (const [name, bytes] of [
        ['2026-11/a.pamrec', small],
        ['2026-11/b.pamrec', large],
      ] as const) {
        await home.put(name, ...file(bytes))
        await home.put(name, ...file(bytes))
        await expect(home.put(name, ...file(Buffer.from('other')))).rejects.toThrow(NameTaken)
        expect((await contentOf(home, name)).equals(bytes)).toBe(true)
        expect(await home.retention(name)).toBeUndefined()
      }
      // A name that begins the same is another object.
      await home.put('2026-11/a.pamrec2', ...file(small))
      for (const name of ['2026-11/a.pamrec', '2026-11/b.pamrec', '2026-11/a.pamrec', 'never/there']) {
        await home.remove(name)
        expect(await home.read(name)).toBeUndefined()
      }
      expect((await contentOf(home, '2026-11/a.pamrec2')).equals(small)).toBe(true)
      if (kind === 'plain') return
      const versions = await server.client(endpoint).listObjectVersions('pam/2026-11/a.pamrec')
      expect(versions).toEqual([])
    },
    120_000,
  )

  it('older versions and delete markers of others go, too', async () => {
    const endpoint = await server.bucket('older', 'versions')
    const home = homeAt(endpoint)
    const s3 = server.client(endpoint)
    await s3.putObject('pam/x', 'first')
    await s3.putObject('pam/x', 'second')
    await s3.deleteObject('pam/x')
    expect(await s3.listObjectVersions('pam/x')).toHaveLength(3)
    await home.remove('x')
    expect(await s3.listObjectVersions('pam/x')).toEqual([])
  })

  it.each(['COMPLIANCE', 'GOVERNANCE'])(
    'under a lock (%s) it stays, readable, and says until when; afterwards it goes',
    async (mode) => {
      const endpoint = await server.bucket(`locked-${mode.toLowerCase()}`, 'lock')
      const home = homeAt(endpoint, lock(mode, 86_400))
      const before = Date.now()
      await home.put('x', ...file(Buffer.from('one')))
      const retention = await home.retention('x')
      expect(Date.parse(retention?.until ?? '') - before).toBeGreaterThan(86_000_000)
      const error = await home.remove('x').catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(Retained)
      expect((error as Retained).retention).toEqual(retention)
      expect((await contentOf(home, 'x')).toString()).toBe('one')
      const shortly = homeAt(endpoint, lock(mode, 2))
      await shortly.put('y', ...file(Buffer.from('two')))
      await expect.poll(() => home.retention('y')).toBeUndefined()
      await home.remove('y')
      expect(await home.read('y')).toBeUndefined()
    },
    120_000,
  )

  it('what another gateway, or nobody, may read is named', async () => {
    const endpoint = await server.bucket('secrets', 'plain')
    const stranger = homeAt(endpoint, { credentials: () => ({ accessKeyId: 'AKOTHER', secretAccessKey: 'x' }) })
    for (const call of [() => stranger.remove('x'), () => stranger.retention('x')])
      await expect(call()).rejects.toThrow(/^the storage answers 40\d/)
    const nowhere = homeAt('http://127.0.0.1:1/records')
    await expect(nowhere.remove('x')).rejects.toThrow('cannot be reached')
  })
})
