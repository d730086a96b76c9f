import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fieldRouteFindings, routeFindings } from '../../../../src/protocols/http/openapi/described-routes.ts'
import type { DescribedTarget } from '../../../../src/protocols/http/openapi/target-description.ts'
import { loadConfig } from '../../../../src/server/config/load-config.ts'

const PATHS = `paths:
  /orders: { get: {} }
  /orders/{id}: { delete: {} }
  /files/{name}.json: { get: {} }
  /index.php/legacy: { get: {} }
`

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-routes-'))
  writeFileSync(join(directory, 'orders.yaml'), `openapi: 3.1.0\nservers: [{ url: /api/v1 }]\n${PATHS}`)
  writeFileSync(join(directory, 'root.yaml'), `openapi: 3.1.0\n${PATHS}`)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const target = (openapi?: string, basePath?: string): DescribedTarget => ({
  name: 'api',
  openapi,
  basePath,
  unsafeOperations: [],
})
const messages = (routes: readonly string[], targets = [target('orders.yaml')], unknown = false): string[] =>
  routeFindings({ routes, unknown }, targets, directory).map(({ message }) => message)

describe('routes of rules', () => {
  it('with an encoded slash are for targets that take one', () => {
    const [finding] = messages(['/api/v1/orders/a%2Fb'])
    expect(finding).toContain('no request to these targets has an encoded slash')
    expect(messages(['/api/v1/orders/a%2Fb'], [{ ...target('orders.yaml'), encodedSlashes: true }])).toEqual([])
  })

  it.each([
    '/api/v1/orders',
    '/api/v1/orders/{number}',
    '/api/v1/orders/17',
    '/api/v1/**',
    '/**',
    '/*/*/orders',
    '/API/v1/Orders',
    '/api/v1/orders.json',
    '/api/v1/orders/17.json',
    '/api/v1/files/report',
    '/api/v1/files/report.json',
    '/api/v1/files/report.xml',
    '/legacy',
  ])('%s meets a path', (route) => {
    expect(messages([route])).toEqual([])
  })

  it.each(['/api/v1/orders/{id}/items', '/api/v1/order', '/api/v2/**', '/api/v1/index.html', '/api/v1'])(
    '%s meets none',
    (route) => {
      expect(messages([route])).toHaveLength(1)
    },
  )

  it('without the base path are warned of, with the path that was meant', () => {
    expect(routeFindings({ routes: ['/api/v1/orders', '/orders/{id}'] }, [target('orders.yaml')], directory)).toEqual([
      {
        level: 'warning',
        path: ['routes', 1],
        message:
          'no path of orders.yaml matches /orders/{id}; its paths begin at /api/v1; did you mean "/api/v1/orders/{id}"?',
      },
    ])
    expect(messages(['/orders'], [target('orders.yaml', '/shop')])).toEqual([
      'no path of orders.yaml matches /orders; its paths begin at /shop; did you mean "/shop/orders"?',
    ])
    expect(messages(['/ordres'], [target('root.yaml')])).toEqual([
      'no path of root.yaml matches /ordres; did you mean "/orders"?',
    ])
  })

  it('may be for what no document has: then only a missing base path shows', () => {
    const bare = [target('orders.yaml'), target()]
    expect(messages(['/healthz', '/orders'], bare)).toEqual([expect.stringContaining('matches /orders;')])
    expect(messages(['/healthz', '/orders'], undefined, true)).toEqual([expect.stringContaining('matches /orders;')])
    expect(messages(['/healthz', '/orders'], [target()])).toEqual([])
    expect(messages(['/orders'], [target('orders.yaml'), target('root.yaml')])).toEqual([])
  })
})

it.each([
  ['/api/:id', '":id" {id}'],
  ['/api/<id>/x', '"<id>" {id}'],
  ['/api/<int:order_id>', '"<int:order_id>" {order_id}'],
])('%s is of another router', (route, words) => {
  const [step = '', name = ''] = words.replaceAll('"', '').split(' ')
  for (const targets of [[target()], [target('orders.yaml')]]) {
    expect(messages([route, '/jobs/7:cancel'], [target()])).toEqual([
      `"${route}": ${step} is literal text here, not a parameter: write ${name} for any segment`,
    ])
    expect(fieldRouteFindings([`${route}:/email`], targets, directory)).toHaveLength(1)
  }
})

it('a question mark is no part of a parameter', () => {
  expect(routeFindings({ query: ['status=?', '?status=1'] }, [target()], directory)).toEqual([
    { level: 'warning', path: ['query', 1], message: expect.stringContaining('leave that out') as string },
  ])
})

it('routes of masked fields are warned of as well', () => {
  const fields = ['*:/email', 'secrets:data.*', '/api/v1/orders:/email', '/orders/{id}:/a/b']
  expect(fieldRouteFindings(fields, [target('orders.yaml')], directory)).toEqual([
    { level: 'warning', path: ['fields', 3], message: expect.stringContaining('no path of orders.yaml') as string },
  ])
})

it('both have their place in the configuration', () => {
  const file = join(directory, 'pam.yaml')
  writeFileSync(
    file,
    `identity: { issuers: [{ url: https://idp.example.com, for: people, clientId: p }] }
targets:
  - { name: api, type: http, host: 127.0.0.1, openapi: orders.yaml }
commands:
  - { name: c, match: { routes: ["/orders"] }, deny: no }
  - { use: no-admin-paths }
masking:
  - { name: m, fields: ["/orders:/email"], style: redact }
`,
  )
  expect(loadConfig(file).warnings).toEqual([
    expect.stringContaining('pam.yaml:5:34: commands.0.match.routes.0: no path of orders.yaml matches /orders;'),
    expect.stringContaining('pam.yaml:8:25: masking.0.fields.0: no path of orders.yaml matches /orders;'),
  ])
})
