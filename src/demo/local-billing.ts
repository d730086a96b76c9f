import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { freePort } from './local-postgres.ts'
import { customer } from './sample-data.ts'

/** A billing service on a loopback port: customers and their orders as JSON, behind one bearer token. */
export interface LocalBilling {
  readonly port: number
  /** What it asks for in `Authorization: Bearer`. */
  readonly token: string
  stop(): Promise<void>
}

/** Starts it with 25 customers and 50 orders, which live as long as it runs. */
export async function startBilling(): Promise<LocalBilling> {
  const token = randomBytes(24).toString('base64url')
  const books = openBooks()
  const server = createServer((request, response) => {
    void answerTo(request, books, token).then(({ status, body, type = 'application/json' }) => {
      response.writeHead(status, body === undefined ? {} : { 'content-type': type })
      response.end(typeof body === 'object' ? `${JSON.stringify(body)}\n` : body)
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port,
    token,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Customer {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly card: string
}

interface Order {
  readonly id: number
  readonly customer: number
  readonly total: number
  readonly status: string
}

interface Books {
  readonly customers: readonly Customer[]
  readonly orders: Map<number, Order>
  nextOrder: number
}

function openBooks(): Books {
  const customers = Array.from({ length: 25 }, (_, index) => {
    const { name, email, card } = customer(index + 1)
    return { id: index + 1, name, email, card }
  })
  const orders = Array.from({ length: 50 }, (_, index): Order => {
    const id = index + 1
    return { id, customer: 1 + (index % 25), total: 19.99 + id * 3.5, status: id % 7 === 0 ? 'stuck' : 'paid' }
  })
  return { customers, orders: new Map(orders.map((order) => [order.id, order])), nextOrder: 51 }
}

interface Answer {
  readonly status: number
  readonly body?: string | object
  readonly type?: string
}

async function answerTo(request: IncomingMessage, books: Books, token: string): Promise<Answer> {
  if (!isSame(request.headers.authorization ?? '', `Bearer ${token}`)) return failure(401, 'a bearer token is needed')
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://billing')
  const route = `${request.method === 'HEAD' ? 'GET' : request.method} ${pathname.replace(/\d+/, '{id}')}`
  const id = Number(/\d+/.exec(pathname)?.[0])
  const body = await readObject(request)
  if (body === undefined) return failure(400, 'the body is not an object of JSON')
  switch (route) {
    case 'GET /':
      return { status: 200, body: { service: 'billing', see: ['/api/customers', '/api/customers.csv', '/api/orders'] } }
    case 'GET /api/customers':
      return { status: 200, body: { customers: books.customers.slice(0, limitOf(searchParams)) } }
    case 'GET /api/customers.csv':
      return { status: 200, body: toCsv(books.customers), type: 'text/csv; charset=utf-8' }
    case 'GET /api/customers/{id}':
      return found(books.customers.find((one) => one.id === id))
    case 'GET /api/orders': {
      const status = searchParams.get('status')
      const orders = [...books.orders.values()].filter((order) => status === null || order.status === status)
      return { status: 200, body: { orders: orders.slice(0, limitOf(searchParams)) } }
    }
    case 'GET /api/orders/{id}':
      return found(books.orders.get(id))
    case 'POST /api/orders':
      return placeOrder(books, body)
    case 'DELETE /api/orders/{id}':
      return books.orders.delete(id) ? { status: 204 } : found(undefined)
    case 'POST /api/orders/{id}/refunds': {
      const order = books.orders.get(id)
      if (order !== undefined) books.orders.set(id, { ...order, status: 'refunded' })
      return found(books.orders.get(id))
    }
    default:
      return failure(404, `there is no ${request.method} ${pathname}`)
  }
}

function placeOrder(books: Books, { customer: buyer, total }: Readonly<Record<string, unknown>>): Answer {
  if (!books.customers.some(({ id }) => id === buyer) || typeof total !== 'number' || !(total > 0))
    return failure(400, 'an order needs a customer and a total')
  const order = { id: books.nextOrder++, customer: Number(buyer), total, status: 'new' }
  books.orders.set(order.id, order)
  return { status: 201, body: order }
}

const found = (body: object | undefined): Answer =>
  body === undefined ? failure(404, 'there is nothing of that number') : { status: 200, body }
const failure = (status: number, error: string): Answer => ({ status, body: { error } })
const limitOf = (query: URLSearchParams): number => Number(query.get('limit') ?? 100) || 0
const toCsv = (customers: readonly Customer[]): string =>
  ['id,name,email,card', ...customers.map(({ id, name, email, card }) => [id, name, email, card].join())]
    .map((line) => `${line}\n`)
    .join('')

const isSame = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The body as an object; an empty one where there is no body; undefined where it is anything else, or breaks off. */
async function readObject(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) {
      text += String(chunk)
      if (text.length > MAX_BODY_LENGTH) return undefined
    }
    const value: unknown = text === '' ? {} : JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

const MAX_BODY_LENGTH = 64 * 1024
