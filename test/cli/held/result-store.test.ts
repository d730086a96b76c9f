import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ResultStore, type KeptResult } from '../../../src/cli/held/result-store.ts'

const root = mkdtempSync(join(tmpdir(), 'pamctl-results-'))
afterAll(() => rmSync(root, { recursive: true }))

const NOW = Date.UTC(2026, 0, 5, 12)
const id = (n: number): string => `apr_${String(n).padStart(13, '0')}`
const kept = (n: number, more: Partial<KeptResult> = {}): KeptResult => ({
  version: 1,
  id: id(n),
  target: 'prod-db',
  gateway: 'https://pam.example.com',
  person: 'x|jane',
  grant: { id: 'grt_1', endsAt: new Date(NOW + 60_000).toISOString() },
  startedAt: new Date(NOW + n).toISOString(),
  pid: 1,
  state: 'done',
  waitsFor: id(n),
  approvers: ['sre'],
  results: [{ columns: [], rows: [], hasMore: false }],
  ...more,
})
const fresh = (now = () => NOW): { store: ResultStore; files: string } => {
  const home = mkdtempSync(join(root, 'home-'))
  return { store: new ResultStore(home, now), files: join(home, 'results') }
}

describe('stored results', () => {
  it('stay removed: a person who signed out left nothing', () => {
    const { store } = fresh()
    store.save(kept(1, { state: 'running' }))
    store.update(kept(1))
    expect(store.read(id(1))?.state).toBe('done')
    store.removeOf('https://pam.example.com')
    store.update(kept(1))
    expect(store.list()).toEqual([])
  })

  it('are read as they were saved, by nobody else', () => {
    const { store, files } = fresh()
    store.save(kept(1))
    expect(store.read(id(1))).toEqual(kept(1))
    expect([files, join(files, id(1))].map((file) => statSync(file).mode & 0o777)).toEqual([0o700, 0o600])
    store.remove(id(1))
    expect(store.read(id(1))).toBeUndefined()
  })

  it('are followed until the result is there', async () => {
    const { store } = fresh()
    store.save(kept(1, { state: 'held' }))
    const states: (string | undefined)[] = []
    const following = store.follow(
      id(1),
      () => {
        states.push(store.read(id(1))?.state)
        return states.at(-1) === 'done'
      },
      new AbortController().signal,
    )
    store.save(kept(1))
    await following
    expect([states[0], states.at(-1)]).toEqual(['held', 'done'])
    await store.follow(id(1), () => false, AbortSignal.abort())
  })

  it('lose their rows with the grant, and are deleted a day later', () => {
    let now = NOW
    const { store, files } = fresh(() => now)
    const output = { exitCode: 0, stdout: 'YQ==', stderr: '', truncated: false }
    store.save(kept(1, { output }))
    now += 60_000
    expect(store.list()).toEqual([{ ...kept(1), results: undefined }])
    expect(readFileSync(join(files, id(1)), 'utf8')).not.toMatch(/results|output/)
    now += 24 * 60 * 60_000
    expect(store.list()).toEqual([])
    expect(readdirSync(files)).toEqual([])
  })

  it('are limited in number', () => {
    const { store } = fresh()
    for (let n = 0; n < 50; n++) {
      store.needRoom()
      store.save(kept(n))
    }
    expect(() => store.needRoom()).toThrow('50 results are kept already')
    store.removeOf('https://other.example.com')
    expect(store.list()).toHaveLength(50)
    store.removeOf('https://pam.example.com')
    expect(store.list()).toEqual([])
  })

  it.each(['../settings.json', 'req_0000000000000', '', 'apr_/../../x'])('no file is called %j', (name) => {
    const { store, files } = fresh()
    store.save(kept(1))
    writeFileSync(join(files, '..', 'settings.json'), JSON.stringify(kept(1)))
    expect(store.read(name)).toBeUndefined()
    store.remove(name)
    expect(readdirSync(join(files, '..')).toSorted()).toEqual(['results', 'settings.json'])
  })

  it.each(['', '{}', 'null', '{"version":1}', JSON.stringify(kept(2)), JSON.stringify({ ...kept(1), grant: null })])(
    'a file with %j is none, and is removed',
    (text) => {
      const { store, files } = fresh()
      store.save(kept(1))
      writeFileSync(join(files, id(1)), text)
      expect([store.read(id(1)), store.list(), readdirSync(files)]).toEqual([undefined, [], []])
    },
  )
})
