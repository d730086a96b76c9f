import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientFor, exec, untilDone } from '../../../src/cli/commands/exec.ts'
import { runVerb } from '../../helpers/verb.ts'

const target = (type: string) => ({ name: 'web-1', type })
const world = (type: string) => ({
  gateway: { 'GET /v1/targets': { items: [{ ...target(type), grant: 'standing', accounts: ['app'] }] } },
  agent: { listen: { host: '127.0.0.1', port: 1 } },
})

describe('a client that Ctrl-C ends', () => {
  it.each([
    ['with a code of its own', 255, { exitCode: 130, wasInterrupted: true }],
    ['and which ends well all the same', 0, { exitCode: 0, wasInterrupted: false }],
  ])('%s', async (_, code, expected) => {
    const interrupted = untilDone(() => {
      process.emit('SIGINT', 'SIGINT')
      return Promise.resolve(code)
    })
    expect(await interrupted).toEqual(expected)
    const before = process.listenerCount('SIGINT')
    expect(await untilDone(() => Promise.resolve(255))).toEqual({ exitCode: 255, wasInterrupted: false })
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
})

describe('pamctl exec', () => {
  it('runs the words on a server unchanged, whatever they contain', () => {
    const shell = (words: readonly string[]): string =>
      spawnSync('sh', ['-c', `printf '%s\\0' ${clientFor(target('ssh'), words, {}).args.at(-1)}`]).stdout.toString()
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom(...`a'"\\$\`;&|<>*?~# \n-=!{}`) }), { minLength: 1 }),
        (words) => {
          expect(shell(words)).toBe(words.map((word) => `${word}\0`).join(''))
        },
      ),
      { numRuns: 25 },
    )
  })

  it.each([
    // A command that ssh could take for an option of its own.
    [['-oProxyCommand=id', 'x'], {}, `'-oProxyCommand=id' x`],
    [['df', '-h'], {}, "df '-h'"],
    // What a shell would not take for a command where it looks for one.
    [['LD_PRELOAD=/tmp/x.so', 'ls'], {}, "'LD_PRELOAD=/tmp/x.so' ls"],
    [['time', 'ls', 'a=b', 'if'], {}, "'time' ls a=b if"],
  ])('gives ssh %j as one word', (words, options, last) => {
    const { program, args } = clientFor(target('ssh'), words, { account: 'app', ...options })
    expect([program, ...args]).toEqual(['ssh', '-T', '-oBatchMode=yes', '-oUser=app', 'web-1', last])
  })

  it('passes kubectl the words behind its options', () => {
    const options = { pod: 'shop-1', namespace: 'shop', container: 'app' }
    expect(clientFor(target('kubernetes'), ['ls', '-la'], options)).toEqual({
      program: 'kubectl',
      args: ['exec', '--stdin', '--namespace=shop', '--container=app', 'shop-1', '--', 'ls', '-la'],
    })
  })

  it.each([
    ['ssh', ['--pod', 'x'], '--pod is for Kubernetes targets'],
    ['kubernetes', [], 'no pod was given'],
    ['kubernetes', ['--account', 'root', '--pod', 'x'], '--account is for servers'],
    ['kubernetes', ['--pod=--kubeconfig=/x'], 'is not the name of a pod'],
    ['postgres', [], 'pamctl exec is for SSH and Kubernetes'],
    ['oracle', [], 'this pamctl does not know targets of type oracle, such as web-1'],
  ])('starts nothing on a target of type %s with %j', async (type, options, message) => {
    const { code, stderr, agentCalls } = await runVerb([exec], ['exec', 'web-1', ...options, '--', 'true'], world(type))
    expect([code, agentCalls]).toEqual([type === 'oracle' ? 1 : 2, []])
    expect(stderr).toContain(message)
  })
})
