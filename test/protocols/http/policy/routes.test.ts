import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checkRoute, matchesRoute } from '../../../../src/protocols/http/policy/routes.ts'
import { readTarget } from '../../../../src/protocols/http/request/read-target.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const segmentsOf = (path: string): readonly string[] => {
  const read = readTarget(path, { encodedSlashes: true })
  if ('failure' in read) throw new Error(`${path}: ${read.failure}`)
  return read.segments
}

it.each([
  '/',
  '/a',
  '/a/',
  '/api/orders/{id}',
  '/a/*/b',
  '/admin/**',
  '/**',
  '/a b',
  '/é',
  '/{order-id}/x',
  '/users/@me',
  '/jobs/7:cancel',
  '/a+b,c=d&e',
  "/v1/a@b/d'e",
  '/@acme%2Futil',
  '/@acme%2f{name}',
  '/projects/*%2F{name}/**',
])('takes %s', (route) => {
  expect(checkRoute(route)).toBeUndefined()
})

it.each([
  '',
  'a',
  '//a',
  '/a//b',
  '/../a',
  '/a?b',
  '/a#b',
  '/**/a',
  '/a*',
  '/a{id}',
  '/{id',
  '/a%20b',
  '/a;b',
  '/a.',
  '/a\\b',
  '/a%2F',
  '/a%2F**',
  '/a%2Fb{id}',
  '/a%2F..',
  '/a%252Fb',
])('refuses %s, for which there is no request', (route) => {
  expect(checkRoute(route)).toBeTypeOf('string')
})

type Fit = 'exact' | 'loose' | 'none'

it.each<[string, string, Fit]>([
  ['/', '/', 'exact'],
  ['/', '/a', 'none'],
  ['/api/orders/{id}', '/api/orders/7', 'exact'],
  ['/api/orders/{id}', '/api/orders/', 'none'],
  ['/api/orders/{id}', '/api/orders', 'none'],
  ['/api/orders/{id}', '/api/orders/7/', 'loose'],
  ['/api/orders/{id}', '/API/Orders/7', 'loose'],
  ['/api/orders/{id}', '/api/orders/7.json', 'exact'],
  ['/api/orders/{id}', '/api/orders/7/.json', 'loose'],
  ['/api/orders/{id}', '/api/orders/7/items', 'none'],
  ['/api/orders', '/api/orders.json', 'loose'],
  ['/api/orders', '/api/orders.tar.gz', 'loose'],
  ['/api/orders', '/api/orders.a-b', 'loose'],
  ['/api/orders', '/api/ordersx', 'none'],
  ['/api/orders', '/api/orders+', 'loose'],
  ['/api/orders', '/api/%C3%B3rders', 'loose'],
  ['/admin/**', '/admin', 'exact'],
  ['/admin/**', '/admin/', 'exact'],
  ['/admin/**', '/admin/a/b', 'exact'],
  ['/admin/**', '/administration', 'none'],
  ['/admin/**', '/ADMIN/x', 'loose'],
  ['/admin/**', '/adm%C4%B1n/x', 'loose'],
  ['/admin/**', '/admin.php', 'loose'],
  ['/admin/**', '/index.php/admin/x', 'loose'],
  ['/admin/**', '/a/app.cgi/Admin', 'loose'],
  ['/admin/**', '/v1.0/admin', 'none'],
  ['/admin.php', '/admin.php/users', 'loose'],
  ['/admin.php', '/admin.php', 'exact'],
  ['/report.csv', '/report', 'loose'],
  ['/report.csv', '/report.json', 'loose'],
  ['/v1.0', '/v1.5', 'none'],
  ['/', '/index.php', 'loose'],
  ['/**', '/any/thing', 'exact'],
  // What may be the name of a format is a name as well.
  ['/files/{name}', '/files/.env', 'exact'],
  ['/files/{name}', '/index.php/files/.env', 'loose'],
  ['/files/.env', '/files/.ENV', 'loose'],
  ['/files', '/files/.json', 'loose'],
  // An encoded slash is in its segment, and parts segments for some servers.
  ['/{package}', '/@acme%2Futil', 'exact'],
  ['/@acme%2Futil', '/@acme%2futil', 'exact'],
  ['/@acme%2F{name}', '/@acme%2Futil', 'exact'],
  ['/@acme%2F{name}', '/@other%2Futil', 'none'],
  ['/@acme%2F{name}', '/@acme%2Fa%2Fb', 'none'],
  ['/@acme%2F{name}', '/@acme/util', 'loose'],
  ['/@Acme%2F{name}', '/@acme%2Futil/', 'loose'],
  ['/@acme/{name}', '/@acme%2Futil', 'loose'],
  ['/{package}', '/@acme/util', 'none'],
  ['/admin/**', '/admin%2Fusers', 'loose'],
  ['/admin/**', '/ADMIN%2Fusers/x', 'loose'],
  ['/admin/**', '/index.php%2Fadmin', 'loose'],
  ['/admin/**', '/administration%2Fusers', 'none'],
  ['/api/orders/{id}', '/api%2Forders%2F7', 'loose'],
  ['/api/orders/{id}', '/api/orders%2F7.json', 'loose'],
  ['/api/orders/{id}', '/api/orders/7%2Fitems', 'exact'],
  ['/projects/{id}/files/{file}', '/projects/a%2Fb/files/c%2Fd', 'exact'],
  ['/projects/{group}/{name}/files/{file}', '/projects/a%2Fb/files/c%2Fd', 'loose'],
  ['/projects/a%2Fb/files/{file}', '/projects/a/b/files/c%2Fd', 'loose'],
])('%s and %s: %s', (route, path, match) => {
  const segments = segmentsOf(path)
  expect([matchesRoute(route, segments, true), matchesRoute(route, segments, false)]).toEqual([
    match === 'exact',
    match !== 'none',
  ])
})

const word = fc.constantFrom('a', 'B', 'admin', 'Admin', 'orders.json', 'x.php', '7', 'é', 'a b', 'a%2FB', '.env', '.x')
const route = fc
  .tuple(fc.array(fc.oneof(word, fc.constantFrom('{id}', '*')), { maxLength: 4 }), fc.constantFrom('', '/', '/**'))
  .map(([steps, end]) => `/${steps.join('/')}${steps.length === 0 ? end.slice(1) : end}`)
const path = fc
  .array(
    word.map((text) => text.replace('%2F', '/')),
    { minLength: 1, maxLength: 5 },
  )
  .chain((segments) => fc.constantFrom(segments, [...segments, '']))

it('denies and holds whatever it would allow', () => {
  fc.assert(
    fc.property(route, path, (pattern, segments) => {
      if (matchesRoute(pattern, segments, true)) expect(matchesRoute(pattern, segments, false)).toBe(true)
    }),
    { numRuns: sampledRuns(2000) },
  )
})

it('denies and holds names that begin with a dot, also with a slash behind them', () => {
  for (const path of [
    ['a', '.env'],
    ['a', '.env', ''],
    ['A', '.ENV', ''],
  ])
    expect(matchesRoute('/a/.env', path, false)).toBe(true)
  expect(matchesRoute('/a/.env', ['b', '.env', ''], false)).toBe(false)
})

it.each<[string, readonly string[], boolean]>([
  ['/.env', ['.env.json'], true],
  ['/.env', ['.env.json', ''], true],
  ['/.env', ['.envrc'], false],
  ['/a/.env', ['a', '.env.json'], true],
  ['/a/.env', ['A', '.ENV.JSON', ''], true],
  ['/a/.env', ['b', '.env.json'], false],
])(
  'denies and holds names that begin with a dot, with the name of a format behind them: %s, %j',
  (pattern, path, isOn) => {
    expect(matchesRoute(pattern, path, false)).toBe(isOn)
  },
)

it('denies and holds in whatever case, with a slash or the name of a format at the end, and behind a script', () => {
  const change = fc.constantFrom<((segments: readonly string[]) => readonly string[])[]>(
    (segments) => segments.map((segment) => segment.toUpperCase()),
    (segments) => (segments.at(-1) === '' ? segments : [...segments, '']),
    (segments) => (segments.at(-1) === '' ? segments : [...segments.slice(0, -1), `${segments.at(-1)}.json`]),
    (segments) => ['index.php', ...segments],
  )
  fc.assert(
    fc.property(route, path, change, (pattern, segments, changed) => {
      if (matchesRoute(pattern, segments, true)) expect(matchesRoute(pattern, changed(segments), false)).toBe(true)
    }),
    { numRuns: sampledRuns(2000) },
  )
})
