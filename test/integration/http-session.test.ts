import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasProgram } from '../../src/demo/programs.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { TOKEN, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { harProblems } from '../helpers/har-schema.ts'
import { startHttpService, type HttpService } from '../helpers/http-service.ts'
import type { HttpTestTarget } from '../helpers/http-target.ts'
import { SecretSearch } from '../helpers/secret-search.ts'

/** Real pamctl, agent, gateway and clients; behind them a service that tells what reaches it. */
describe('HTTP through pamctl connect', () => {
  let service: HttpService
  let target: HttpTestTarget
  let gateway: HttpGateway
  let billing: HttpPort
  let place: string

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'pamctl-test-document-'))
    const openapi = join(place, 'api.yaml')
    writeFileSync(
      openapi,
      'openapi: 3.1.0\npaths: { /orders: { get: { operationId: listOrders } }, /echo: { get: { operationId: echo } } }\n',
    )
    service = await startHttpService({
      targets: [
        { name: 'billing', credential: { type: 'bearer', token: 'file:token' }, headers: ['x-tenant'] },
        { name: 'masked' },
        { name: 'described', openapi },
      ],
      commands: [
        {
          name: 'a person decides',
          match: { methods: ['DELETE'], routes: ['/orders/{id}'] },
          hold: { approvers: { groups: ['sre'] } },
        },
        { name: 'no admin', match: { routes: ['/admin/**'] }, deny: 'not here' },
        {
          name: 'no cancelling',
          match: { routes: ['/orders'], body: ['/status=cancelled'] },
          deny: 'orders are not cancelled here',
        },
        { name: 'reading', match: { methods: ['GET'] }, allow: true },
        { name: 'writing', match: { methods: ['POST', 'PUT'], routes: ['/echo', '/hashed', '/orders'] }, allow: true },
      ],
      masking: [
        { name: 'of an operation', targets: { names: ['described'] }, fields: ['echo:/url'], style: 'redact' },
        { name: 'people', targets: { names: ['masked'] }, kinds: ['email', 'payment-card'], style: 'redact' },
      ],
    })
    ;({ target, gateway } = service)
    billing = await gateway.open('billing')
  })

  afterAll(async () => {
    await service?.stop()
    rmSync(place, { recursive: true, force: true })
  })

  const echoed = (text: string) =>
    JSON.parse(text) as { method: string; url: string; headers: Record<string, string>; body: string }
  const problem = ({ body }: { readonly body: string }) =>
    JSON.parse(body) as { status: number; code: string; detail: string; hint?: string; id?: string }

  it('passes a request with the credential of the gateway, and not what the client signs in with here', async () => {
    const answer = await billing.request('GET', '/echo?a=1', { headers: ['Accept: */*', 'X-Tenant: t1'] })
    expect(answer.status).toBe(200)
    expect(target.seen.at(-1)?.headers).toEqual({
      authorization: `Bearer ${TOKEN}`,
      accept: '*/*',
      'x-tenant': 't1',
      'accept-encoding': 'identity',
      host: `127.0.0.1:${target.port}`,
      connection: 'keep-alive',
    })
    // What is repeated of it is not told.
    expect(echoed(answer.body).headers['authorization']).toMatch(/^Bearer \*+$/)
  })

  it.each([
    ['in base64, and in a header', '/echo/base64'],
    ['byte by byte', '/echo/pieces'],
    ['compressed, although not asked for', '/echo/gzip'],
    ['as the answer to HEAD', '/echo/base64', 'HEAD'],
  ])('finds the secret where it is repeated: %s', async (_name, path, method = 'GET') => {
    const { status, head, body } = await billing.request(method, path)
    expect(status).toBe(200)
    const inside = Buffer.from(body, 'base64').toString('latin1')
    for (const text of [head, body, inside]) expect(text).not.toContain(TOKEN.slice(0, 10))
    expect(method === 'HEAD' ? head : `${body}${inside}`).toContain('***')
  })

  it('has operations of the OpenAPI document on record, and gives the record as an HTTP Archive', async () => {
    const described = await gateway.open('described')
    expect((await described.request('GET', '/orders')).status).toBe(200)
    expect(problem(await described.request('GET', '/other')).code).toBe('COMMAND_UNKNOWN')
    expect(echoed((await described.request('GET', '/echo?a=1')).body)).toMatchObject({ method: 'GET', url: '****' })
    const { items } = await gateway.bob.api.sessions.list({ target: 'described' })
    const id = items[0]?.id ?? ''
    const replayed = await eventually(async () => {
      const { stdout } = await gateway.pamctl('replay', id)
      return stdout.includes('→ 200') ? stdout : undefined
    }, 'the answer is on record')
    expect(replayed).toMatch(/GET \/orders\n +operation listOrders\n/)
    expect(replayed.match(/operation /g)).toHaveLength(2)
    const url = `${gateway.bob.gateway}/v1/sessions/${id}/har`
    const response = await fetch(url, { headers: await gateway.bob.headers('GET', url) })
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${id}.har"`)
    const archive = (await response.json()) as { log: { entries: { _operations?: string[] }[] } }
    expect(harProblems(archive)).toEqual([])
    expect(archive.log.entries.map(({ _operations }) => _operations)).toEqual([['listOrders'], undefined, ['echo']])
    const { items: chain } = await gateway.bob.api.auditPage({ type: 'recording.exported', subject: id })
    expect(chain[0]).toMatchObject({ actor: gateway.bob.token.person.id, data: { format: 'har' } })
  })

  it('goes by a document that a reload has read again, in sessions that are open as well', async () => {
    const described = await gateway.open('described')
    expect((await described.request('GET', '/hello')).status).toBe(403)
    writeFileSync(
      join(place, 'api.yaml'),
      'openapi: 3.1.0\npaths: { /hello: { get: {} }, /echo: { get: { operationId: echo } } }\n',
    )
    process.kill(gateway.pid, 'SIGHUP')
    await eventually(
      async () => ((await described.request('GET', '/hello')).status === 403 ? undefined : true),
      'the new document is in force',
    )
    expect(problem(await described.request('GET', '/orders'))).toMatchObject({
      code: 'COMMAND_UNKNOWN',
      detail: expect.stringContaining('the OpenAPI document of the target has no such path') as string,
    })
  })

  it('asks for the secret of the port, and is of no use to browsers', async () => {
    const before = target.seen.length
    const without = await billing.request('GET', '/orders', { withoutSecret: true })
    expect(without.status).toBe(401)
    expect(without.head).toMatch(/^www-authenticate: Basic realm="pamctl"$/im)
    expect(JSON.parse(without.body)).toMatchObject({ status: 401, code: 'PORT_SECRET' })
    const wrong = (headers: string[], host?: string) =>
      billing.request('GET', '/orders', { headers, ...(host === undefined ? {} : { host }) })
    for (const headers of [
      ['Origin: https://evil.example'],
      ['Origin: null'],
      ['Referer: http://127.0.0.1:1/'],
      ['Sec-Fetch-Site: same-origin'],
      ['Sec-Fetch-Site: none', 'Sec-Fetch-Dest: document'],
    ])
      expect(problem(await wrong(headers)).code).toBe('FEATURE_REFUSED')
    for (const host of ['127.0.0.1', '127.0.0.1:1', `evil.example:${billing.port}`, `billing:${billing.port}`])
      expect((await wrong([], host)).status).toBe(400)
    const basic = (text: string): string[] => [`Authorization: Basic ${Buffer.from(text).toString('base64')}`]
    for (const headers of [basic('pamctl:'), basic(`pamctl:${billing.secret}x`), ['Authorization: Bearer x']])
      expect((await billing.request('GET', '/orders', { headers, withoutSecret: true })).status).toBe(401)
    for (const headers of [basic(`anybody:${billing.secret}`), [`Authorization: Bearer ${billing.secret}`]])
      expect((await billing.request('GET', '/orders', { headers, withoutSecret: true })).status).toBe(200)
    expect(target.seen.length - before).toBe(2)
    // On one connection each request is asked anew.
    const host = `Host: 127.0.0.1:${billing.port}\r\n`
    const both = await billing.raw(
      `GET /orders HTTP/1.1\r\n${host}Authorization: ${billing.authorization}\r\n\r\nGET /orders HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    )
    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401'])
  })

  it('refuses what no rule allows with a problem, and nothing of it reaches the target', async () => {
    const before = target.seen.length
    const answer = await billing.request('PATCH', '/orders/1', {
      body: '{}',
      headers: ['Content-Type: application/json'],
    })
    expect(answer.head).toMatch(/^content-type: application\/problem\+json$/im)
    expect(problem(answer)).toMatchObject({
      status: 403,
      code: 'COMMAND_NOT_ALLOWED',
      id: expect.stringMatching(/^dec_/),
    })
    const cancelled = await billing.request('POST', '/orders', {
      headers: ['Content-Type: application/json'],
      body: '{"Status":"cancelled"}',
    })
    expect(problem(cancelled).detail).toContain('orders are not cancelled here')
    expect(target.seen.length).toBe(before)
  })

  it('holds a request while the client waits; after approval exactly its bytes are sent, once', async () => {
    const before = target.seen.length
    const held = billing.request('DELETE', '/orders/17?force=true')
    await gateway.decide('approve')
    const answer = await held
    expect(answer.status).toBe(200)
    expect(answer.head).toMatch(/^x-pam-approval: apr_/im)
    expect(target.seen.slice(before).map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE /orders/17?force=true',
    ])
    const denied = billing.request('DELETE', '/orders/18')
    await gateway.decide('deny')
    expect(problem(await denied)).toMatchObject({ status: 403, code: 'HOLD_DENIED' })
    expect(target.seen.length).toBe(before + 1)
  })

  it('withdraws a request whose client has left', async () => {
    const socket = connect(billing.port, '127.0.0.1')
    socket.write(
      `DELETE /orders/19 HTTP/1.1\r\nHost: 127.0.0.1:${billing.port}\r\nAuthorization: ${billing.authorization}\r\n\r\n`,
    )
    await eventually(async () => (await gateway.bob.api.reviews.list())[0], 'it waits')
    socket.destroy()
    await eventually(
      async () => ((await gateway.bob.api.reviews.list()).length === 0 ? true : undefined),
      'it is withdrawn',
    )
    expect(target.seen.some(({ url }) => url === '/orders/19')).toBe(false)
  })

  it('keeps the order of requests that are sent ahead, across one that is refused', async () => {
    const host = `Host: 127.0.0.1:${billing.port}\r\nAuthorization: ${billing.authorization}\r\n`
    const requests = Array.from({ length: 12 }, (_, index) =>
      index === 5 ? `GET /admin/x HTTP/1.1\r\n${host}\r\n` : `GET /orders/n${index} HTTP/1.1\r\n${host}\r\n`,
    )
    const answers = await billing.raw(`${requests.join('')}GET /last HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    expect(answers.match(/HTTP\/1\.1 \d+/g)?.map((line) => Number(line.slice(9)))).toEqual([
      ...Array<number>(5).fill(200),
      403,
      ...Array<number>(7).fill(200),
    ])
    expect([...answers.matchAll(/GET \/orders\/n(\d+)"/g)].map(([, number]) => Number(number))).toEqual([
      0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11,
    ])
  })

  it('shows where an answer leads only within the target, and sets no cookies', async () => {
    const to = async (where: string) => billing.request('GET', `/redirect?to=${encodeURIComponent(where)}`)
    const location = ({ head }: { head: string }): string | undefined => /^location: (.*)$/im.exec(head)?.[1]
    expect(location(await to('/orders?x=1'))).toBe('/orders?x=1')
    expect(location(await to(`http://127.0.0.1:${target.port}/orders`))).toBe('/orders')
    expect(location(await to('next'))).toBe('/next')
    for (const where of [
      'https://evil.example/',
      '//evil.example/',
      `http://127.0.0.1:${billing.port}/`,
      '/\\evil.example',
    ])
      expect(problem(await to(where)).code).toBe('FEATURE_REFUSED')
    const { head } = await billing.request('GET', '/signs-in')
    expect(head).not.toMatch(/cookie|alt-svc/i)
    expect(head).toMatch(/^x-kept: 1$/im)
    expect(problem(await billing.request('GET', '/unauthorized'))).toMatchObject({
      status: 502,
      code: 'TARGET_CREDENTIAL',
    })
  })

  it.each([
    ['/short', /^HTTP\/1\.1 200/],
    ['/reset', /502.*\r\n[^]*"code":"TARGET_LEFT"/],
    ['/not-http', /502.*\r\n[^]*"code":"TARGET_LEFT"/],
    ['/switches', /502.*\r\n[^]*"code":"TARGET_LEFT"/],
  ])('survives a target that disconnects: %s', async (path, answer) => {
    const { head, body } = await billing.request('GET', path)
    expect(`${head}\r\n\r\n${body}`).toMatch(answer)
    expect((await billing.request('GET', '/orders')).status).toBe(200)
  })

  it('answers without a body where there is none', async () => {
    for (const [path, status] of [
      ['/empty', 204],
      ['/unchanged', 304],
      ['/body-with-204', 204],
    ] as const) {
      const answer = await billing.request('GET', path)
      expect([answer.status, answer.body]).toEqual([status, ''])
    }
    const head = await billing.request('HEAD', '/big?bytes=5')
    expect([head.status, head.body]).toEqual([200, ''])
    expect(head.head).toMatch(/^content-length: 5$/im)
  })

  it('passes events as they come, and ends them with the client', async () => {
    const socket = connect(billing.port, '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    socket.write(
      `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${billing.port}\r\nAuthorization: ${billing.authorization}\r\n\r\n`,
    )
    await eventually(() => (text.includes('data: first') ? true : undefined), 'the first event')
    socket.destroy()
    await target.seen.find(({ url }) => url === '/events')?.closed
  })

  it.each([
    ['with its length', ['Content-Length: 3000000'], (body: string) => body],
    ['in chunks', ['Transfer-Encoding: chunked'], (body: string) => chunked(body)],
    ['that asks first', ['Content-Length: 3000000', 'Expect: 100-continue'], (body: string) => body],
  ])('sends a long body on as it comes, %s', async (_name, headers, encode) => {
    const body = 'y'.repeat(3_000_000)
    const answer = await billing.raw(
      `PUT /hashed HTTP/1.1\r\nHost: 127.0.0.1:${billing.port}\r\nAuthorization: ${billing.authorization}\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n${encode(body)}`,
    )
    expect(answer).toContain(createHash('sha256').update(body).digest('hex'))
  })

  it('gives up a long body that breaks off', async () => {
    const socket = connect(billing.port, '127.0.0.1')
    const before = target.seen.length
    socket.write(
      `PUT /hashed HTTP/1.1\r\nHost: 127.0.0.1:${billing.port}\r\nAuthorization: ${billing.authorization}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked('z'.repeat(2_000_000)).slice(0, -5)}`,
    )
    const seen = await eventually(() => target.seen[before], 'it reaches the target')
    socket.destroy()
    expect((await seen.body).text).toBe('(cut off)')
  })

  it('asks nobody about a body that is too long to be shown', async () => {
    const answer = await billing.request('DELETE', '/orders/20', { body: 'x'.repeat(1_100_000) })
    expect(problem(answer)).toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
    expect(target.seen.some(({ url }) => url === '/orders/20')).toBe(false)
  })

  it('masks what it can read, and shows nothing of what it cannot', async () => {
    const masked = await gateway.open('masked')
    const customers = await masked.request('GET', '/customers')
    expect(customers.body).toBe('{"customers":[{"name":"Jane","email":"****","card":null}]}')
    expect(customers.head).not.toMatch(/^content-length: \d+$/im)
    expect(problem(await masked.request('GET', '/picture')).code).toBe('MASKING_REFUSED')
    const events = await fetch(`${masked.url}/events`, { headers: { authorization: masked.authorization } })
    const first = await events.body?.getReader().read()
    expect(Buffer.from(first?.value ?? []).toString()).toBe('data: first\n\n')
  })

  it('keeps no value of a masked kind that a request has, allowed, refused or held', async () => {
    const mail = 'planted.person@example.org'
    const encoded = mail.replace('@', '%40')
    const port = await gateway.open('masked')
    const held = port.request('DELETE', `/orders/${encoded}?who=${encoded}`)
    const review = await eventually(
      async () => (await gateway.bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'a review',
    )
    expect(review).toMatchObject({
      effect: expect.stringMatching(/^DELETE \/orders\/<secret \w+>, writes \/orders\/<secret \w+>$/),
    })
    // Whoever decides sees it, for as long as it waits.
    const search = new SecretSearch()
    search.add('sessions', JSON.stringify(await gateway.bob.api.sessions.list({ target: 'masked' })))
    await gateway.decide('deny')
    expect(problem(await held).code).toBe('HOLD_DENIED')
    expect(problem(await port.request('PATCH', `/orders/${mail}`)).code).toBe('COMMAND_NOT_ALLOWED')
    expect((await port.request('GET', `/orders/${encoded}`)).status).toBe(200)
    const { items } = await gateway.bob.api.sessions.list({ target: 'masked' })
    const record = await eventually(async () => {
      const { stdout } = await gateway.pamctl('export', items[0]?.id ?? '', '--format', 'jsonl', '--output', '-')
      return stdout.includes('no rule allows PATCH') ? stdout : undefined
    }, 'it is on record')
    search.add('the record', record)
    search.add('the review', JSON.stringify(await gateway.bob.api.reviews.get(review.id)))
    for await (const entry of gateway.bob.api.audit({})) search.add('the audit chain', JSON.stringify(entry))
    search.addDirectory(gateway.directory)
    expect(search.has('DELETE', /review/) && search.has('approval.', /audit/) && search.has('PATCH', /record/)).toBe(
      true,
    )
    expect(search.find({ mail, encoded })).toEqual([])
  })

  it('has on record what was asked and answered, without secrets', async () => {
    await billing.request('GET', '/orders?api_key=verysecretvalue&who=jane', { headers: ['X-Tenant: t9'] })
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    const { id } = sessions.find((session) => session.target === 'billing') as { id: string }
    await eventually(async () => {
      const { stdout } = await gateway.pamctl('replay', id)
      return stdout.includes('who=jane') ? true : undefined
    }, 'it is on record')
    const { stdout } = await gateway.pamctl('replay', id)
    expect(stdout).toMatch(/GET \/orders\?api_key=‹?.*>?&who=jane/)
    expect(stdout).toContain('x-tenant: t9')
    expect(stdout).toContain('{"reached":"GET /orders?api_key=')
    for (const secret of [TOKEN, billing.secret, 'verysecretvalue']) expect(stdout).not.toContain(secret)
  })

  describe('clients', () => {
    const scripts: readonly [string, readonly string[]][] = [
      ['curl', ['curl', '-sS', '/echo?who=curl']],
      ['curl with a body', ['curl', '-sS', '-X', 'POST', '--json', '{"a":1}', '/echo?who=curl2']],
      ['wget', ['wget', '-q', '-O', '-', '/echo?who=wget']],
      ['HTTPie', ['http', '--ignore-stdin', '--body', '/echo?who=httpie']],
      [
        'Node fetch',
        [
          'node',
          '-e',
          `fetch(process.env.PAMCTL_URL + '/echo?who=node', { headers: { authorization: 'Bearer ' + process.env.PAMCTL_SECRET } }).then(async (a) => console.log(await a.text()))`,
        ],
      ],
      [
        'Python requests',
        [
          'python3',
          '-c',
          `import os, requests; print(requests.get(os.environ['PAMCTL_URL'] + '/echo?who=requests').text)`,
        ],
      ],
      [
        'Python http.client',
        [
          'python3',
          '-c',
          `import os, http.client, urllib.parse as u
c = http.client.HTTPConnection(u.urlsplit(os.environ['PAMCTL_URL']).netloc)
c.request('GET', '/echo?who=httpclient', headers={'Authorization': 'Bearer ' + os.environ['PAMCTL_SECRET']})
print(c.getresponse().read().decode())`,
        ],
      ],
    ]
    for (const [name, command] of scripts)
      if (hasProgram(command[0] as string))
        it(`${name} reaches the target`, async () => {
          const { stdout, stderr, code } = await gateway.pamctl('connect', 'billing', '--', ...command)
          expect([code, stderr]).toEqual([0, ''])
          expect(echoed(stdout).url).toMatch(/^\/echo\?who=/)
          expect(stdout).not.toContain(TOKEN)
        })

    it('Go reaches the target', async () => {
      const program = join(gateway.directory, 'main.go')
      writeFileSync(program, GO)
      const { stdout, stderr, code } = await gateway.pamctl('connect', 'billing', '--', 'go', 'run', program)
      expect([code, stderr]).toEqual([0, ''])
      expect(echoed(stdout).url).toBe('/echo?who=go')
      rmSync(program)
    })

    it('curl is told why it is refused, and no secret is among its arguments', async () => {
      const { stdout } = await gateway.pamctl('connect', 'billing', '--', 'curl', '-sS', '-X', 'PATCH', '/orders/1')
      expect(JSON.parse(stdout)).toMatchObject({ code: 'COMMAND_NOT_ALLOWED' })
      const shown = await gateway.pamctl(
        'connect',
        'billing',
        '--',
        'sh',
        '-c',
        'tr "\\0" " " < /proc/$$/cmdline; echo "$PAMCTL_URL"',
      )
      expect(shown.stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+$/m)
      expect(shown.stdout).not.toContain(billing.secret)
    })
  })
})

const chunked = (body: string): string => {
  const pieces = body.match(/[^]{1,60000}/g) ?? []
  return `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`
}

const GO = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	request, _ := http.NewRequest("GET", os.Getenv("PAMCTL_URL")+"/echo?who=go", nil)
	request.SetBasicAuth("go", os.Getenv("PAMCTL_SECRET"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, answer.Body)
	fmt.Println()
}
`
