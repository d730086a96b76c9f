import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { createServer as createHttp2Server, connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../helpers/gateway-client.ts'
import { harProblems } from '../helpers/har-schema.ts'
import { startHttpGateway, TOKEN, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { http2Evasions, startWatchedService, type WatchedService } from './http/http2-evasions.ts'
import { hasProgram } from '../helpers/test-clients.ts'

/** Clients of HTTP/2 at a local port, in front of targets that speak either version; trailers in both directions. */
describe('HTTP/2 through pamctl connect', () => {
  const closers: (() => void)[] = []
  let gateway: HttpGateway
  let old: HttpPort
  let modern: HttpPort
  let session: ClientHttp2Session
  let service: WatchedService
  let seen: {
    readonly url: string
    readonly version: string
    readonly trailers: Record<string, unknown>
    /** As `Trailer` says. */
    readonly announced?: string | undefined
    readonly body: string
  }[] = []
  /** Requests whose bodies have not come whole. */
  const cutOff: string[] = []
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-http2-'))

  /** Says what it was asked, with the credential it was given in a trailer. */
  async function startTargets(): Promise<{ readonly http1: number; readonly h2c: number }> {
    const http1 = createServer((request, response) => {
      const answer = (body: string): void => {
        const { url = '', httpVersion: version, headers } = request
        seen.push({ url, version, trailers: { ...request.trailers }, announced: headers.trailer, body })
        response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum, x-signed-in' })
        response.write(`${request.method} ${request.url} ${body}`)
        response.addTrailers({
          'x-sum': String(body.length),
          'x-signed-in': request.headers.authorization ?? '',
          'content-type': 'text/html',
        })
        response.end()
      }
      text(request).then(answer, () => void cutOff.push(request.url ?? ''))
    })
    const h2c = createHttp2Server()
    h2c.on('stream', (stream, headers, _flags) => {
      let trailers: Record<string, unknown> = {}
      stream.on('trailers', (given) => (trailers = Object.fromEntries(Object.entries(given))))
      void text(stream).then((body) => {
        seen.push({ url: headers[':path'] ?? '', version: '2', trailers, body })
        stream.once('wantTrailers', () =>
          stream.sendTrailers({
            'x-sum': String(body.length),
            'x-signed-in': headers.authorization ?? '',
            ...(body.includes('@') ? { 'x-said': body } : {}),
          }),
        )
        stream.respond({ ':status': 200, 'content-type': 'text/plain' }, { waitForTrailers: true })
        stream.end(`${headers[':method']} ${headers[':path']} ${body}`)
      })
    })
    for (const server of [http1, h2c]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      closers.push(() => server.close())
    }
    return { http1: (http1.address() as AddressInfo).port, h2c: (h2c.address() as AddressInfo).port }
  }

  beforeAll(async () => {
    const ports = await startTargets()
    service = await startWatchedService()
    closers.push(() => service.stop())
    const common = {
      type: 'http',
      host: '127.0.0.1',
      tls: 'disable',
      credential: { type: 'bearer', token: 'file:token' },
      headers: ['x-checksum'],
    }
    gateway = await startHttpGateway({
      targets: [
        { name: 'old', ...common, port: ports.http1 },
        { name: 'modern', ...common, port: ports.h2c, h2c: true },
        { name: 'masked', ...common, port: ports.h2c, h2c: true },
        { name: 'shop', type: 'http', host: '127.0.0.1', tls: 'disable', headers: ['x-tenant'], port: service.port },
      ],
      commands: [
        {
          name: 'anything there',
          targets: { names: ['shop'] },
          match: { methods: ['GET', 'POST', 'PUT', 'DELETE'] },
          allow: true,
        },
        { name: 'not here', match: { routes: ['/admin/**'] }, deny: 'not here' },
        { name: 'a person decides', match: { methods: ['DELETE'] }, hold: { approvers: { groups: ['sre'] } } },
        { name: 'all', match: { methods: ['GET', 'POST', 'PUT'] }, allow: true },
      ],
      masking: [{ name: 'people', targets: { names: ['masked'] }, kinds: ['email'], style: 'redact' }],
    })
    old = await gateway.open('old')
    modern = await gateway.open('modern')
    session = connectHttp2(old.url)
  })

  afterAll(async () => {
    session?.destroy()
    await gateway?.stop()
    for (const close of closers) close()
    rmSync(directory, { recursive: true, force: true })
  })

  http2Evasions(() => ({ gateway, service }))

  interface Answer {
    readonly status: number
    readonly body: string
    readonly trailers: Record<string, unknown>
  }

  function ask(
    over: ClientHttp2Session,
    { authorization }: HttpPort,
    method: string,
    path: string,
    { body, trailers }: { body?: string; trailers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const stream = over.request(
      {
        ':method': method,
        ':path': path,
        authorization,
        te: 'trailers',
        ...(body === undefined ? {} : { 'content-type': 'text/plain' }),
      },
      { endStream: body === undefined, waitForTrailers: trailers !== undefined },
    )
    let status = 0
    let received: Record<string, unknown> = {}
    stream.on('response', (head) => (status = head[':status'] ?? 0))
    stream.on('trailers', (given) => (received = Object.fromEntries(Object.entries(given))))
    stream.once('wantTrailers', () => stream.sendTrailers(trailers ?? {}))
    if (body !== undefined) stream.end(body)
    return text(stream).then((answer) => ({ status, body: answer, trailers: received }))
  }

  it.each(['curl', 'Go'])('%s speaks it with prior knowledge', async (client) => {
    const run = promisify(execFile)
    for (const port of [old, modern]) {
      if (client === 'curl') {
        const { stdout } = await run('curl', [
          '-sS',
          '--http2-prior-knowledge',
          '--config',
          port.curlConfig,
          '-w',
          ' %{http_version} %{http_code}',
          `${port.url}/curl`,
        ])
        expect(stdout).toBe('GET /curl  2 200')
      } else if (hasProgram('go')) {
        const program = join(directory, 'main.go')
        writeFileSync(program, GO)
        const { stdout } = await run('go', ['run', program, `${port.url}/go`, port.secret], {
          env: { ...process.env, GOFLAGS: '-mod=mod' },
        })
        expect(stdout).toBe(
          `HTTP/2.0 200 POST /go hello map[X-Signed-In:[Bearer ${'*'.repeat(TOKEN.length)}] X-Sum:[5]]`,
        )
      }
    }
  })

  it('decides on each stream of a connection by itself, side by side', async () => {
    const before = seen.length
    const held = ask(session, old, 'DELETE', '/held')
    const [one, denied, two] = await Promise.all([
      ask(session, old, 'GET', '/one'),
      ask(session, old, 'GET', '/admin/x'),
      ask(session, old, 'PUT', '/two', { body: 'x' }),
    ])
    expect([one.status, denied.status, two.status]).toEqual([200, 403, 200])
    await gateway.decide('approve')
    expect(await held).toMatchObject({ status: 200, body: 'DELETE /held ' })
    expect(
      seen
        .slice(before)
        .map(({ url }) => url)
        .toSorted(),
    ).toEqual(['/held', '/one', '/two'])
  })

  it.each(['old', 'modern'] as const)('passes trailers both ways, without the credential: %s', async (name) => {
    const port = name === 'old' ? old : modern
    const own = connectHttp2(port.url)
    const sent = { 'x-checksum': 'c1', 'content-digest': 'sha-256=:x:' }
    const answer = await ask(own, port, 'PUT', '/sum', { body: 'hello', trailers: sent })
    expect(answer).toMatchObject({ status: 200, body: 'PUT /sum hello' })
    expect(answer.trailers).toEqual({ 'x-sum': '5', 'x-signed-in': `Bearer ${'*'.repeat(TOKEN.length)}` })
    expect(seen.at(-1)).toMatchObject({ url: '/sum', body: 'hello', trailers: sent })
    // One that is long is sent on as it comes, and so is what follows it.
    const long = 'y'.repeat(1_500_000)
    expect((await ask(own, port, 'PUT', '/long', { body: long, trailers: sent })).trailers['x-sum']).toBe(
      String(long.length),
    )
    expect(seen.at(-1)?.trailers).toMatchObject(sent)
    own.destroy()
  })

  it('masks trailers as it does headers', async () => {
    const masked = await gateway.open('masked')
    const own = connectHttp2(masked.url)
    const answer = await ask(own, masked, 'PUT', '/who', { body: 'jane.roe@example.org' })
    own.destroy()
    expect(answer.body).toBe('PUT /who ****')
    expect(answer.trailers['x-said']).toBe('****')
  })

  it('gives up a long body with a trailer that does not pass: the target never has the request as a whole', async () => {
    const before = seen.length
    const answer = await ask(session, old, 'PUT', '/long', {
      body: 'z'.repeat(1_500_000),
      trailers: { 'x-other': '1' },
    }).catch(() => ({ status: 0, body: '' }))
    expect(answer.body).not.toContain('PUT /long')
    expect(await ask(session, old, 'GET', '/next')).toMatchObject({ status: 200 })
    expect(seen.slice(before).map(({ url }) => url)).toEqual(['/next'])
    await eventually(() => (cutOff.includes('/long') ? true : undefined), 'the target sees that it is cut off')
  })

  it('passes trailers of a client of HTTP/1.1, too', async () => {
    const answer = await old.raw(
      [
        'PUT /chunks HTTP/1.1',
        `Host: 127.0.0.1:${old.port}`,
        `Authorization: ${old.authorization}`,
        'Connection: close',
        'Content-Type: text/plain',
        'Transfer-Encoding: chunked',
        '',
        '3',
        'abc',
        '0',
        'X-Checksum: c2',
        '',
        '',
      ].join('\r\n'),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*PUT \/chunks abc\r\n0\r\nx-sum: 3\r\nx-signed-in: Bearer \*+\r\n\r\n$/)
    expect(answer).toMatch(/^trailer: x-sum, x-signed-in\r$/m)
    expect(seen.at(-1)).toMatchObject({ trailers: { 'x-checksum': 'c2' }, announced: 'x-checksum' })
    const refused = await old.raw(
      `PUT /chunks HTTP/1.1\r\nHost: 127.0.0.1:${old.port}\r\nAuthorization: ${old.authorization}\r\nConnection: close\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Other: 1\r\n\r\n`,
    )
    expect(refused).toContain('the trailer x-other is not passed on')
  })

  it('can be exported as an HTTP Archive, with trailers, refusals and waits', async () => {
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    const { id } = sessions.find(({ target }) => target === 'old') as { id: string }
    const archive = await eventually(async () => {
      const { stdout } = await gateway.pamctl('export', id, '--format', 'har', '--output', '-')
      return stdout.includes('/chunks') ? stdout : undefined
    }, 'all of it is on record')
    expect(harProblems(JSON.parse(archive))).toEqual([])
    const { entries } = (
      JSON.parse(archive) as {
        log: {
          entries: {
            request: { url: string }
            response: Record<string, unknown>
            timings: { blocked: number }
            _verdict: string
          }[]
        }
      }
    ).log
    const of = (path: string) => entries.find(({ request }) => request.url === `https://old${path}`)
    expect(of('/sum')).toMatchObject({
      request: { method: 'PUT', postData: { text: expect.stringContaining('hello') } },
      response: {
        status: 200,
        content: { text: 'PUT /sum hello' },
        _trailers: [{ name: 'x-sum', value: '5' }, { name: 'x-signed-in' }],
      },
    })
    expect(of('/admin/x')).toMatchObject({ _verdict: 'deny', response: { status: 0 } })
    expect(of('/held')?.timings.blocked).toBeGreaterThanOrEqual(0)
    for (const secret of [TOKEN, old.secret]) expect(archive).not.toContain(secret)
  })
})

const GO = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	request, _ := http.NewRequest("POST", os.Args[1], strings.NewReader("hello"))
	request.Header.Set("Content-Type", "text/plain")
	request.Header.Set("TE", "trailers")
	request.SetBasicAuth("go", os.Args[2])
	answer, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(answer.Body)
	fmt.Print(answer.Proto, " ", answer.StatusCode, " ", string(body), " ", answer.Trailer)
}
`
