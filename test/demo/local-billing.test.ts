import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBilling, type LocalBilling } from '../../src/demo/local-billing.ts'

describe('the billing service of the demo', () => {
  let billing: LocalBilling

  beforeAll(async () => {
    billing = await startBilling()
  })

  afterAll(() => billing?.stop())

  const ask = async (method: string, path: string, body?: string, token = billing.token) => {
    const answer = await fetch(`http://127.0.0.1:${billing.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
    })
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
  }

  it('requires its token for every request', async () => {
    for (const path of ['/', '/api/customers', '/nowhere'])
      expect(await ask('GET', path, undefined, `${billing.token}x`)).toMatchObject({
        status: 401,
        text: '{"error":"a bearer token is needed"}\n',
      })
  })

  it('has customers and orders, as JSON and as CSV', async () => {
    const { customers } = JSON.parse((await ask('GET', '/api/customers?limit=3')).text) as { customers: object[] }
    expect(customers).toHaveLength(3)
    expect(JSON.parse((await ask('GET', '/api/customers/3')).text)).toEqual(customers[2])
    expect(customers[0]).toEqual({
      id: 1,
      name: expect.any(String),
      email: expect.stringMatching(/^[\w.]+@example\.com$/),
      card: expect.stringMatching(/^4\d{15}$/),
    })
    const table = await ask('GET', '/api/customers.csv')
    expect(table).toMatchObject({ status: 200, type: 'text/csv; charset=utf-8' })
    expect(table.text.split('\n')).toHaveLength(1 + 25 + 1)
    const { orders } = JSON.parse((await ask('GET', '/api/orders?status=stuck')).text) as { orders: { id: number }[] }
    expect(orders.map(({ id }) => id)).toEqual([7, 14, 21, 28, 35, 42, 49])
  })

  it('places, refunds and deletes orders', async () => {
    const placed = await ask('POST', '/api/orders', '{"customer":3,"total":12.5}')
    expect(placed).toMatchObject({ status: 201, text: '{"id":51,"customer":3,"total":12.5,"status":"new"}\n' })
    expect((await ask('POST', '/api/orders/51/refunds')).text).toContain('"status":"refunded"')
    expect(await ask('DELETE', '/api/orders/51')).toEqual({ status: 204, type: null, text: '' })
    expect((await ask('DELETE', '/api/orders/51')).status).toBe(404)
    for (const body of [
      '{"customer":99,"total":1}',
      '{"customer":1,"total":"1"}',
      '[]',
      '{',
      `"${'x'.repeat(70_000)}"`,
    ])
      expect((await ask('POST', '/api/orders', body)).status).toBe(400)
    expect((await ask('PUT', '/api/orders/1', '{}')).status).toBe(404)
  })
})
