import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PathIndex } from '../../../../src/protocols/http/openapi/path-index.ts'
import {
  matchesLoosely,
  matchesSteps,
  foldPath,
  foldSteps,
  waysOf,
} from '../../../../src/protocols/http/policy/routes.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

/** Few of them, so that paths and requests meet. */
const word = fc.constantFrom('a', 'A', 'b', 'orders', 'Orders', 'x.json', 'b.c', 'b.c.d', 'index.php', '.json', 'é', '')
const step = fc.oneof(
  { weight: 4, arbitrary: word },
  fc.constantFrom('{id}', '{id}.json', 'a{b}c', '{x}-{y}', '@a/b', '@a/{name}', '*', 'b.{format}', 'orders.{f}'),
)
const segment = fc.oneof(
  { weight: 4, arbitrary: word },
  fc.constantFrom('orders.json', 'a.b', 'a.json', 'ac', 'aXc', '1-2', '@a/b', '@A/c', 'b.c.xml', ' a', 'a+', 'x', '.b'),
)
const paths = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 25 })

/** Says the same as a reading of the list, from first to last. */
function checkFound(list: readonly (readonly string[])[], request: readonly string[]): number {
  const exact = list.filter((steps) => matchesSteps(steps, request))
  const exactFound = new PathIndex(list, (steps) => steps)
    .exact(request)
    .filter((steps) => matchesSteps(steps, request))
  expect(exactFound).toEqual(exact)
  const ways = waysOf(foldPath(request))
  const folded = list.map(foldSteps)
  const isOn = (steps: readonly string[]): boolean => ways.some((way) => matchesLoosely(steps, way))
  const loose = folded.filter(isOn)
  expect(new PathIndex(folded, (steps) => steps).loose(ways).filter(isOn)).toEqual(loose)
  return exact.length + loose.length
}

describe('PathIndex', () => {
  it('leaves out no path that a reading of all of them finds, and keeps their order', () => {
    let found = 0
    const request = fc.array(segment, { minLength: 1, maxLength: 5 })
    /** One of the paths, as a client may spell it. */
    const spelled = fc.tuple(
      fc.nat(),
      fc.constantFrom('x', 'b', '7.json'),
      fc.boolean(),
      fc.constantFrom('', '.json', '/', '/a'),
    )
    fc.assert(
      fc.property(paths, request, spelled, (list, other, [pick, name, isUpper, end]) => {
        found += checkFound(list, other)
        const path = list[pick % list.length]
        if (path === undefined) return
        const text = path.map((one) => one.replaceAll(/\{\w+\}|\*+/g, name)).join('\n')
        const segments = `${isUpper ? text.toUpperCase() : text}${end.replace('/', '\n')}`.split('\n')
        found += checkFound(list, segments)
      }),
      { numRuns: sampledRuns(1600) },
    )
    expect(found).toBeGreaterThan(200)
  })

  it.each<[string, readonly string[], readonly string[]]>([
    ['a suffix that the request has', ['orders'], ['orders.json']],
    ['a suffix that the path has', ['orders.json'], ['orders']],
    ['another suffix', ['orders.json'], ['orders.xml']],
    ['a suffix of two parts', ['orders'], ['orders.tar.gz']],
    ['what is given to a script', ['admin'], ['index.php', 'admin']],
    ['what is behind a script', ['run.cgi'], ['run.cgi', 'a', 'b']],
    ['all below', ['files', '**'], ['files', 'a', 'b', 'c']],
    ['a star', ['*'], ['x']],
    ['the root', [''], ['']],
    ['a slash at the end', ['a'], ['a', '']],
    ['letter case', ['orders', '{id}'], ['ORDERS', '7']],
  ])('finds a path by %s', (_what, path, request) => {
    expect(checkFound([['other'], path, ['a', 'b', 'c', 'd']], request)).toBeGreaterThan(0)
  })

  it('looks at no more of a segment than the longest text has', () => {
    const list = Array.from({ length: 4000 }, (_, at) => ['v1', `things-${at}`, '{id}'])
    const asked: string[][] = []
    const index = new PathIndex(list, (steps) => (asked.push([...steps]), steps))
    expect(index.loose([['v1', 'a.'.repeat(20_000)]])).toEqual([])
    expect(index.exact(['v1', 'things-7', 'x'])).toEqual([list[7]])
    expect(asked).toHaveLength(4000)
  })
})
