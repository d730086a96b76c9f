import { createServer, type Server } from 'node:http'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Checkpoints, keepAtWebhook, keepInFile, keepInHome } from '../../src/audit-delivery/checkpoints.ts'
import { AuditVerifier, type AuditCheckpoint } from '../../src/recording/audit-chain.ts'
import { directoryHome } from '../../src/recording/homes/directory.ts'
import { createLogger } from '../../src/shared/logger.ts'
import { keys, signer } from '../helpers/recordings.ts'

let directory: string
let server: Server
let received: string[]
let status: number
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  received = []
  status = 200
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      received.push(`${String(request.headers['x-token'])} ${body}`)
      response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('checkpoints', () => {
  const file = (): string => join(directory, 'checkpoints.jsonl')
  const start = (head: () => { seq: number; hash: string } | undefined): Checkpoints =>
    new Checkpoints({
      every: 1e9,
      keepers: [
        { name: 'file', keep: keepInFile(file()) },
        {
          name: 'webhook',
          keep: keepAtWebhook({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
            headers: () => ({ 'x-token': 'sesame' }),
          }),
        },
        { name: 'home', keep: keepInHome(directoryHome(join(directory, 'home')), directory) },
      ],
      head: () => Promise.resolve(head()),
      signer,
      logger: createLogger('silent'),
    })

  it('are signed, and stored in every place, once for each length of the chain', async () => {
    let seq = 5
    const checkpoints = start(() => ({ seq, hash: 'a'.repeat(64) }))
    await checkpoints.write()
    await checkpoints.write()
    seq = 6
    await checkpoints.stop()
    const kept = readFileSync(file(), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditCheckpoint)
    expect(kept.map((checkpoint) => checkpoint.seq)).toEqual([5, 6])
    expect(received).toEqual(kept.map((checkpoint) => `sesame ${JSON.stringify(checkpoint)}`))
    expect(readdirSync(join(directory, 'home', 'checkpoints'))).toHaveLength(2)
    // An empty chain is shorter than what they say; a forged one is not believed.
    expect(new AuditVerifier(keys, kept).result()).toMatchObject({ status: 'invalid', seq: 1 })
    const forged = kept.map((checkpoint) => ({ ...checkpoint, seq: 0 }))
    expect(new AuditVerifier(keys, forged).result()).toMatchObject({ reason: expect.stringContaining('signature') })
  })

  it.each([500, 302])(
    'report a place that answers %i, do not stop the others, and send it a later one',
    async (answer) => {
      let seq = 5
      status = answer
      const checkpoints = start(() => ({ seq, hash: 'a'.repeat(64) }))
      await checkpoints.write()
      expect([...checkpoints.problems]).toEqual([['webhook', `the receiver answers ${answer}`]])
      expect(readdirSync(join(directory, 'home', 'checkpoints'))).toHaveLength(1)
      status = 200
      seq = 7
      await checkpoints.write()
      expect(checkpoints.problems.size).toBe(0)
      await checkpoints.stop()
    },
  )

  it('stand behind a line that a full disk cut off, each on a line of its own', async () => {
    let seq = 5
    const checkpoints = start(() => ({ seq, hash: 'a'.repeat(64) }))
    await checkpoints.write()
    const whole = readFileSync(file(), 'utf8')
    writeFileSync(file(), `${whole}${whole.slice(0, 40)}`)
    seq = 6
    await checkpoints.write()
    seq = 7
    await checkpoints.stop()
    const lines = readFileSync(file(), 'utf8').split('\n')
    expect(lines.map((line) => /^\{.*\}$/.test(line))).toEqual([true, false, true, true, false])
    expect(lines[1]).toBe(whole.slice(0, 40))
  })

  it('do not exist for an empty chain', async () => {
    const checkpoints = start(() => undefined)
    await checkpoints.stop()
    expect(received).toEqual([])
  })
})
