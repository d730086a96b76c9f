import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { agent } from '../../../src/cli/commands/agent.ts'
import { audit } from '../../../src/cli/commands/audit.ts'
import { breakglass } from '../../../src/cli/commands/breakglass.ts'
import { config } from '../../../src/cli/commands/config.ts'
import { grants } from '../../../src/cli/commands/grants.ts'
import { locks } from '../../../src/cli/commands/locks.ts'
import { passkeys } from '../../../src/cli/commands/passkeys.ts'
import { requests } from '../../../src/cli/commands/requests.ts'
import { result } from '../../../src/cli/commands/result.ts'
import { reviews } from '../../../src/cli/commands/reviews.ts'
import { search } from '../../../src/cli/commands/search.ts'
import { sessions } from '../../../src/cli/commands/sessions.ts'
import { targets } from '../../../src/cli/commands/targets.ts'
import type { AddCommand } from '../../../src/cli/command.ts'
import { createIo } from '../../../src/cli/output/io.ts'
import { ResultStore } from '../../../src/cli/held/result-store.ts'
import { clip, fitTable } from '../../../src/cli/output/table.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { ago, runVerb, type World } from '../../helpers/verb.ts'

const REASON = '注文が止まっている: stuck orders since the release of this morning, INC-4711'
const person = { id: 'sub|jane', kind: 'person', label: 'jane.appleseed@example.com', groups: ['engineering'] }
const target = 'production-orders-database'
const listed = (path: string, item: object, more: object = {}): World => ({
  gateway: { [`GET ${path}`]: { items: [item], people: {}, subjects: {}, ...more } },
})

/** Every verb that lists, with one row of what is long. */
const LISTS: Readonly<Record<string, readonly [AddCommand, readonly string[], World, name: string]>> = {
  targets: [
    targets,
    [],
    {
      gateway: {
        'GET /v1/targets': {
          items: [
            {
              name: target,
              type: 'postgres',
              labels: { env: 'prod', team: 'orders', region: 'eu-central-1' },
              access: 'on request, up to 1h, approved by sre or dba',
            },
          ],
        },
        'GET /v1/grants': { items: [{ id: 'grt_1', target, state: 'active', endsAt: '2026-01-05T13:00:00.000Z' }] },
        'GET /v1/sessions': { items: [] },
        'GET /v1/whoami': { person },
      },
      agent: { status: { version: VERSION, pid: 1, listeners: [] } },
    },
    target,
  ],
  requests: [
    requests,
    [],
    listed('/v1/requests', {
      id: 'req_2nj8kxp4vqab',
      requester: person,
      target,
      lengthMs: 1_800_000,
      createdAt: ago(5),
      status: 'waiting for sre or dba; expires in 55m',
      reason: REASON,
    }),
    'req_2nj8kxp4vqab',
  ],
  grants: [
    grants,
    [],
    listed('/v1/grants', { id: 'grt_7c1m9tz0bwab', person, target, state: 'active', endsAt: ago(-20), reason: REASON }),
    'grt_7c1m9tz0bwab',
  ],
  breakglass: [
    breakglass,
    ['list'],
    listed('/v1/break-glass', {
      id: 'brk_5h2d8sfy6kab',
      person,
      target,
      state: 'in use',
      createdAt: ago(3),
      endsAt: ago(-20),
      reason: REASON,
    }),
    'brk_5h2d8sfy6kab',
  ],
  reviews: [
    reviews,
    [],
    listed('/v1/reviews', {
      id: 'apr_9w3r6gq1xeab',
      kind: 'command',
      requester: person,
      target,
      createdAt: ago(2),
      text: `delete from orders where status = '${REASON}'`,
    }),
    'apr_9w3r6gq1xeab',
  ],
  passkeys: [
    passkeys,
    ['list'],
    listed('/v1/passkeys', { id: 'psk_4b7n2vhs8jab', name: REASON, createdAt: ago(5000), lastUsedAt: ago(3) }),
    'psk_4b7n2vhs8jab',
  ],
  locks: [
    locks,
    [],
    listed('/v1/locks', {
      id: 'lck_4b7n2vhs8jab',
      what: 'all targets with env=production',
      state: 'active',
      by: person.label,
      createdAt: ago(9),
      reason: REASON,
    }),
    'lck_4b7n2vhs8jab',
  ],
  sessions: [
    sessions,
    [],
    listed('/v1/sessions', {
      id: 'ses_3f8yq1m5cdab',
      person,
      target,
      openedAt: ago(80),
      commands: 12,
      ended: { at: ago(60), message: 'the client closed the connection' },
    }),
    'ses_3f8yq1m5cdab',
  ],
  search: [
    search,
    ['orders'],
    {
      gateway: {
        'GET /v1/search': `${JSON.stringify({ type: 'command', session: 'ses_3f8yq1m5cdab', at: ago(5), person: person.label, target, verdict: 'allow', text: `select * from orders -- ${REASON}` })}\n`,
      },
    },
    'ses_3f8yq1m5cdab',
  ],
  audit: [
    audit,
    [],
    listed(
      '/v1/audit',
      {
        seq: 4711,
        id: 'aud_1',
        at: ago(5),
        type: 'request.created',
        actor: 'sub|jane',
        subject: 'req_1',
        data: { target, lengthMs: 1_800_000, reason: REASON },
      },
      { people: { 'sub|jane': person.label } },
    ),
    '4711',
  ],
  config: [config, ['list'], {}, 'gateway'],
  agent: [
    agent,
    ['status'],
    {
      agent: {
        status: {
          version: VERSION,
          pid: 1,
          listeners: [
            { gateway: 'https://privileged-access.example.com', person: 'sub|jane', target, port: 20417, tunnels: 3 },
          ],
        },
      },
    },
    target,
  ],
}

describe.each(Object.entries(LISTS))('pamctl %s', (verb, [add, args, world, name]) => {
  it.each([40, 120])('fits %i columns, with whole names', async (columns) => {
    const { stdout, stderr, code } = await runVerb([add], [verb, ...args], { ...world, terminal: true, columns })
    expect([code, stdout === '']).toEqual([0, false])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.filter((line) => stringWidth(line) > columns || line.endsWith(' '))).toEqual([])
    expect(lines[1]).toMatch(new RegExp(`^${name}(?: |$)`))
    // What there is no room for is said.
    const shown = lines[0]?.split(/ {2,}/) ?? []
    expect(shown.length + (/^(.*) left out: /m.exec(stderr)?.[1]?.split(', ').length ?? 0)).toBeGreaterThan(3)
  })

  it('is whole in a pipe', async () => {
    const { stdout } = await runVerb([add], [verb, ...args], world)
    expect(stdout).not.toContain('…')
    expect(stdout.split('\n')[0]?.split('\t')[0]).toBe(name)
  })
})

it.each([40, 120])('pamctl result fits %i columns, with whole ids', async (columns) => {
  const home = mkdtempSync(join(tmpdir(), 'pamctl-table-'))
  new ResultStore(home).save({
    version: 1,
    id: 'apr_9w3r6gq1xeab',
    target,
    gateway: 'https://gateway.example',
    person: person.id,
    grant: { id: 'grt_1', endsAt: new Date(Date.now() + 600_000).toISOString() },
    startedAt: new Date().toISOString(),
    pid: process.pid,
    state: 'running',
    waitsFor: 'apr_9w3r6gq1xeab',
    approvers: ['sre'],
  })
  const { stdout } = await runVerb([result], ['result'], { home, terminal: true, columns })
  rmSync(home, { recursive: true })
  const lines = stdout.trimEnd().split('\n')
  expect([lines.length, lines.filter((line) => stringWidth(line) > columns)]).toEqual([2, []])
  expect(lines[1]).toMatch(/^apr_9w3r6gq1xeab {2}/)
})

it('prints headings in a pipe where that is wanted', async () => {
  let out = ''
  const stream = { write: (text: string) => (out += text) }
  const io = createIo({ stdin: {}, stdout: stream, stderr: stream }, {}, () => 0)
  io.showHeadings()
  await io.table(['a\tb'], { NAME: (row) => row, 'LAST USED': () => '1' })
  expect(out).toBe('NAME\tLAST USED\na b\t1\n')
})

it('clips the least important column first, and leaves columns out last', () => {
  const [headings, row] = [
    ['ID', 'LABELS', 'WHO', 'WHAT'],
    ['req_2nj8kxp4vq', 'env=prod,team=orders', 'jane@example.com', 'drop table'],
  ]
  const shown = (columns: number) => fitTable(headings, [row], columns, { clipFirst: ['LABELS'] })
  expect(shown(66).lines[1]).toBe('req_2nj8kxp4vq  env=prod,team=orders  jane@example.com  drop table')
  expect(shown(56).lines[1]).toBe('req_2nj8kxp4vq  env=prod,…  jane@example.com  drop table')
  expect(shown(50).lines[1]).toBe('req_2nj8kxp4vq  env=pro…  jane@example.…  drop ta…')
  expect(shown(40)).toMatchObject({
    lines: ['ID              WHO             WHAT', 'req_2nj8kxp4vq  jane@example.…  drop ta…'],
    leftOut: ['LABELS'],
  })
  expect(shown(10)).toMatchObject({ lines: ['ID', 'req_2nj8kxp4vq'], leftOut: ['LABELS', 'WHO', 'WHAT'] })
})

it('clips by width, and cuts no character', () => {
  expect(clip('注文が止まっている', 8)).toBe('注文が…')
  expect(clip('注文が止まっている', 7)).toBe('注文が…')
  expect(clip('👩‍👩‍👧‍👦 family', 3)).toBe('👩‍👩‍👧‍👦…')
  expect(clip('fits', 4)).toBe('fits')
})

it('never makes a line wider than the terminal, but for the names of rows', () => {
  const cell = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constantFrom('注文', '👩‍👧', ''))
  const tables = fc.integer({ min: 1, max: 6 }).chain((columns) =>
    fc.record({
      headings: fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }), {
        minLength: columns,
        maxLength: columns,
      }),
      rows: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 4 }),
      width: fc.integer({ min: 8, max: 120 }),
    }),
  )
  fc.assert(
    fc.property(tables, ({ headings, rows, width }) => {
      const { lines, leftOut } = fitTable(headings, rows, width)
      const names = Math.max(...[headings, ...rows].map(([name = '']) => stringWidth(name)))
      expect(lines).toHaveLength(rows.length + 1)
      for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(width, names))
      if (leftOut.length > 0) expect(headings.slice(1)).toEqual(expect.arrayContaining([...leftOut]))
    }),
    { numRuns: 100 },
  )
})
