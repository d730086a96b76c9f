import { describe, expect, it } from 'vitest'
import { otherPathsOf, readingsOf, readTarget } from '../../../../src/protocols/http/request/read-target.ts'

it.each([
  ['/', [''], []],
  ['/a', ['a'], []],
  ['/a/', ['a', ''], []],
  ['/a%20b/%22c%22', ['a b', '"c"'], []],
  ['/%E5%B1%B1/%c3%a9', ['山', 'é'], []],
  ["/a.b-c_d~e!$&'()*+,=:@", ["a.b-c_d~e!$&'()*+,=:@"], []],
  ['/%21%24%26%27%28%29%2A%2B%2C%3D%3A%40', ["!$&'()*+,=:@"], []],
  ['/users/ada%40example.com', ['users', 'ada@example.com'], []],
  ['/~user/x', ['~user', 'x'], []],
  ['/.well-known/x', ['.well-known', 'x'], []],
  ['/a?', ['a'], []],
  ['/a?&&', ['a'], []],
  ['/a?b', ['a'], [{ name: 'b', value: '' }]],
  [
    '/a?b=c=d&b=%26+%2B',
    ['a'],
    [
      { name: 'b', value: 'c=d' },
      { name: 'b', value: '& +' },
    ],
  ],
  [
    '/a?b+c=1+2&b%2Bc',
    ['a'],
    [
      { name: 'b c', value: '1 2' },
      { name: 'b+c', value: '' },
    ],
  ],
  ['/a?b=/../c?d', ['a'], [{ name: 'b', value: '/../c?d' }]],
])('reads %s', (target, segments, query) => {
  expect(readTarget(target)).toMatchObject({ segments, query })
})

/** Each is another path to at least one server. */
it.each([
  ['', 'must begin with a slash'],
  ['admin', 'must begin with a slash'],
  ['//admin', 'two slashes'],
  ['/a//admin', 'two slashes'],
  ['/admin//', 'two slashes'],
  ['/./admin', 'a segment "." or ".."'],
  ['/a/../admin', 'a segment "." or ".."'],
  ['/a/..', 'a segment "." or ".."'],
  ['/admin/.', 'a segment "." or ".."'],
  ['/.../admin', 'ends with a dot'],
  ['/admin.', 'ends with a dot'],
  ['/(S(x))/admin', 'letter between two opening parentheses'],
  ['/a/(A(x)F(y))/admin', 'letter between two opening parentheses'],
  ['/(S(x))ad/(S(x))min', 'letter between two opening parentheses'],
  ['/%28s%28x))/admin', 'letter between two opening parentheses'],
  ['/admin:$i30:$INDEX_ALLOCATION', 'colon before a dollar sign'],
  ['/a/%2e%2e/admin', 'plain character as %2e'],
  ['/a/.%2E/admin', 'plain character as %2E'],
  ['/%61dmin', 'plain character as %61'],
  ['/adm%69n', 'plain character as %69'],
  ['/admin%7Eold', 'plain character as %7E'],
  ['/a%2Fadmin', 'encoded slash'],
  ['/a%5cadmin', 'encoded backslash'],
  ['/a\\admin', 'which is not accepted'],
  ['/admin;x=1', 'which is not accepted'],
  ['/admin;/x', 'which is not accepted'],
  ['/admin%3Bx', 'encoded percent sign'],
  ['/%2561dmin', 'encoded percent sign'],
  ['/admin%3Fx', 'encoded percent sign'],
  ['/admin%23', 'encoded percent sign'],
  ['/admin%', 'two hexadecimal digits'],
  ['/admin%2', 'two hexadecimal digits'],
  ['/admin%u0061', 'two hexadecimal digits'],
  ['/admin%00', 'control character'],
  ['/admin%0a', 'control character'],
  ['/admin%09', 'control character'],
  ['/admin%7f', 'control character'],
  ['/ad%E2%80%8Bmin', 'an invisible one'],
  ['/ad%C2%ADmin', 'an invisible one'],
  ['/ad%E2%80%AEmin', 'an invisible one'],
  ['/%C0%AE%C0%AE/admin', 'not UTF-8'],
  ['/a%C0%AFadmin', 'not UTF-8'],
  ['/a%E0%80%AFadmin', 'not UTF-8'],
  ['/%FFadmin', 'not UTF-8'],
  ['/%ED%A0%80', 'not UTF-8'],
  ['/%EF%BD%81dmin', 'stand for others'],
  ['/a%EF%BC%8Fadmin', 'stand for others'],
  ['/%E2%81%84admin', 'stand for others'],
  ['/e%CC%81', 'stand for others'],
  ['/%20admin', 'begins or ends with a blank'],
  ['/admin%20', 'begins or ends with a blank'],
  ['/admin%C2%A0', 'begins or ends with a blank'],
  ['/orders/+', 'nothing but plus signs or accents'],
  ['/orders/%2B%2B', 'nothing but plus signs or accents'],
  ['/orders/%CC%81', 'nothing but plus signs or accents'],
  ['/admin::$DATA', 'two colons'],
  ['/admin%3A%3A$DATA', 'two colons'],
  ['/ADMINI~1', 'tilde before a digit'],
  ['/a"b', 'which is not accepted'],
  ['/a|b', 'which is not accepted'],
  [`/${'a/'.repeat(100)}`, 'more than 100 segments'],
  ['/a?b=1;c=2', 'a semicolon'],
  ['/a?%FF=1', 'not UTF-8'],
  ['/a?b=%C0%AF', 'not UTF-8'],
  ['/a?b=%', 'not UTF-8'],
  ['/a?b=%00', 'a NUL'],
  [`/a?${'b&'.repeat(1001)}`, 'more than 1000 parameters'],
])('refuses %s', (target, failure) => {
  expect(readTarget(target)).toEqual({ failure: expect.stringContaining(failure) as string })
})

describe('where the target takes encoded slashes', () => {
  const read = (target: string) => readTarget(target, { encodedSlashes: true })

  it.each([
    ['/@acme%2Futil', ['@acme/util']],
    ['/@acme%2futil/-/util-1.0.0.tgz', ['@acme/util', '-', 'util-1.0.0.tgz']],
    [
      '/api/v4/projects/group%2Fsub%2Fapp/repository/files/src%2F.gitignore/raw',
      ['api', 'v4', 'projects', 'group/sub/app', 'repository', 'files', 'src/.gitignore', 'raw'],
    ],
    ['/a/b%20c/', ['a', 'b c', '']],
  ])('reads %s', (target, segments) => {
    expect(read(target)).toMatchObject({ segments })
  })

  it.each([
    ['/%2Fadmin', 'nothing before or after it'],
    ['/admin%2F', 'nothing before or after it'],
    ['/a%2F%2Fadmin', 'nothing before or after it'],
    ['/a%2F..%2Fadmin', 'a segment "." or ".."'],
    ['/..%2Fadmin', 'a segment "." or ".."'],
    ['/a%2F.%2Fadmin', 'a segment "." or ".."'],
    ['/a.%2Fadmin', 'ends with a dot'],
    ['/a%20%2Fadmin', 'begins or ends with a blank'],
    ['/a%2F%2e%2e%2Fadmin', 'plain character as %2e'],
    ['/a%252Fadmin', 'encoded percent sign'],
    ['/a%5Cadmin', 'encoded backslash'],
    ['/a%2F%3Badmin', 'encoded percent sign, question mark, hash or semicolon'],
    ['/a%2F(S(x))%2Fadmin', 'letter between two opening parentheses'],
    ['/a%2Fb/a%2Fb/a%2Fb/a%2Fb', 'more than 3 segments'],
    [`/${'a%2F'.repeat(100)}a`, 'more than 100 segments'],
  ])('refuses %s', (target, failure) => {
    expect(read(target)).toEqual({ failure: expect.stringContaining(failure) as string })
  })

  it('a server has each of such segments as one, or as its parts', () => {
    expect(readingsOf(['a', 'b'])).toEqual([['a', 'b']])
    const all = readingsOf(['a/b', 'c', 'd/e/f'])
    expect(all[0]).toEqual(['a/b', 'c', 'd/e/f'])
    expect(all).toHaveLength(4)
    expect(all).toContainEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(all).toContainEqual(['a/b', 'c', 'd', 'e', 'f'])
    expect(all).toContainEqual(['a', 'b', 'c', 'd/e/f'])
  })

  it.each(['/a', '/@acme%2Futil', '/a%2fb/c%40d/e%2Ff%2Fg', '/%C3%A9%2Fx/'])(
    '%s has other paths that are read as its readings',
    (path) => {
      const target = readTarget(path, { encodedSlashes: true })
      if ('failure' in target) throw new Error(target.failure)
      const others = otherPathsOf(path)
      expect(others.map(({ segments }) => segments)).toEqual(readingsOf(target.segments).slice(1))
      for (const other of others)
        expect(readTarget(other.path, { encodedSlashes: true })).toMatchObject({ segments: other.segments })
    },
  )
})

it('has one spelling for each list of segments, and a second one only for what clients encode that need not be', () => {
  const seen = new Map<string, string[]>()
  for (let code = 0; code < 0x100; code++)
    for (const spelled of [String.fromCharCode(code), `%${code.toString(16).padStart(2, '0').toUpperCase()}`]) {
      const read = readTarget(`/a${spelled}z`)
      if ('failure' in read) continue
      const key = JSON.stringify(read.segments)
      seen.set(key, [...(seen.get(key) ?? []), spelled])
    }
  expect(seen.size).toBeGreaterThan(70)
  const twice = [...seen.values()].filter((spellings) => spellings.length > 1)
  expect(twice.map(([plain]) => plain).join('')).toBe("!$&'()*+,:=@")
})
