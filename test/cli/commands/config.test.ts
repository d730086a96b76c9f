import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { config } from '../../../src/cli/commands/config.ts'
import { runVerb, type VerbOutcome } from '../../helpers/verb.ts'

let home: string
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'pamctl-home-'))))
afterEach(() => rmSync(home, { recursive: true }))
const file = (): string => join(home, 'settings.json')
const pamctl = (args: readonly string[], environment = {}): Promise<VerbOutcome> =>
  runVerb([config], ['config', ...args], { home, environment })

describe('pamctl config', () => {
  it('stores settings for their owner alone, and removes them', async () => {
    expect(await pamctl(['set', 'profile', 'work'])).toMatchObject({ code: 0, stdout: '' })
    expect(await pamctl(['set', 'gateway', 'https://G.example/'])).toMatchObject({ code: 0 })
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ profile: 'work', gateway: 'https://g.example' })
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    expect((await pamctl(['get', 'profile'])).stdout).toBe('work\n')
    expect((await pamctl(['get', 'profile', '--json'])).stdout).toBe('"work"\n')
    await pamctl(['unset', 'profile'])
    expect(await pamctl(['get', 'profile'])).toMatchObject({ code: 1, stdout: '', stderr: 'profile is not set\n' })
    expect(await pamctl(['get', 'profile', '--json'])).toMatchObject({ code: 1, stdout: 'null\n' })
  })

  it.each([
    [['set', 'colour', 'red'], 'expected auto, always or never for colour'],
    [['set', 'gateway', 'foo'], 'gateway "foo" is not a URL'],
    [['set', 'editor', 'no-such-editor --wait'], 'there is no program "no-such-editor" on your PATH'],
    [['set', 'profile', 'with space'], 'expected a name without spaces for profile'],
    [['set', 'gatway', 'x'], 'there is no setting "gatway"'],
    [['get', 'toString'], 'there is no setting "toString"'],
    [['unset', 'x'], 'there is no setting "x"'],
    [['set', 'editor', 'a\nb'], 'expected one line of text for editor'],
  ])('%j changes nothing', async (args, message) => {
    const { code, stderr } = await pamctl(args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(() => statSync(file())).toThrow()
  })

  it('prints as JSON what it changed', async () => {
    const said = async (...args: string[]): Promise<unknown> => JSON.parse((await pamctl([...args, '--json'])).stdout)
    expect(await said('set', 'gateway', 'https://G.example/')).toEqual({ key: 'gateway', value: 'https://g.example' })
    expect(await said('unset', 'gateway')).toEqual({ key: 'gateway', value: null })
    expect(await said('path')).toEqual({ path: file() })
  })

  it('lists the effective settings, and their sources', async () => {
    writeFileSync(file(), '{"gateway":"https://g.example","colour":"never"}')
    const { stdout } = await pamctl(['list', '--json'], { EDITOR: 'ed', VISUAL: '', PAMCTL_PROFILE: 'p' })
    expect(JSON.parse(stdout)).toEqual([
      { key: 'gateway', value: 'https://g.example', from: 'settings' },
      { key: 'profile', value: 'p', from: 'PAMCTL_PROFILE' },
      { key: 'editor', value: 'ed', from: 'EDITOR' },
      { key: 'colour', value: 'never', from: 'settings' },
    ])
    rmSync(file())
    const rows = (await pamctl(['list'])).stdout.split('\n').map((line) => line.split('\t').slice(0, 3))
    expect(rows.slice(0, 3)).toEqual([
      ['gateway', '', 'not set'],
      ['profile', '', 'not set'],
      ['editor', 'vi', 'default'],
    ])
  })

  it.each([
    [{ NO_COLOR: '1' }, 'colour\tnever\tNO_COLOR'],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, 'colour\tnever\tNO_COLOR'],
    [{ FORCE_COLOR: '1' }, 'colour\talways\tFORCE_COLOR'],
    [{ FORCE_COLOR: '0' }, 'colour\tnever\tFORCE_COLOR'],
  ])('says what %j means for colour', async (environment, row) => {
    expect((await pamctl(['list'], environment)).stdout).toContain(row)
  })

  it('never overwrites a file that it cannot parse, and still prints its path', async () => {
    writeFileSync(file(), '{"later":"x"}')
    expect(await pamctl(['set', 'profile', 'work'])).toMatchObject({ code: 2 })
    expect(readFileSync(file(), 'utf8')).toBe('{"later":"x"}')
    expect((await pamctl(['path'])).stdout).toBe(`${file()}\n`)
  })
})
