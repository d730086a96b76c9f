import { PassThrough } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Verdict } from '../../../../src/gateway/engine.ts'
import { untilDecided } from '../../../../src/protocols/ssh/gateway/held-channel.ts'

const forward: Verdict = { type: 'forward', id: 'dec_1' }
let client: PassThrough
let withdrawn: number
let decide: (verdict: Verdict) => void
let hold: Parameters<typeof untilDecided>[0]

beforeEach(() => {
  client = new PassThrough()
  withdrawn = 0
  hold = { verdict: new Promise((resolve) => (decide = resolve)), withdraw: () => void withdrawn++ }
})

describe('a channel whose command is held', () => {
  it('keeps what is typed meanwhile for the command, in order', async () => {
    const verdict = untilDecided(hold, client, true)
    client.write('ls ')
    client.write('-l\n')
    await new Promise(setImmediate)
    decide(forward)
    expect(await verdict).toEqual({ verdict: forward, typed: Buffer.from('ls -l\n') })
    expect(client.isPaused()).toBe(true)
    expect(withdrawn).toBe(0)
  })

  it('keeps it where the input ended, too', async () => {
    const verdict = untilDecided(hold, client, true)
    client.end('exit\n')
    await new Promise((resolve) => client.once('end', resolve))
    decide(forward)
    expect((await verdict).typed.toString()).toBe('exit\n')
  })

  it('is withdrawn by Ctrl-C on a terminal, which no command gets', async () => {
    const verdict = untilDecided(hold, client, true)
    client.write('a')
    client.write('b\u0003')
    await new Promise(setImmediate)
    expect(withdrawn).toBe(1)
    decide(forward)
    expect((await verdict).typed.toString()).toBe('a')
  })

  it('does not read input that is no terminal: the byte of Ctrl-C is data there', async () => {
    const verdict = untilDecided(hold, client, false)
    client.write('\u0003')
    await new Promise(setImmediate)
    decide(forward)
    await verdict
    expect(withdrawn).toBe(0)
    expect(client.read()).toEqual(Buffer.from([3]))
  })

  it('is withdrawn where the client has left already', async () => {
    client.end()
    const verdict = untilDecided(hold, client, false)
    expect(withdrawn).toBe(1)
    decide(forward)
    await verdict
  })

  it('reads no more than 64 KiB ahead', async () => {
    const verdict = untilDecided(hold, client, true)
    client.write(Buffer.alloc(64 * 1024))
    await new Promise(setImmediate)
    expect(client.isPaused()).toBe(false)
    client.write('x')
    await new Promise(setImmediate)
    expect(client.isPaused()).toBe(true)
    decide(forward)
    await verdict
  })
})
