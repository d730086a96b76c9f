import { describe, expect, it } from 'vitest'
import { readDocument } from '../../../../src/protocols/http/openapi/read-document.ts'
import type { ServiceDescription } from '../../../../src/protocols/http/openapi/service-description.ts'
import { readTarget } from '../../../../src/protocols/http/request/read-target.ts'

const NO_OPTIONS = { basePath: undefined, unsafe: [] }

const SHOP = `openapi: 3.1.1
info: { title: shop, version: '1' }
servers:
  - url: https://shop.example.com/api
paths:
  /orders:
    get: { operationId: listOrders, tags: [orders], responses: { 200: { description: ok } } }
    post: { operationId: createOrder }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: getOrder, tags: [orders] }
    head: { operationId: headOrder }
    delete: { operationId: deleteOrder, tags: [orders, danger] }
  /orders/latest:
    get: { operationId: latestOrder }
  /reports/{name}.{format}:
    get: { operationId: report }
  /jobs/{id}:run:
    get: { operationId: runJob, x-pam-safe: false }
    post: {}
  /health:
    servers: [{ url: / }]
    get: { operationId: health }
  /shared:
    $ref: '#/components/pathItems/shared~1path'
components:
  pathItems:
    shared/path:
      put: { operationId: putShared }
x-anything: { a: 1 }
`

function read(description: ServiceDescription, request: string) {
  const [method = '', target = ''] = request.split(' ')
  const place = readTarget(target, { encodedSlashes: true })
  if ('failure' in place) throw new Error(place.failure)
  return description.describe({ method, segments: place.segments })
}

describe('a document', () => {
  const shop = readDocument(SHOP, 'shop.yaml', NO_OPTIONS)

  it.each<[string, string, string[]]>([
    ['GET /api/orders', 'listOrders', []],
    ['HEAD /api/orders', 'listOrders', []],
    ['HEAD /api/orders/7', 'headOrder', ['getOrder']],
    ['GET /api/orders/7', 'getOrder', []],
    ['DELETE /api/orders/7', 'deleteOrder', []],
    ['GET /api/orders/latest', 'latestOrder', []],
    ['GET /api/orders/Latest', 'getOrder', ['latestOrder']],
    ['GET /api/orders/latest.json', 'getOrder', ['latestOrder']],
    ['GET /api/reports/a.pdf', 'report', []],
    ['GET /api/jobs/7:run', 'runJob', []],
    // For a server that takes an encoded slash for a slash: another path, which the document has not.
    ['GET /api/orders/a%2Fb', 'getOrder', []],
    ['POST /api/jobs/7:run', 'POST /jobs/{id}:run', []],
    ['GET /health', 'health', []],
    ['PUT /api/shared', 'putShared', []],
  ])('takes %s for %s', (request, name, alternatives) => {
    const described = read(shop, request)
    if ('refused' in described) throw new Error(described.refused)
    expect(described.operation?.name).toBe(name)
    expect(described.alternatives.map((one) => one.name)).toEqual(alternatives)
    expect(described.unknown).toBeUndefined()
  })

  it.each([
    ['GET /orders', 'no such path'],
    ['GET /api/orders/7/items', 'no such path'],
    ['PATCH /api/orders/7', 'no PATCH of /api/orders/{id}'],
    ['OPTIONS /api/orders', 'no OPTIONS of /api/orders'],
    ['GET /api/jobs/7', 'no such path'],
    ['GET /api/jobs/:run', 'no such path'],
    ['GET /', 'no such path'],
  ])('does not know %s', (request, why) => {
    expect(read(shop, request)).toMatchObject({
      operation: undefined,
      alternatives: [],
      unknown: expect.stringContaining(why) as string,
    })
  })

  it.each([
    'GET /API/orders',
    'GET /api/orders/',
    'GET /api/orders.json',
    'DELETE /api/orders/7/',
    'DELETE /api/ORDERS/7',
    'GET /index.php/api/orders',
    'GET /api/jobs/7:RUN',
    'POST /api/jobs/7:run/',
    // Routers that go on to the next path where this one has no such method.
    'DELETE /api/orders/latest',
  ])('has %s refused, which a server may take for an operation', (request) => {
    expect(read(shop, request)).toMatchObject({ refused: expect.stringContaining('may take it for') as string })
  })

  it('says which operations are safe', () => {
    expect(shop.operations.filter(({ isSafe }) => isSafe).map(({ name }) => name)).toEqual([
      'listOrders',
      'getOrder',
      'headOrder',
      'latestOrder',
      'report',
      'health',
    ])
    const { operations } = readDocument(SHOP, 'shop.yaml', { basePath: undefined, unsafe: ['report'] })
    expect(operations.find(({ name }) => name === 'report')?.isSafe).toBe(false)
  })

  it('begins where the configuration says', () => {
    const moved = readDocument(SHOP, 'shop.yaml', { basePath: '/v9', unsafe: [] })
    expect(read(moved, 'GET /v9/orders')).toMatchObject({ operation: { name: 'listOrders' } })
    expect(read(moved, 'GET /v9/health')).toMatchObject({ operation: { name: 'health' } })
    expect(read(moved, 'GET /api/orders')).toMatchObject({ operation: undefined })
  })

  it('is read in JSON, tabs and all', () => {
    const json = JSON.stringify({ openapi: '3.0.3', paths: { '/a': { get: { responses: { 200: {} } } } } }, null, '\t')
    expect(readDocument(json, 'a.json', NO_OPTIONS).operations).toEqual([{ name: 'GET /a', tags: [], isSafe: true }])
  })
})

describe('what is wrong with a document is said with its place', () => {
  const paths = (text: string, head = 'openapi: 3.0.0'): string => `${head}\npaths:\n${text}`
  it.each([
    ['swagger: "2.0"\npaths: {}', 'shop.yaml:1:1: openapi: expected a version such as 3.1.1'],
    ['openapi: 3.2.0\npaths: {}', 'shop.yaml:1:10: openapi: expected version 3.0 or 3.1'],
    ['openapi: 3.1.0\nwebhooks: {}', 'shop.yaml:1:1: paths: expected paths'],
    ['openapi: [', 'shop.yaml:1:'],
    [paths('  /a:\n    query: {}'), 'shop.yaml:4:12: paths./a.query: is not a key of a path'],
    [paths('  /a: { get: { operationId: 7 } }'), 'paths./a.get.operationId: expected text, not a number'],
    [
      paths('  /a: { get: { operationId: x } }\n  /b: { get: { operationId: x } }'),
      'shop.yaml:4:29: paths./b.get.operationId: "x" is the name of another operation, at shop.yaml:3:14',
    ],
    [paths('  /a/{x}: { get: {} }\n  /a/{y}: { put: {} }'), 'shop.yaml:4:11: paths./a/{y}: is the same path as /a/{x}'],
    [paths('  /a/{x}: { get: {} }\n  /{y}/b: { head: {} }'), '/a/b would match both this path and /a/{x}'],
    [paths('  /a;b: { get: {} }'), 'no request is for it'],
    [paths('  /a: { $ref: "other.yaml#/a" }'), 'only references within the document'],
    [paths('  /a: { $ref: "#/paths/~1b" }'), 'shop.yaml:3:15: paths./a.$ref: there is nothing at #/paths/~1b'],
    [paths('  /a: { $ref: "#/openapi" }'), '#/openapi: expected a map, not text'],
    [paths('  /a: { $ref: "#/paths/~1a" }'), 'refers to itself'],
    [paths('  /a: { $ref: "#/x", get: {} }'), 'a path that has $ref cannot have anything else'],
    [paths('  /a: { post: { x-pam-safe: true } }'), 'only a GET, HEAD or OPTIONS can be safe'],
    [paths('  /a: { get: { servers: [{ url: /b }] } }'), 'must begin where its path does'],
    [
      paths('  /a: { get: {} }', 'openapi: 3.0.0\nservers: [{ url: /a }, { url: /b }]'),
      'give basePath with the target',
    ],
  ])('%s', (text, problem) => {
    expect(() => readDocument(text, 'shop.yaml', NO_OPTIONS)).toThrow(problem)
  })

  it('but for paths that cross and have no method in common', () => {
    const description = readDocument(paths('  /a/{x}: { get: {} }\n  /{y}/b: { put: {} }'), 'shop.yaml', NO_OPTIONS)
    expect(read(description, 'GET /a/b')).toMatchObject({ operation: { name: 'GET /a/{x}' } })
    expect(read(description, 'PUT /a/b')).toMatchObject({ operation: { name: 'PUT /{y}/b' } })
  })
})
