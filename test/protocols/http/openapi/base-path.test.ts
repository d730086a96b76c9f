import { expect, it } from 'vitest'
import { basePathOf } from '../../../../src/protocols/http/openapi/base-path.ts'

it.each([
  [undefined, ''],
  [[], ''],
  [[{ url: '/' }], ''],
  [[{ url: '/v1/' }], '/v1'],
  [[{ url: 'https://api.example.com' }], ''],
  [[{ url: 'https://api.example.com/api/v2/' }], '/api/v2'],
  [[{ url: 'https://one.example.com/v1' }, { url: 'https://two.example.com/v1/' }], '/v1'],
  [[{ url: 'https://{host}/{base}', variables: { host: { default: 'h' }, base: { default: 'v3' } } }], '/v3'],
])('of %j is %s', (servers, basePath) => {
  expect(basePathOf(servers)).toEqual({ basePath })
})

it.each([
  [[{ url: 'v1' }]],
  [[{ url: '../v1' }]],
  [[{ url: '//host/v1' }]],
  [[{ url: 'https://h/{base}' }]],
  [[{ url: '/v1?x=1' }]],
  [[{ url: '/v1#x' }]],
  [[{ url: '/v1' }, { url: '/v2' }]],
  [[{ url: '/' }, { url: '/v2' }]],
])('of %j is for the configuration to say', (servers) => {
  expect(basePathOf(servers)).toMatchObject({ failure: expect.stringContaining('give basePath') as string })
})
