import { describe, expect, it } from 'vitest'
import { hostStatement } from '../../../../src/host/command/host-statement.ts'
import type { HostConnection } from '../../../../src/protocols/ssh/gateway/host-connection.ts'
import { execCommand, interactiveShell, isTransfer } from '../../../../src/protocols/ssh/gateway/shell-command.ts'

const settings = { environment: { LC_ALL: 'C', LANG: 'de' }, hasTerminal: false }
const read: string[] = []
const host = {
  session: { lease: { user: 'deploy' } },
  paths: { home: () => Promise.resolve('/home/deploy'), resolve: (path: string) => Promise.resolve(path) },
  commands: {
    shell: () => Promise.resolve('bash'),
    reader: {
      read: (text: string) => {
        read.push(text)
        return Promise.resolve({ type: 'exec', statements: [] })
      },
    },
  },
} as unknown as HostConnection

describe('a command line', () => {
  it('is analysed as text, and sent as the bytes that it came in', async () => {
    const bytes = Buffer.from('echo ä')
    const command = await execCommand(bytes, host, settings)
    expect(read).toEqual(['echo ä'])
    expect(command).toMatchObject({ text: 'echo ä', bytes })
    expect(command.refusal).toBeUndefined()
  })

  it('is approved for its environment, in any order, and with or without a terminal', async () => {
    const { context } = await execCommand(Buffer.from('ls'), host, settings)
    expect(context).toEqual({ environment: '[["LANG","de"],["LC_ALL","C"]]', terminal: 'no' })
    const other = { environment: { LANG: 'de', LC_ALL: 'C' }, hasTerminal: false }
    expect((await execCommand(Buffer.from('ls'), host, other)).context).toEqual(context)
    expect(interactiveShell('deploy', { ...settings, hasTerminal: true }).context).toEqual({
      ...context,
      terminal: 'yes',
    })
  })

  it.each([
    ['too long', Buffer.alloc(131_072, 0x61), 'MESSAGE_TOO_LARGE'],
    ['with a NUL', Buffer.from('a\0b'), 'COMMAND_REFUSED'],
  ])('that is %s is refused unread, whatever the rules say', async (_what, bytes, code) => {
    read.length = 0
    const command = await execCommand(bytes, host, settings)
    expect(command.refusal?.code).toBe(code)
    expect(command.text.length).toBeLessThan(4100)
    expect(command.facts.statements[0]?.unknown).toEqual([command.refusal?.message])
    expect(read).toEqual([])
  })

  it('of as many bytes as Linux takes is read', async () => {
    expect((await execCommand(Buffer.alloc(131_071, 0x61), host, settings)).refusal).toBeUndefined()
  })

  it('that is not UTF-8 is unknown, and an approval is for its bytes', async () => {
    const [one, other] = [Buffer.from([0x61, 0xff]), Buffer.from([0x61, 0xfe])]
    const command = await execCommand(one, host, settings)
    expect(command.facts.statements[0]?.unknown).toEqual(['it contains bytes that are not UTF-8'])
    expect(command.bytes).toBe(one)
    expect(command.context).not.toEqual((await execCommand(other, host, settings)).context)
  })
})

it('an interactive shell has no command line, and must be named in full by a rule', () => {
  const shell = interactiveShell('deploy', settings)
  expect(shell.bytes).toBeUndefined()
  expect(shell.facts.statements).toEqual([expect.objectContaining({ kinds: ['shell'], named: true, login: 'deploy' })])
})

describe('a transfer', () => {
  const of = (text: string, ...kinds: string[]) => ({
    text,
    facts: { type: 'exec' as const, statements: kinds.map((kind) => hostStatement('deploy', { kinds: [kind] })) },
    context: {},
  })
  it.each([
    ['scp -t /tmp', ['file-write'], true],
    ['/usr/bin/rsync --server . /srv', ['file-read', 'file-write'], true],
    ["git-upload-pack 'repo'", ['file-read'], true],
    // Its output is for eyes, and masked.
    ['cat /etc/passwd', ['file-read'], false],
    ['scp -t /tmp; id', ['file-write', 'exec'], false],
    ['scp.sh', ['exec'], false],
  ])('%s of kinds %j: %s', (text, kinds, expected) => {
    expect(isTransfer(of(text, ...kinds))).toBe(expected)
  })
})
