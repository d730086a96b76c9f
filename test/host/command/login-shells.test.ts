import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../src/host/command/command-line.ts'

const read = (text: string, shell?: 'bash' | 'other' | 'unanswered') =>
  readCommandLine(text, { login: 'jane', home: '/home/jane', ...(shell === undefined ? {} : { shell }) }).statements

describe.each(['other', 'unanswered'] as const)('for a login shell that is not known (%s)', (shell) => {
  it('a command hides what it does', () => {
    expect(read('rm /a', shell)).toEqual([
      expect.objectContaining({ argv: [], writes: [], unknown: [expect.any(String)] }),
    ])
  })

  it('a transfer is read where each shell reads it alike, and only there', () => {
    expect(read('scp -t /a', shell)).toEqual([expect.objectContaining({ writes: ['/a', '/a/**'], unknown: [] })])
    for (const text of ['scp -t /a\\ b', 'scp -t =a', 'scp -t %a', 'scp -t @a', "scp -t ''a"])
      expect(read(text, shell)).toEqual([expect.objectContaining({ writes: [], unknown: [expect.any(String)] })])
  })
})

it('control characters hide what a command does, whichever they are', () => {
  const codes = [...Array.from({ length: 0x20 }, (_, code) => code), 0x7f]
  const hidden = codes.filter((code) =>
    read(`true ${String.fromCharCode(code)}a`).some(({ unknown }) =>
      unknown.includes('it contains control characters'),
    ),
  )
  expect(codes.filter((code) => !hidden.includes(code))).toEqual([0x09, 0x0a])
})
