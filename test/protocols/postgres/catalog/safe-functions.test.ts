import { expect, it } from 'vitest'
import { safeFunctionsIn } from '../../../../src/protocols/postgres/catalog/safe-functions.ts'

const [REVIEWED, OTHER] = ['a'.repeat(64), 'b'.repeat(64)]
const user = (name: string, digest = REVIEWED, settled: string | null = 't') => [
  name,
  'user',
  'app',
  digest,
  '20000',
  settled,
]

it.each<[string, (string | null)[][], string[], string | undefined]>([
  ['as it was reviewed', [user('f')], [`app.f@sha256:${REVIEWED}`], undefined],
  [
    'of two that were reviewed',
    [user('f'), user('f', OTHER)],
    [REVIEWED, OTHER].map((digest) => `app.f@sha256:${digest}`),
    undefined,
  ],
  [
    'of another definition',
    [user('f', OTHER)],
    [`app.f@sha256:${REVIEWED}`],
    `is not what safeFunctions lists: its digest is sha256:${OTHER}`,
  ],
  [
    'with another of its name',
    [user('f'), user('f', OTHER)],
    [`app.f@sha256:${REVIEWED}`],
    'is not what safeFunctions lists',
  ],
  [
    'with another of its name before it',
    [user('f', OTHER), user('f')],
    [`app.f@sha256:${REVIEWED}`],
    'is not what safeFunctions lists',
  ],
  ['listed by its name alone', [user('f')], ['app.f'], `without the digest of its definition, sha256:${REVIEWED}`],
  [
    'that finds what it names in the path of the session',
    [user('f', REVIEWED, null)],
    [`app.f@sha256:${REVIEWED}`],
    'sets no search_path',
  ],
  ['that is not there', [user('g')], [`app.f@sha256:${REVIEWED}`], 'is no function here'],
])('a function %s', (_what, functions, declared, why) => {
  const { trusted, distrusted } = safeFunctionsIn(functions, declared)
  expect([...trusted]).toEqual(why === undefined ? ['app.f'] : [])
  if (why === undefined) expect(distrusted.size).toBe(0)
  else expect(distrusted.get('app.f')).toContain(why)
})

it('of the system’s own, the name is enough, unless what it does reaches further', () => {
  const functions = [['pg_logfile', 'volatile', null]]
  expect([...safeFunctionsIn(functions, ['pg_catalog.pg_logfile', 'pg_catalog.pg_read_file']).trusted]).toEqual([
    'pg_catalog.pg_logfile',
  ])
})
