import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { completion } from '../../../src/cli/commands/completion.ts'
import { connect } from '../../../src/cli/commands/connect.ts'
import { logout } from '../../../src/cli/commands/identity.ts'
import { replay } from '../../../src/cli/commands/replay.ts'
import { withdraw } from '../../../src/cli/commands/requests.ts'
import { approve } from '../../../src/cli/commands/reviews.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb, type World } from '../../helpers/verb.ts'

let home: string
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'pamctl-completion-'))))
afterEach(() => rmSync(home, { recursive: true }))

const VERBS = [completion, connect, withdraw, approve, replay, logout]
const complete = async (world: World, ...words: string[]) => {
  const { code, stdout, stderr, calls } = await runVerb(VERBS, ['complete', '--', ...words], { home, ...world })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return { lines: stdout.split('\n').slice(0, -1), calls }
}
const targets = (...names: string[]): World => ({
  agent: { logout: { gateway: 'https://g' } },
  gateway: { 'GET /v1/targets': { items: names.map((name) => ({ name, type: 'postgres' })) } },
})

describe('pamctl completion', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints the script of %s', async (shell) => {
    const { code, stdout } = await runVerb(VERBS, ['completion', shell])
    expect([code, stdout.includes('pamctl')]).toEqual([0, true])
  })

  it('offers the targets of the gateway', async () => {
    const { lines } = await complete(targets('prod-db', 'dev-db'), 'connect', 'pr')
    expect(lines).toEqual(['prod-db\tpostgres'])
  })

  it('offers no name that a shell could read as more than a word', async () => {
    const hostile = [
      '$(touch x)', '`touch x`', 'a;b', 'a b', "a'b", 'a"b', 'a\nb', 'a\tb', '~root', '*', 'a|b', 'a&b', '>x', 'a\\b',
      '-rf', '--x=$(touch x)', '{a,b}', 'a#b', '!x', '%x', '@x', '=ls', '', 'é', ':files',
    ] // prettier-ignore
    const { lines } = await complete(targets(...hostile, 'good-1.db_2'), 'connect', '')
    expect(lines).toEqual(['good-1.db_2\tpostgres'])
  })

  it('shows descriptions as one line without control characters', async () => {
    const world = targets()
    const items = [{ name: 'db', type: 'a\n:files\u001b[31m' }]
    const { lines } = await complete({ ...world, gateway: { 'GET /v1/targets': { items } } }, 'connect', '')
    expect(lines).toEqual(['db\ta :files\\u{1b}[31m'])
  })

  it('prints nothing when the gateway does not answer, and offers the names it has cached', async () => {
    expect((await complete({}, 'connect', '')).lines).toEqual([])
    const away: World = { agent: {}, gateway: { 'GET /v1/targets': new PamError('NOT_SIGNED_IN', 'no') } }
    expect((await complete(away, 'connect', '')).lines).toEqual([])
    await complete(targets('prod-db'), 'connect', '')
    const { lines, calls } = await complete(away, 'connect', '')
    // Asked a moment ago: nobody is asked again.
    expect([lines, calls]).toEqual([['prod-db\tpostgres'], []])
    const cache = join(home, 'completions.json')
    const { at, ...rest } = JSON.parse(readFileSync(cache, 'utf8')) as { at: number }
    writeFileSync(cache, JSON.stringify({ ...rest, at: at - 60_000 }))
    const later = await complete(away, 'connect', '')
    expect([later.lines, later.calls.length]).toEqual([['prod-db\tpostgres'], 1])
    expect((await complete({ options: { profile: 'other' } }, 'connect', '')).lines).toEqual([])
    writeFileSync(cache, '{"targets":')
    expect((await complete({}, 'connect', '')).lines).toEqual([])
  })

  it('clears its cache when somebody signs out', async () => {
    await complete(targets('prod-db'), 'connect', '')
    expect(existsSync(join(home, 'completions.json'))).toBe(true)
    expect((await runVerb(VERBS, ['logout'], { home, ...targets() })).code).toBe(0)
    expect(existsSync(join(home, 'completions.json'))).toBe(false)
  })

  it('offers pending reviews, and sessions', async () => {
    const createdAt = ago(2)
    const world: World = {
      agent: {},
      gateway: {
        'GET /v1/requests': {
          items: [
            { id: 'req_1', target: 'prod', state: 'pending', createdAt },
            { id: 'req_2', target: 'prod', state: 'denied', createdAt },
          ],
        },
        'GET /v1/reviews': { items: [{ id: 'apr_1', requester: { label: 'jane' }, target: 'prod' }] },
        'GET /v1/sessions': {
          items: [{ id: 'ses_1', person: { label: 'jane' }, target: 'prod', openedAt: createdAt }],
        },
      },
    }
    expect((await complete(world, 'withdraw', '')).lines).toEqual(['req_1\tprod, 2m ago'])
    expect((await complete(world, 'approve', 'apr')).lines).toEqual(['apr_1\tjane on prod'])
    expect((await complete(world, 'replay', '')).lines).toEqual(['ses_1\tjane on prod, 2m ago', ':files'])
  })

  it('says that a word is complete to shells that drop empty ones', async () => {
    const { stdout } = await runVerb(VERBS, ['complete', '--new-word', '--', 'connect'], {
      home,
      ...targets('prod-db'),
    })
    expect(stdout).toBe('prod-db\tpostgres\n')
  })
})
